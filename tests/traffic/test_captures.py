"""Captures whose flows are known by construction."""

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.traffic._capture import read_capture
from iroko.traffic._intervals import MAX_INTERVALS, Intervals

FIN, SYN, RST, ACK = 1, 2, 4, 16
A, B = b"\x0a\0\0\1", b"\x0a\0\0\2"
A6, B6 = b"\xfd" + bytes(14) + b"\1", b"\xfd" + bytes(14) + b"\2"
Timed = tuple[float, bytes]
Flows = list[tuple[float, int]]


def ether(kind: int, data: bytes) -> bytes:
    return b"\2" * 6 + b"\4" * 6 + struct.pack(">H", kind) + data


def ip4(
    protocol: int, data: bytes, source: bytes = A, to: bytes = B, *, more: int = 0, at: int = 0, number: int = 7, length: int = -1
) -> bytes:
    length = 20 + len(data) if length < 0 else length
    return struct.pack(">BBHHHBBH", 0x45, 0, length, 7, more << 13 | at // 8, 64, protocol, 0) + source + to + data


def ip6(following: int, data: bytes, source: bytes = A6, to: bytes = B6) -> bytes:
    return struct.pack(">IHBB", 6 << 28, len(data), following, 64) + source + to + data


def tcp(size: int, sequence: int = 1, flags: int = ACK, ports: tuple[int, int] = (1000, 80), acknowledgement: int = 1) -> bytes:
    return struct.pack(">HHIIBBHHH", *ports, sequence % (1 << 32), acknowledgement, 0x50, flags, 65535, 0, 0) + b"x" * size


def udp(size: int, ports: tuple[int, int] = (9, 9), data: bytes | None = None) -> bytes:
    data = b"x" * size if data is None else data
    return struct.pack(">HHHH", *ports, 8 + len(data), 0) + data


def e4(protocol: int, data: bytes, **options: int) -> bytes:
    return ether(0x800, ip4(protocol, data, **options))


def back(data: bytes) -> bytes:
    return ether(0x800, ip4(6, data, B, A))


def pcap(packets: list[Timed], link: int = 1, order: str = "<", nano: bool = False, snap: int = 1 << 18) -> bytes:
    result = struct.pack(f"{order}IHHIIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    for time_s, data in packets:
        fraction = round(time_s % 1 * (1e9 if nano else 1e6))
        result += struct.pack(f"{order}IIII", int(time_s), fraction, min(len(data), snap), len(data)) + data[:snap]
    return result


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(f"{order}II", kind, 12 + len(body)) + body + struct.pack(f"{order}I", 12 + len(body))


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(link: int = 1, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, 0) + options, order)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def packet(data: bytes, stamp: int, index: int = 0, order: str = "<") -> bytes:
    return block(6, struct.pack(f"{order}IIIII", index, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data)) + data, order)


Read = Callable[..., Flows]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Writes a capture and gives starts and sizes of its flows."""

    def make(content: bytes | list[Timed], link: int = 1) -> Flows:
        path = tmp_path / "case.pcap"
        path.write_bytes(content if isinstance(content, bytes) else pcap(content, link))
        return [(round(flow.start_s, 6), flow.size_bytes) for flow in read_capture(str(path), 1000)]

    return make


def connection(time_s: float, size: int, first: int = 0) -> list[Timed]:
    segments = tcp(0, first, SYN), tcp(size, first + 1), tcp(0, first + 1 + size, FIN | ACK)
    return [(time_s + i / 10, e4(6, segment)) for i, segment in enumerate(segments)]


WHOLE = udp(8000)
PIECES4 = [e4(17, WHOLE[at : at + 1480], more=int(at + 1480 < len(WHOLE)), at=at) for at in range(0, len(WHOLE), 1480)]
PIECES6 = [ether(0x86DD, ip6(44, struct.pack(">BBHI", 17, 0, at | (at + 1448 < len(WHOLE)), 5) + WHOLE[at : at + 1448]))
           for at in range(0, len(WHOLE), 1448)]  # fmt: skip


@pytest.mark.parametrize("pieces", [PIECES4, PIECES6], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("order", ["in order", "backwards", "each twice", "two datagrams"])
def test_fragments_make_one_datagram(read: Read, pieces: list[bytes], order: str) -> None:
    wanted = 16_000 if order == "two datagrams" else 8000
    chosen = {
        "backwards": pieces[::-1],
        "each twice": [one for piece in pieces for one in (piece, piece)][:-1],
        "two datagrams": pieces * 2,
    }
    found = read([(i * 1e-6, piece) for i, piece in enumerate(chosen.get(order, pieces))])
    assert found == [(0.0, wanted)]


def test_a_datagram_that_lost_a_fragment_counts_by_what_came_and_without_its_first_not_at_all(read: Read) -> None:
    assert read([(0.0, piece) for piece in PIECES4[:2] + PIECES4[3:]]) == [(0.0, 8000 - 1480)]
    with pytest.raises(InputError, match="no TCP or UDP packet with a payload"):
        read([(0.0, piece) for piece in PIECES4[1:]])
    # The same identification half a minute later is another datagram.
    assert read([(0.0, PIECES4[0]), *[(40.0, piece) for piece in PIECES4]]) == [(0.0, 1472 + 8000)]


@pytest.mark.parametrize(("packets", "wanted"), [
    (connection(0, 1000) + connection(8, 400), [(0.0, 1000), (8.0, 400)]),
    (connection(0, 1000) + connection(8, 400, 12345), [(0.0, 1000), (8.0, 400)]),
    (connection(0, 1000)[:2] + connection(8, 400, 1 << 31), [(0.0, 1000), (8.0, 400)]),  # its end was not captured
    # Without a SYN: numbers far off.
    ([(0, e4(6, tcp(100))), (1, e4(6, tcp(0, 101, RST))), (2, e4(6, tcp(50, 1 << 30)))], [(0.0, 100), (2.0, 50)]),
    ([(0, e4(6, tcp(100))), (1, back(tcp(9, 1, RST, (80, 1000)))), (2, e4(6, tcp(0, 5, SYN))), (3, e4(6, tcp(7, 6)))],
     [(0.0, 100), (2.0, 7)]),
    ([(0, e4(6, tcp(0, 0, SYN))), (0, e4(6, tcp(0, 0, SYN))), (0, e4(6, tcp(100)))], [(0.0, 100)]),  # the SYN twice
    (connection(0, 1000) + connection(0, 1000)[1:], [(0.0, 1000)]),  # data and FIN again
    ([(0, e4(6, tcp(100))), (0.5, e4(6, tcp(0, 0, SYN)))], [(0.0, 100)]),  # data overtook its SYN
    ([(0, e4(6, tcp(0, 0, SYN))), (0.1, back(tcp(0, 70, SYN | ACK, (80, 1000)))), (0.2, e4(6, tcp(10))),
      (0.3, back(tcp(20, 71, ACK, (80, 1000))))], [(0.0, 10), (0.1, 20)]),
])  # fmt: skip
def test_where_a_connection_ends_and_the_next_begins(read: Read, packets: list[Timed], wanted: Flows) -> None:
    assert read(packets) == wanted


@pytest.mark.parametrize(("segments", "size"), [
    ([tcp(100, 1), tcp(100, 1), tcp(100, 101)], 200),  # sent again
    ([tcp(100, 1), tcp(150, 51), tcp(300, 1)], 300),  # and cut otherwise
    ([tcp(100, 201), tcp(100, 1), tcp(100, 101)], 300),  # out of order
    ([tcp(100, 1), tcp(100, 1001)], 200),  # the capture lost 900 bytes: what it shows counts
    ([tcp(0, 0, SYN), tcp(1, 0), tcp(10, 1), tcp(1, 10)], 10),  # keep-alives repeat the byte before
    ([tcp(30, 0, SYN), tcp(70, 31)], 100),  # data with the SYN
    ([tcp(0, 0, SYN), tcp(10, 1), tcp(5, 11, RST)], 10),  # the reason of a reset is no data
    ([tcp(1000, (1 << 32) - 500), tcp(1000, 500)], 2000),  # numbers begin again
])  # fmt: skip
def test_each_byte_of_a_connection_counts_once(read: Read, segments: list[bytes], size: int) -> None:
    assert [found for _, found in read([(i, e4(6, one)) for i, one in enumerate(segments)])] == [size]


def test_an_idle_connection_with_keep_alives_alone_is_no_flow(read: Read) -> None:
    acknowledged = back(tcp(0, 9, ACK, (80, 1000), 501))
    with pytest.raises(InputError, match="no TCP or UDP packet with a payload"):
        read([(0, acknowledged), (1, e4(6, tcp(1, 500))), (1, acknowledged), (9, e4(6, tcp(1, 500)))])


def test_more_than_the_numbers_of_tcp_count(read: Read) -> None:
    # 300 segments of a large send, 30 MB apart: 9 GB of sequence numbers, so twice around.
    packets = [(i, e4(6, tcp(60_000, 30_000_000 * i))) for i in range(300)]
    assert read(packets) == [(0.0, 300 * 60_000)]


def test_udp_after_a_minute_of_silence_is_a_new_flow(read: Read) -> None:
    packets = [(float(time_s), e4(17, udp(10))) for time_s in (0, 50, 100, 161)]
    assert read(packets) == [(0.0, 30), (161.0, 10)]
    # Stamps that run backwards are no silence, and the earliest is the start.
    assert read([(100.0, e4(17, udp(10))), (30.0, e4(17, udp(10)))]) == [(0.0, 20)]


INNER4, INNER6 = ip4(17, udp(500)), ip6(17, udp(500))
HEADERS = ((">BB6x", 43, 0), (">BB14x", 60, 1), (">BB6x", 51, 0), (">BB10x", 17, 1))  # routing, options, authentication, UDP follow
EXTENDED = ip6(0, b"".join(struct.pack(*header) for header in HEADERS) + udp(500))
VXLAN = ip4(17, udp(0, (50_000, 4789), struct.pack(">II", 8 << 24, 5 << 8) + ether(0x800, INNER4)))
TUNNELS = {
    "VLAN": ether(0x8100, struct.pack(">HH", 5, 0x800) + INNER4),
    "QinQ": ether(0x88A8, struct.pack(">HHHH", 5, 0x8100, 6, 0x800) + INNER4),
    "MPLS": ether(0x8847, struct.pack(">II", 16 << 12 | 64, 17 << 12 | 0x100 | 64) + INNER4),
    "PPPoE": ether(0x8864, struct.pack(">HHHH", 0x1100, 1, 2 + len(INNER4), 0x21) + INNER4),
    "LLC and SNAP": ether(8 + len(INNER4), b"\xaa\xaa\3\0\0\0\x08\0" + INNER4),
    "extension headers": ether(0x86DD, EXTENDED),
    "IPv6 in one fragment": ether(0x86DD, ip6(44, struct.pack(">BBHI", 17, 0, 0, 5) + udp(500))),
    "IP in IP": e4(4, INNER4),
    "IPv6 in IP": e4(41, INNER6),
    "IP in IPv6": ether(0x86DD, ip6(4, INNER4)),
    "GRE": e4(47, struct.pack(">HH", 0, 0x800) + INNER4),
    "GRE with a key": e4(47, struct.pack(">HHI", 0x2000, 0x86DD, 9) + INNER6),
    "GRE with Ethernet": e4(47, struct.pack(">HH", 0, 0x6558) + ether(0x800, INNER4)),
    "VXLAN": ether(0x800, VXLAN),
    "Geneve": e4(17, udp(0, (50_000, 6081), struct.pack(">HHI", 1, 0x6558, 5 << 8) + ether(0x800, INNER4))),
    "VXLAN in VLAN": ether(0x8100, struct.pack(">HH", 5, 0x800) + VXLAN),
    "padding of a short frame": e4(17, udp(500)) + bytes(40),
    "a port of VXLAN alone": e4(17, udp(500, (5, 4789))),
    "segmentation by the interface": ether(0x800, ip4(17, udp(500), length=0)),
}  # fmt: skip


@pytest.mark.parametrize("name", TUNNELS)
def test_what_is_between_the_link_and_the_flow_is_stepped_over(read: Read, name: str) -> None:
    assert read([(0.0, TUNNELS[name])]) == [(0.0, 500)]
    # The beginning of each packet is enough: the headers have the lengths.
    if name != "a port of VXLAN alone":
        assert read(pcap([(0.0, TUNNELS[name])], snap=len(TUNNELS[name]) - 450)) == [(0.0, 500)]


@pytest.mark.parametrize(("link", "head"), [
    (0, b"\2\0\0\0"), (108, b"\0\0\0\2"), (12, b""), (101, b""), (228, b""), (113, bytes(14) + b"\x08\0"), (276, b"\x08\0" + bytes(18)),
    (113, bytes(14) + b"\x81\0\0\5\x08\0"), (9, b"\xff\3\0\x21"), (9, b"\0\x21"),
])  # fmt: skip
def test_other_links_are_read(read: Read, link: int, head: bytes) -> None:
    assert read([(0.0, head + INNER4)], link) == [(0.0, 500)]


@pytest.mark.parametrize(("link", "message"), [(105, r"link type 105 \(IEEE 802.11\)"), (127, "wired side"), (147, "147: expected one of")])
def test_links_that_are_not_read_are_refused_with_the_reason(read: Read, link: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read([(0.0, INNER4)], link)


def test_what_a_machine_sends_to_itself_is_named(read: Read) -> None:
    with pytest.raises(InputError, match="payload; 1 packets are from an address to itself: expected at least one flow"):
        read([(0.0, ether(0x800, ip4(17, udp(5), A, A)))])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_every_kind_of_pcap_is_read(read: Read, order: str, nano: bool) -> None:
    packets = [(5.0, e4(17, udp(10))), (5.25, e4(17, udp(20, (1, 1))))]
    assert read(pcap(packets, order=order, nano=nano)) == [(0.0, 10), (0.25, 20)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_interfaces_of_a_pcapng_have_links_and_clocks_of_their_own(read: Read, order: str) -> None:
    content = section(order) + interface(1, order=order) + interface(101, option(9, b"\x09", order) + option(0, b"", order), order)
    content += interface(101, option(9, b"\x8a", order) + option(14, struct.pack(f"{order}q", 90), order), order)
    content += packet(e4(17, udp(10)), 100_000_000, 0, order)  # 100 s, in us
    content += block(5, bytes(12), order)  # statistics
    content += packet(ip4(17, udp(20, (1, 1))), 101_000_000_000, 1, order)  # 101 s, in ns
    content += packet(ip4(17, udp(30, (2, 2))), 12 << 10, 2, order)  # 12 s in units of 2^-10 s, from 90 s on
    # A second section begins its interfaces anew.
    content += section(order) + interface(101, order=order) + packet(ip4(17, udp(40, (3, 3))), 103_000_000, 0, order)
    assert read(content) == [(0.0, 10), (1.0, 20), (2.0, 30), (3.0, 40)]


@pytest.mark.parametrize(("content", "message"), [
    (section() + packet(e4(17, udp(5)), 0), "a packet of interface 0, which is not described"),
    (section() + interface() + block(3, struct.pack("<I", 50) + e4(17, udp(8))), "packets without a time"),
    (section() + interface() + struct.pack("<II", 6, 1 << 30), "a block of 1,073,741,824 bytes"),
    (section() + interface() + struct.pack("<II", 6, 8), "a block of 8 bytes"),
    (section() + interface() + struct.pack("<II", 6, 16) + bytes(4) + struct.pack("<I", 20), "a block has two lengths"),
    (section() + interface() + block(6, bytes(8)), "a block is too short"),
    (section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 99, 99) + b"x"), "a packet of 99 bytes in a block of 24"),
    (section() + interface() * 5000, "more than 4,096 interfaces"),
    (pcap([]) + struct.pack("<IIII", 0, 0, 1 << 31, 9), "a packet of 2,147,483,648 bytes"),
    (pcap([(0.0, INNER4)])[:-1], "it ends in a packet"),
])  # fmt: skip
def test_a_damaged_file_is_one_error(read: Read, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=120), st.sampled_from(sorted(TUNNELS)), st.integers(0, 200), st.sampled_from([0, 1, 9, 12, 113, 276]))
def test_damaged_packets_break_nothing(tmp_path_factory: pytest.TempPathFactory, noise: bytes, name: str, at: int, link: int) -> None:
    data = bytearray(TUNNELS[name])
    data[at : at + len(noise)] = noise
    path = tmp_path_factory.mktemp("capture") / "noise.pcap"
    path.write_bytes(pcap([(0.0, bytes(data)), (1.0, bytes(data[:at]))], link))
    try:
        flows = read_capture(str(path), 1000)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(0 < flow.size_bytes <= 2 * 65_535 for flow in flows)


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 30)), max_size=60))
def test_intervals_agree_with_a_set(ranges: list[tuple[int, int]]) -> None:
    intervals, numbers = Intervals(), set[int]()
    for start, length in ranges:
        new = set(range(start, start + length)) - numbers
        assert intervals.add(start, start + length) == len(new)
        numbers |= new
        assert intervals.covers(start, start + max(1, length)) == (set(range(start, start + max(1, length))) <= numbers)
    assert intervals.added == len(numbers)


def test_intervals_take_little_memory() -> None:
    intervals = Intervals()
    for start in np.random.default_rng(0).permutation(10_000).tolist():
        intervals.add(2 * start, 2 * start + 1)
    assert len(intervals) <= MAX_INTERVALS and 0 < intervals.added <= 10_000
