"""Virtual time in the guest: measuring costs none, and a program that waits for it by polling gets on."""

import re
import sys

import numpy as np
import pytest

from iroko.engines.guest.machine import Machine
from iroko.engines.open import open_engine
from iroko.scenario import Scenario

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
RATE_BPS = 100e6
FRAME_BYTES = 1514
SPIN = """
import time
start = end = time.monotonic_ns()
while end - start < 20_000_000:
    end = time.monotonic_ns()
time.sleep(1)
print("spun", end - start, "slept", (time.monotonic_ns() - end) // 1_000_000)
"""
SPIN_ON_ERRORS = """
import socket, time
one, _ = socket.socketpair()
one.setblocking(False)
start = time.monotonic_ns()
while time.monotonic_ns() - start < 2_000_000:
    try:
        one.recv(1)
    except BlockingIOError:
        pass
print("spun")
"""


@pytest.mark.parametrize("interval_s", [0.01, 0.001])
def test_no_port_sends_more_than_its_rate_whatever_a_snapshot_costs(interval_s: float) -> None:
    parameters = {"num_hosts": 16, "rate_bps": RATE_BPS, "queue_bytes": 300_000, "ecn_bytes": 30_280}
    scenario = Scenario(
        topology="star", topology_parameters=parameters, traffic="random", traffic_parameters={"flows_per_host": 94}, transport="dctcp",
        interval_s=interval_s, episode_s=0.05,
    )  # fmt: skip
    topology = scenario.fabric
    engine = open_engine("guest", topology, seed=1)
    try:
        engine.reset(scenario.make_flows(topology, np.random.default_rng(1)), "dctcp", 1)
        sent_bytes, passed_s = np.zeros(topology.num_ports), 0.0
        for _ in range(scenario.num_steps):
            snapshot = engine.step(np.full(topology.num_hosts, RATE_BPS), interval_s)
            sent_bytes += snapshot.port_bytes
            passed_s += snapshot.interval_s
            assert sent_bytes.max() <= RATE_BPS / 8 * passed_s + 2 * FRAME_BYTES  # the bucket's, and one that straddles
        assert passed_s == pytest.approx(0.05)
        assert sent_bytes.max() > 0.9 * RATE_BPS / 8 * passed_s
    finally:
        engine.close()


@pytest.mark.parametrize(("script", "said"), [(SPIN, r"spun 2\d{7} slept 1000"), (SPIN_ON_ERRORS, "spun")])
def test_a_program_that_polls_gets_on(script: str, said: str) -> None:
    machine = Machine([sys.executable, "-S", "-c", script], seed=1)
    try:
        assert machine.process is not None
        machine.process.wait(120)
        assert re.search(said, machine.console_end())
    finally:
        machine.stop()
