"""Linux's hash for equal-cost multipath, so that flows take the same paths in the simulator and in the kernel engine.

The kernel engine's switches hash addresses, protocol and ports with a seed of their own (`fib_multipath_hash_policy=3`). Linux 6.12:
`fib_multipath_custom_hash_skb` in `net/ipv4/route.c`, `__flow_hash_from_keys` in `net/core/flow_dissector.c`, SipHash-2-4 (Aumasson,
Bernstein: SipHash: a fast short-input PRF, 2012), and `fib_select_multipath` in `net/ipv4/fib_semantics.c`.
"""

from numba import int64, uint64

from iroko.engines.sim.jit import entry, inlined

TCP, UDP = 6, 17
"""Protocol numbers of IP."""
HASH_BITS = 31
_HASHED_BYTES = 48
_WORD32 = 0xFFFFFFFF
_INITIAL = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
_JHASH_OF_TWO = 0xDEADBEEF + (2 << 2)


@inlined
def _rotate(word: int, bits: int) -> int:
    """A 64-bit word, rotated to the left."""
    return (word << uint64(bits)) | (word >> uint64(64 - bits))


@inlined
def _sip_round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    v0 += v1
    v1 = _rotate(v1, 13) ^ v0
    v0 = _rotate(v0, 32)
    v2 += v3
    v3 = _rotate(v3, 16) ^ v2
    v0 += v3
    v3 = _rotate(v3, 21) ^ v0
    v2 += v1
    v1 = _rotate(v1, 17) ^ v2
    v2 = _rotate(v2, 32)
    return v0, v1, v2, v3


@inlined
def _rotate32(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _WORD32


@inlined
def _jhash_of_two(first: int, second: int) -> int:
    """Jenkins's hash of two 32-bit words, Linux's `jhash_2words` with initial value 0."""
    a, b, c = (first + _JHASH_OF_TWO) & _WORD32, (second + _JHASH_OF_TWO) & _WORD32, _JHASH_OF_TWO & _WORD32
    c = ((c ^ b) - _rotate32(b, 14)) & _WORD32
    a = ((a ^ c) - _rotate32(c, 11)) & _WORD32
    b = ((b ^ a) - _rotate32(a, 25)) & _WORD32
    c = ((c ^ b) - _rotate32(b, 16)) & _WORD32
    a = ((a ^ c) - _rotate32(c, 4)) & _WORD32
    b = ((b ^ a) - _rotate32(a, 14)) & _WORD32
    return ((c ^ b) - _rotate32(b, 24)) & _WORD32


@inlined
def _swap16(word: int) -> int:
    return ((word & 0xFF) << 8) | (word >> 8)


@inlined
def _swap32(word: int) -> int:
    return (_swap16(word & 0xFFFF) << 16) | _swap16(word >> 16)


@entry(int64(int64, int64, int64, int64, int64, int64))
def multipath_hash(seed: int, protocol: int, source: int, destination: int, source_port: int, destination_port: int) -> int:
    """The hash of a packet at a switch, 31 bits; both directions of a flow have the same one.

    Args:
        seed: of the switch, `fib_multipath_hash_seed`.
        protocol: `TCP` or `UDP`.
        source, destination: IPv4 addresses as numbers, 10.0.0.1 as 0x0A000001.
    """
    # As they are in the memory of a little-endian machine, where Linux compares them to give both directions one order.
    first, second = _swap32(source), _swap32(destination)
    if second < first:
        first, second = second, first
    first_port, second_port = _swap16(source_port), _swap16(destination_port)
    if second_port < first_port:
        first_port, second_port = second_port, first_port
    key = uint64((seed << 32) | seed)
    v0, v1, v2, v3 = uint64(_INITIAL[0]) ^ key, uint64(_INITIAL[1]) ^ key, uint64(_INITIAL[2]) ^ key, uint64(_INITIAL[3]) ^ key
    # `struct flow_keys` from `basic` on: protocol, flow label, two VLAN tags, key, ports, ICMP, addresses, and four bytes of padding.
    ports = uint64((second_port << 16) | first_port) << uint64(32)
    addresses = uint64(first) << uint64(32)
    words = (uint64(protocol << 16), uint64(0), uint64(0), ports, addresses, uint64(second), uint64(_HASHED_BYTES) << uint64(56))
    for word in words:
        v3 ^= word
        for _ in range(2):
            v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
        v0 ^= word
    v2 ^= uint64(0xFF)
    for _ in range(4):
        v0, v1, v2, v3 = _sip_round(v0, v1, v2, v3)
    outer = int64((v0 ^ v1 ^ v2 ^ v3) & uint64(_WORD32))
    # The second word would be the hash of an encapsulated packet.
    return _jhash_of_two(max(outer, 1), 0) >> 1


def choose(packet_hash: int, num_paths: int) -> int:
    """Which of so many equal paths a hash selects: the range of hashes is divided evenly, with bounds rounded as Linux rounds them."""
    for index in range(num_paths - 1):
        if packet_hash < (((index + 1) << HASH_BITS) + num_paths // 2) // num_paths:
            return index
    return num_paths - 1
