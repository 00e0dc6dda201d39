"""The simulator's multipath hash: against a plain transcription of SipHash, and for its evenness."""

from itertools import pairwise

import numpy as np
import pytest

from iroko.engines.addressing import flow_ports, host_address, multipath_seed
from iroko.engines.sim.multipath import HASH_BITS, TCP, UDP, choose, multipath_hash

_ALL = (1 << 64) - 1


def rotate(word: int, bits: int, width: int) -> int:
    return ((word << bits) | (word >> (width - bits))) & ((1 << width) - 1)


def siphash(key: bytes, data: bytes) -> int:
    """SipHash-2-4 of a message, as its paper gives it in section 2."""
    k0, k1 = (int.from_bytes(key[i : i + 8], "little") for i in (0, 8))
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def mix() -> None:
        for a, b, first, c, d, second in ((0, 1, 13, 2, 3, 16), (2, 1, 17, 0, 3, 21)):
            v[a], v[c] = (v[a] + v[b]) & _ALL, (v[c] + v[d]) & _ALL
            v[b], v[d] = rotate(v[b], first, 64) ^ v[a], rotate(v[d], second, 64) ^ v[c]
            v[a] = rotate(v[a], 32, 64)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        mix()
        mix()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(4):
        mix()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def test_the_transcription_gives_the_papers_answer() -> None:
    """Appendix A: key 00 to 0f, message 00 to 0e."""
    assert siphash(bytes(range(16)), bytes(range(15))) == 0xA129CA6149BE45E5


def jenkins(first: int) -> int:
    """Linux's `jhash_2words(first, 0, 0)`: the final mix of Jenkins's lookup3 of two words."""
    a, b, c = (first + 0xDEADBEF7) & 0xFFFFFFFF, 0xDEADBEF7, 0xDEADBEF7
    words = {"a": a, "b": b, "c": c}
    for to, by, bits in (("c", "b", 14), ("a", "c", 11), ("b", "a", 25), ("c", "b", 16), ("a", "c", 4), ("b", "a", 14), ("c", "b", 24)):
        words[to] = ((words[to] ^ words[by]) - rotate(words[by], bits, 32)) & 0xFFFFFFFF
    return words["c"]


def expected_hash(seed: int, protocol: int, addresses: tuple[int, int], ports: tuple[int, int]) -> int:
    in_order = b"".join(sorted((address.to_bytes(4, "big") for address in addresses), key=lambda word: word[::-1]))
    ports_in_order = b"".join(sorted((port.to_bytes(2, "big") for port in ports), key=lambda word: word[::-1]))
    keys = bytes([0, 0, protocol, 0]) + bytes(24) + ports_in_order + bytes(4) + in_order + bytes(4)
    return jenkins((siphash(seed.to_bytes(4, "little") * 4, keys) & 0xFFFFFFFF) or 1) >> 1


def test_the_hash_is_siphash_of_linuxs_flow_keys() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        seed, first, second = (int(word) for word in rng.integers(1, 1 << 32, 3))
        ports = (int(rng.integers(1 << 16)), int(rng.integers(1 << 16)))
        protocol = int(rng.choice([TCP, UDP]))
        there = multipath_hash(seed, protocol, first, second, *ports)
        assert there == expected_hash(seed, protocol, (first, second), ports)
        assert multipath_hash(seed, protocol, second, first, ports[1], ports[0]) == there


@pytest.mark.parametrize("num_paths", [2, 3, 4, 7, 16])
def test_the_range_of_hashes_is_divided_evenly(num_paths: int) -> None:
    size = 1 << HASH_BITS
    assert (choose(0, num_paths), choose(size - 1, num_paths)) == (0, num_paths - 1)
    bounds = [0, *(round(size * index / num_paths) for index in range(1, num_paths)), size]
    for index, (low, high) in enumerate(pairwise(bounds)):
        assert {choose(low, num_paths), choose(high - 1, num_paths)} == {index}


def test_switches_choose_independently() -> None:
    """Of 4,000 flows, each of the 16 pairs of choices of two switches gets a sixteenth, within 5 standard deviations."""
    counts = np.zeros((4, 4))
    for number in range(4000):
        ports = flow_ports(False, 3, number)
        packet = (TCP, host_address(number % 13), host_address(17 + number % 7), *ports)
        counts[tuple(choose(multipath_hash(multipath_seed(name), *packet), 4) for name in ("e0", "a0"))] += 1
    assert np.abs(counts - 250).max() < 5 * np.sqrt(4000 / 16 * 15 / 16)
