"""Flows from captures and CSV files: what is read, and what is said of files that cannot be."""

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils import PcapNgWriter, PcapWriter

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.run.command import main
from iroko.rundir.config import first_difference, make_config
from iroko.rundir.reader import read_manifest
from iroko.scenario import Scenario
from iroko.topologies.star import star
from iroko.topology import Topology
from iroko.traffic._capture import read_capture
from iroko.traffic.replay import replay

HEADING = "source,destination,start_s,size_bytes\n"
STAR = star(4)


def play(path: Path | str, topology: Topology = STAR, **parameters: Any) -> list[Flow]:
    return replay(topology, np.random.default_rng(0), file=str(path), **parameters)


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Writes a file and gives its path."""

    def make(content: str | bytes, name: str = "flows.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def packets(link: str = "ethernet") -> list[tuple[float, Any]]:
    """Times and packets of three flows: a TCP connection's two ways, and UDP over a VLAN in IPv6; and of what is no flow."""
    there, back = IP(src="10.0.0.1", dst="10.0.0.2"), IP(src="10.0.0.2", dst="10.0.0.1")
    six = IPv6(src="fd00::1", dst="fd00::2")
    ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    found = [
        (100.0, ether / ARP()),
        (100.25, ether / there / ICMP() / (b"x" * 100)),
        (100.5, ether / there / TCP(sport=1000, dport=80, flags="S")),
        (100.6, ether / back / TCP(sport=80, dport=1000, flags="SA")),
        (100.7, ether / there / TCP(sport=1000, dport=80, seq=1, flags="A", options=[("Timestamp", (1, 2))]) / (b"x" * 1000)),
        (100.8, ether / back / TCP(sport=80, dport=1000, flags="A")),
        (100.9, ether / there / TCP(sport=1000, dport=80, seq=1001, flags="A") / (b"x" * 300)),
        (101.0, ether / back / TCP(sport=80, dport=1000, seq=1, flags="A") / (b"x" * 7)),
        (101.5, ether / Dot1Q(vlan=5) / six / UDP(sport=9, dport=9) / (b"x" * 64)),
        (102.0, ether / there / TCP(sport=1001, dport=80, flags="A")),  # acknowledgements alone
    ]
    if link == "raw":
        return [(time_s, packet.payload) for time_s, packet in found if IP in packet]
    return found


def write_capture(path: Path, found: list[tuple[float, Any]], **options: Any) -> Path:
    writer = (PcapNgWriter if path.suffix == ".pcapng" else PcapWriter)(str(path), **options)
    with writer:
        for time_s, packet in found:
            packet.time = time_s
            writer.write(packet)
    return path


@pytest.mark.parametrize("suffix", [".pcap", ".pcapng"])
def test_a_capture_comes_back_as_its_flows(tmp_path: Path, suffix: str) -> None:
    flows = play(write_capture(tmp_path / f"flows{suffix}", packets()))
    # Addresses in the order in which they appear: 10.0.0.1, 10.0.0.2, fd00::1, fd00::2.
    assert [(flow.source, flow.destination, flow.size_bytes) for flow in flows] == [("h0", "h1", 1300), ("h1", "h0", 7), ("h2", "h3", 64)]
    # A flow starts with its first packet, though that has no payload; times count from the first flow.
    assert [flow.start_s for flow in flows] == pytest.approx([0.0, 0.1, 1.0], abs=1e-6)


@pytest.mark.parametrize(("options", "link"), [({"endianness": ">"}, "ethernet"), ({"nano": True}, "ethernet"), ({"linktype": 101}, "raw")])
def test_every_kind_of_pcap_is_read(tmp_path: Path, options: dict[str, Any], link: str) -> None:
    records = read_capture(str(write_capture(tmp_path / "flows.pcap", packets(link), **options)), 100)
    assert [record.size_bytes for record in records[:2]] == [1300, 7]
    assert records[0].source == "10.0.0.1"
    assert records[1].start_s == pytest.approx(0.1, abs=1e-6)


def test_sizes_are_those_of_the_headers_where_a_capture_holds_beginnings_alone(tmp_path: Path) -> None:
    path = tmp_path / "short.pcap"
    with PcapWriter(str(path), linktype=1) as writer:
        packet = bytes(packets()[4][1])
        writer.write_header(packet)
        writer.write_packet(packet[:68], sec=5, usec=0, caplen=68, wirelen=len(packet))
    assert [flow.size_bytes for flow in play(path)] == [1000]


def test_other_link_types_are_read(tmp_path: Path) -> None:
    inner = bytes(packets()[4][1].payload)
    heads = {113: bytes(14) + b"\x08\x00", 276: b"\x08\x00" + bytes(18), 0: struct.pack("<I", 2), 101: b""}
    for link, head in heads.items():
        path = tmp_path / f"link{link}.pcap"
        data = head + inner
        path.write_bytes(
            struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link) + struct.pack("<IIII", 1, 0, len(data), len(data)) + data
        )
        assert [flow.size_bytes for flow in play(path)] == [1000], link


def test_damaged_packets_are_no_flows_and_break_nothing(tmp_path: Path) -> None:
    rng, whole = np.random.default_rng(1), bytes(packets()[4][1])
    path = tmp_path / "damaged.pcap"
    with PcapWriter(str(path), linktype=1) as writer:
        writer.write_header(whole)
        for length in range(len(whole) // 12):
            writer.write_packet(whole[:length], sec=1, usec=0, wirelen=len(whole))
        for _ in range(500):
            writer.write_packet(rng.bytes(60), sec=1, usec=0)
        writer.write_packet(whole, sec=2, usec=0)
    assert max(record.size_bytes for record in read_capture(str(path), 1000)) >= 1000


@pytest.mark.parametrize("suffix", [".pcap", ".pcapng"])
def test_a_capture_that_is_cut_off_anywhere_is_refused(tmp_path: Path, suffix: str) -> None:
    whole = write_capture(tmp_path / f"whole{suffix}", packets()[4:7]).read_bytes()
    boundaries = []
    for length in range(len(whole)):
        path = tmp_path / f"cut{suffix}"
        path.write_bytes(whole[:length])
        os.utime(path, ns=(0, length))
        try:
            play(path)
        except InputError as error:
            assert "\n" not in str(error)
        else:
            boundaries.append(length)
    # Only between two packets is nothing missing: after the first and after the second of three.
    assert len(boundaries) == 2
    path.write_bytes(whole)
    assert len(play(path)) == 1


def test_what_is_said_of_a_cut_capture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    whole = write_capture(tmp_path / "whole.pcap", packets()).read_bytes()
    path = tmp_path / "cut.pcap"
    path.write_bytes(whole[:-3])
    with pytest.raises(InputError, match=r"cut\.pcap is cut off or damaged \(it ends in a packet\): expected a whole one"):
        play(path)
    assert capfd.readouterr() == ("", "")


def test_files_that_are_no_captures(write) -> None:  # type: ignore[no-untyped-def]
    for content, name, message in (
        ("", "flows.pcap", "is empty: expected a capture"),
        ("hello world", "flows.pcap", "is no capture: it begins with b'hell'"),
        (b"\xd4\xc3\xb2\xa1\x02", "a.pcap", "is no capture that can be read"),
        (b"\x0a\x0d\x0d\x0a" + bytes(50), "a.pcapng", "is no capture that can be read"),
        (b"\x1f\x8b\x08\x00rest", "flows.csv", "is compressed: unpack it with gunzip first"),
        (b"\xff\xfe\x00\x01", "flows.bin", "is neither a capture .pcap, pcapng. nor text in UTF-8"),
    ):
        with pytest.raises(InputError, match=message):
            play(write(content, name))


def test_a_capture_without_flows_or_with_too_many(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no TCP or UDP packet with a payload"):
        play(write_capture(tmp_path / "none.pcap", packets()[:3]))
    many = [(float(i), Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1000 + i, dport=5) / b"x") for i in range(30)]
    path = write_capture(tmp_path / "many.pcap", many)
    assert len(play(path, max_flows=30)) == 30
    for max_flows in (29, 5):
        with pytest.raises(InputError, match=f"max_flows={max_flows}"):
            play(path, max_flows=max_flows)


def test_a_csv_by_the_names_of_hosts(write) -> None:  # type: ignore[no-untyped-def]
    path = write("size_bytes, destination,source,start_s\n5000,h2,h0,1.5\n\n7,h0,h3,0\n")
    assert play(path) == [Flow("h3", "h0", 0.0, 7), Flow("h0", "h2", 1.5, 5000)]
    assert play(path, time_scale=10.0, size_scale=0.01) == [Flow("h3", "h0", 0.0, 1), Flow("h0", "h2", 15.0, 50)]


def test_addresses_that_are_no_hosts_get_one_in_the_order_of_their_appearance(write) -> None:  # type: ignore[no-untyped-def]
    path = write(HEADING + "web,db,0,1\ndb,cache,1,1\nlog,web,2,1\nmail,dns,3,1\nmail,web,4,1\n")
    # web db cache log mail dns: mail and dns begin again with h0 and h1.
    ends = [(flow.source, flow.destination) for flow in play(path)]
    assert ends[:4] == [("h0", "h1"), ("h1", "h2"), ("h3", "h0"), ("h0", "h1")]
    # Both ends of the last one are h0: its destination is the next host.
    assert ends[4] == ("h0", "h1")


def test_hosts_by_their_numbers(write) -> None:  # type: ignore[no-untyped-def]
    path = write(HEADING + "0,2,0,1000\n1,3,0,1000\n3,0,1,5\n")
    assert [(flow.source, flow.destination) for flow in play(path)] == [("h0", "h2"), ("h1", "h3"), ("h3", "h0")]
    # Names and numbers are both certain.
    assert play(write(HEADING + "h1,2,0,1000\n")) == [Flow("h1", "h2", 0.0, 1000)]


@pytest.mark.parametrize(("lines", "message"), [
    ("1,2,0,1\n3,4,0,1\n", "host number '4' in .*line 3: expected a whole number from 0 to 3, as topology star has 4 hosts"),
    ("0,web,0,1\n", "unknown host in .*line 2, 'web'"),
    ("H0,H1,0,1\n", "unknown host in .*line 2, 'H0'. Did you mean 'h0'?"),
    ("web,h_2,0,1\n", "'h_2'. Did you mean 'h2'?"),
    ("host1,host3,0,1\n", "'host1'. Did you mean 'h1'?"),
    ("h7,h8,0,1\n", "'h7'. Did you mean 'h0'?"),
])  # fmt: skip
def test_a_host_that_is_nearly_named_is_an_error(write, lines: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        play(write(HEADING + lines))


def test_the_hosts_of_addresses_are_told_and_kept(write, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    options = ["--topo", "star", "--traffic", "replay", "--agent", "none", "--baseline", "cubic", "--engine", "sim", "--episode", "1s",
               "--episodes", "1"]  # fmt: skip
    for name, lines, hosts in (("a", "10.0.0.9,10.0.0.2,0,1000\n", {"10.0.0.9": "h0", "10.0.0.2": "h1"}), ("b", "3,1,0,1000\n", {})):
        file = write(HEADING + lines, f"{name}.csv")
        assert main([*options, "--set", f"traffic.file={file}", "--out", str(tmp_path / name)]) == 0
        said = capfd.readouterr().err
        assert ("addresses of the traffic's file get hosts in their order: '10.0.0.9' is h0, '10.0.0.2' is h1; manifest" in said) == bool(
            hosts
        )
        assert read_manifest(tmp_path / name).hosts == hosts


@pytest.mark.parametrize(("line", "message"), [
    ("h0,h9,0,1", r"unknown host in .*flows.csv, line 3, 'h9'. Did you mean 'h\d'\?"),
    ("h1,h1,0,1", "line 3: source and destination are both 'h1': expected two different hosts"),
    (",h1,0,1", "line 3: source is empty"),
    ("h0,h1,0", "line 3: 3 values: expected 4, source,destination,start_s,size_bytes"),
    ("h0,h1,0,1,5", "line 3: 5 values"),
    ("h0,h1,nan,1", "line 3: start_s='nan': expected seconds from the start of the episode, 0 or more"),
    ("h0,h1,inf,1", "line 3: start_s='inf'"),
    ("h0,h1,-0.5,1", "line 3: start_s='-0.5'"),
    ("h0,h1,soon,1", "line 3: start_s='soon'"),
    ("h0,h1,0,-1", "line 3: size_bytes='-1': expected a whole number of bytes, 1 or more"),
    ("h0,h1,0,0", "line 3: size_bytes='0'"),
    ("h0,h1,0,1.5", "line 3: size_bytes='1.5'"),
    ("h0,h1,0,nan", "line 3: size_bytes='nan'"),
    ("h0,h1,0," + "9" * 30, "line 3: size_bytes='9+'"),
    ("h0,h1,0," + "9" * 4090, "more than 4096 characters"),
    ('"h0,h1,0,1', "is not CSV: unexpected end of data"),
    ("h0,h1,0,1\x00", "flows.csv"),
])  # fmt: skip
def test_a_bad_line_is_named(write, line: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message) as caught:
        play(write(f"{HEADING}h0,h1,0,1\n{line}\n"))
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("heading", "message"), [
    ("source,destination,start_s,size", "unknown column in .*, line 1, 'size'. Did you mean 'size_bytes'?"),
    ("source,destination,start_s", "line 1: columns source,destination,start_s: expected source,destination,start_s,size_bytes, each once"),
    ("source,destination,start_s,start_s", "each once"),
    ("h0,h1,0,1", "unknown column"),
])  # fmt: skip
def test_a_bad_heading_is_named(write, heading: str, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        play(write(f"{heading}\nh0,h1,0,1\n"))


def test_an_empty_csv_and_too_many_lines(write) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="has no flow: expected lines below source,destination,start_s,size_bytes"):
        play(write(HEADING))
    with pytest.raises(InputError, match="holds more than max_flows=2 flows"):
        play(write(HEADING + "h0,h1,0,1\n" * 3), max_flows=2)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"traffic replay has no file: name a pcap, pcapng or CSV .* --set traffic.file=PATH"):
        play("")
    with pytest.raises(InputError, match=r"file='.*nowhere.csv' of traffic replay: No such file or directory"):
        play(tmp_path / "nowhere.csv")
    with pytest.raises(InputError, match="is no regular file"):
        play(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is no regular file"):
        play(tmp_path / "pipe")
    with pytest.raises(InputError, match="embedded null"):
        play("a\x00b")


@pytest.mark.parametrize(("parameters", "message"), [
    ({"time_scale": 0.0}, "time_scale=0: expected"), ({"size_scale": float("nan")}, "size_scale=nan"), ({"max_flows": 0}, "max_flows=0"),
])  # fmt: skip
def test_parameters_out_of_range(write, parameters: dict[str, Any], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        play(write(HEADING + "h0,h1,0,1\n"), **parameters)


def test_a_scenario_notices_that_its_file_has_changed(write) -> None:  # type: ignore[no-untyped-def]
    path = write(HEADING + "h0,h1,0,1000\n")
    table = {"topology": {"name": "star"}, "traffic": {"name": "replay", "file": str(path)}, "run": {"agents": "none", "baselines": ["nv"]}}
    config = make_config(table)
    found = config.scenario.traffic_parameters["sha256"]
    assert len(found) == 64 and config.to_table()["traffic"]["sha256"] == found
    assert make_config(config.to_table()) == config
    write(HEADING + "h0,h1,0,2000\n")
    with pytest.raises(InputError, match=f"has changed: its SHA-256 is [0-9a-f]*, expected sha256={found}; bring the old file back"):
        make_config(config.to_table())
    # Asked for anew, it is another run.
    assert first_difference(config.to_table(), make_config(table).to_table()).startswith("traffic.sha256 is")  # type: ignore[union-attr]
    # The flows of a scenario that is under way do not change either.
    with pytest.raises(InputError, match="has changed"):
        config.scenario.make_flows(config.scenario.fabric, np.random.default_rng(0))


def test_every_episode_replays_the_same_flows(write) -> None:  # type: ignore[no-untyped-def]
    scenario = Scenario(topology="star", traffic="replay", traffic_parameters={"file": str(write(HEADING + "h0,h1,0,1000\nh1,h2,1,5\n"))})
    topology = scenario.fabric
    assert scenario.make_flows(topology, np.random.default_rng(1)) == scenario.make_flows(topology, np.random.default_rng(2))


flow_lines = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 3), st.floats(0, 1e4, allow_nan=False), st.integers(1, 1 << 50)), min_size=1, max_size=40
)


@given(flow_lines)
def test_any_flows_written_as_csv_come_back(tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[int, int, float, int]]) -> None:
    flows = [Flow(f"h{a}", f"h{(a + step) % 4}", start_s, size_bytes) for a, step, start_s, size_bytes in lines]
    path = tmp_path_factory.mktemp("csv") / "flows.csv"
    path.write_text(HEADING + "".join(f"{f.source},{f.destination},{f.start_s!r},{f.size_bytes}\r\n" for f in flows))
    assert play(path) == sorted(flows, key=lambda flow: flow.start_s)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: (HEADING + text).encode(errors="replace")))
def test_whatever_a_file_holds_it_is_flows_or_one_line_of_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "flows.csv"
    path.write_bytes(content)
    try:
        assert play(path)
    except InputError as error:
        assert str(path) in str(error)
