"""What is on the wire, read by scapy from packets captured in the guest."""

import json
import sys
import warnings
from typing import Any

import pytest

from iroko.engines.addressing import first_port
from iroko.engines.guest.machine import Machine

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # scapy's own, of the ciphers that it could use
    from scapy.layers.inet import IP, TCP, UDP
    from scapy.layers.l2 import Ether

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]


def capture(transport: str) -> dict[str, Any]:
    machine = Machine([sys.executable, "-m", "tests.engines.capture_in_guest", transport], seed=1)
    try:
        assert machine.process is not None
        machine.process.wait(60)
        lines = machine.console.read_text().splitlines()
        found: dict[str, Any] = json.loads(next(line for line in lines if line.startswith("CAPTURE ")).removeprefix("CAPTURE "))
        found["frames"] = [Ether(bytes.fromhex(frame)) for frame in found["frames"]]
        return found
    finally:
        machine.stop()


def test_dctcp_packets_are_ecn_capable_and_marked_as_counted() -> None:
    found = capture("dctcp")
    data = [frame for frame in found["frames"] if TCP in frame and frame[IP].dst == "10.0.0.3" and len(frame[TCP].payload) > 0]
    assert len(data) > 500
    assert {len(frame) for frame in data} == {1514}  # one buffer is one packet: no super-packets
    assert {frame[IP].tos & 3 for frame in data} == {2, 3}  # ECT(0), or marked on the way
    marked = sum(frame[IP].tos & 3 == 3 for frame in found["frames"] if IP in frame and frame[IP].dst == "10.0.0.3")
    # The switch counts when it marks; what is still in its queue at the end has not arrived.
    assert 0 <= found["marks"] - marked <= 40
    assert marked > 20
    echoed = [frame for frame in found["frames"] if TCP in frame and frame[IP].src == "10.0.0.3" and "E" in str(frame[TCP].flags)]
    assert echoed  # the receiver tells the sender
    assert {(frame[TCP].sport, frame[IP].src) for frame in data} == {(first_port(1), "10.0.0.1"), (first_port(1) + 1, "10.0.0.2")}


def test_udp_packets_have_the_size_that_is_accounted() -> None:
    found = capture("udp")
    data = [frame for frame in found["frames"] if UDP in frame]
    assert len(data) == pytest.approx(found["sent"], abs=2)
    assert {len(frame) for frame in data} == {1514}
    assert {len(frame[UDP].payload) for frame in data} == {1472}
    assert {frame[IP].tos & 3 for frame in data} == {0}
    assert {frame[IP].ttl for frame in data} == {253}  # two routers on the way
    assert found["marks"] == 0
