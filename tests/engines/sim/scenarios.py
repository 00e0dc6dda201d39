"""Small random scenarios for tests of the simulator, and how snapshots are compared."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import strategies as st

from iroko.engines.sim.engine import SimEngine
from iroko.flows import LEARNED, Flow
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.port import Port
from iroko.snapshot import Snapshot
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topology import HOST_QUEUES, Topology
from tests.engines.sim.reference.run import Reference
from tests.policy.states import random_policy

TRANSPORTS = ("udp", "reno", "cubic", "vegas", "nv", "dctcp", "iroko")
FRAME_BYTES = 1514
HOST_QUEUE_BYTES = 16_000_000
RATES_BPS = (1e7, 1e6, 2e6, 3.3e6, 1e8, 1e9, 1e10)
DELAYS_S = (0.0, 1e-6, 2e-5, 1e-4, 1e-3, 5e-3)
INTERVALS_S = (0.1, 0.02, 0.005, 0.001)
LIMITS = (1.0, 0.5, 0.1, 0.05, 0.001)
"""Shares of a host's link."""
MOST_STEPS = 200


@dataclass(frozen=True)
class Scenario:
    """What a simulator is told: `steps` are the limits of all hosts, in bit/s, and the length of the interval."""

    topology: Topology
    flows: tuple[Flow, ...]
    transport: str
    seed: int
    steps: tuple[tuple[tuple[float, ...], float], ...]
    policy: Policy | None = None


@st.composite
def trees(draw: st.DrawFn) -> Topology:
    """Hosts on a random tree of switches (a star, a line, a dumbbell among them), every port with a rate and queues of its own."""
    switches = [f"s{index}" for index in range(draw(st.integers(1, 4)))]
    hosts = [f"h{index}" for index in range(draw(st.integers(2, 5)))]
    links = [(name, switches[draw(st.integers(0, index))]) for index, name in enumerate(switches[1:])]
    links += [(host, draw(st.sampled_from(switches))) for host in hosts]
    ports = []
    for first, second in links:
        rates = draw(st.tuples(st.sampled_from(RATES_BPS), st.sampled_from(RATES_BPS)))
        delay = draw(st.sampled_from(DELAYS_S))
        for owner, peer, rate in ((first, second, rates[0]), (second, first, rates[1])):
            queue = draw(st.integers(2, 60)) * FRAME_BYTES
            if owner in hosts and draw(st.booleans()):
                queue = HOST_QUEUE_BYTES
            ecn = draw(st.none() | st.integers(1, min(queue, 60 * FRAME_BYTES)))
            ports.append(Port(owner, peer, rate, delay, queue, ecn))
    return Topology("tree", tuple(hosts), tuple(switches), tuple(ports), host_queue=draw(st.sampled_from(HOST_QUEUES)))


@st.composite
def named_topologies(draw: st.DrawFn) -> Topology:
    """A dumbbell or a fat-tree whose ports are alike, the latter with both kinds of routing."""
    queue = draw(st.integers(2, 60)) * FRAME_BYTES
    common = {"rate_bps": draw(st.sampled_from(RATES_BPS[:5])), "delay_s": draw(st.sampled_from(DELAYS_S)), "queue_bytes": queue}
    common["ecn_bytes"] = draw(st.none() | st.integers(1, queue))
    common["host_queue"] = draw(st.sampled_from(HOST_QUEUES))
    if draw(st.booleans()):
        return dumbbell(**common)
    return replace(fattree(k=4, **common), routing=draw(st.sampled_from(("static", "ecmp"))))


@st.composite
def flows_in(draw: st.DrawFn, topology: Topology) -> Flow:
    """One flow between two of the hosts: at once or later, endless, short or long."""
    source, step = draw(st.sampled_from(range(topology.num_hosts))), draw(st.integers(1, topology.num_hosts - 1))
    destination = (source + step) % topology.num_hosts
    start_s = draw(st.sampled_from((0.0, 0.0, 0.001, 0.03)) | st.integers(0, 2 * 10**8).map(lambda ns: ns / 1e9))
    size = draw(st.none() | st.integers(1, 3000) | st.integers(1, 300_000))
    return Flow(topology.hosts[source], topology.hosts[destination], start_s, size)


@st.composite
def scenarios(draw: st.DrawFn, transport: str, most_hops: int, topologies: st.SearchStrategy[Topology] | None = None) -> Scenario:
    """Anything small: no more than about `most_hops` packet-hops, as far as a step of 1 ms allows."""
    topology = draw(trees() | named_topologies() if topologies is None else topologies)
    flows = draw(st.lists(flows_in(topology), min_size=1, max_size=6))
    busy = {flow.source for flow in flows} | ({flow.destination for flow in flows} if transport != "udp" else set())
    rates = topology.host_rates_bps
    hops_per_s = sum(rates[topology.host_index[host]] for host in busy) / 8 / FRAME_BYTES * 4
    interval_s = draw(st.sampled_from(INTERVALS_S))
    while interval_s > 1e-3 and hops_per_s * interval_s > most_hops:
        interval_s = INTERVALS_S[INTERVALS_S.index(interval_s) + 1]
    num_steps = draw(st.integers(1, max(1, min(MOST_STEPS, int(most_hops / (hops_per_s * interval_s))))))
    changes = draw(
        st.lists(st.tuples(st.integers(0, num_steps - 1), st.lists(st.sampled_from(LIMITS), min_size=1, max_size=5)), max_size=4)
    )
    limits, steps = rates, []
    for step in range(num_steps):
        for at, shares in changes:
            if at == step:
                limits = tuple(rate * shares[host % len(shares)] for host, rate in enumerate(rates))
        steps.append((limits, interval_s))
    policy = draw(policies()) if transport == LEARNED else None
    return Scenario(topology, tuple(flows), transport, draw(st.integers(0, 3)), tuple(steps), policy)


@st.composite
def policies(draw: st.DrawFn) -> Policy | None:
    """Random weights of three kinds, or the built-in policy, also with no freedom."""
    kind = draw(st.sampled_from(("any", "small", "extreme", "built in", "dctcp")))
    if kind in ("built in", "dctcp"):
        return None if kind == "built in" else dctcp_like(1024)
    return random_policy(np.random.default_rng(draw(st.integers(0, 1000))), kind)


@st.composite
def mixed_scenarios(draw: st.DrawFn, most_hops: int) -> Scenario:
    """As `scenarios`, but each flow has a transport, and over `iroko` a policy, of its own or the scenario's."""
    scenario = draw(scenarios(draw(st.sampled_from(TRANSPORTS[1:])), most_hops))
    flows = [replace(flow, transport=draw(st.none() | st.sampled_from(TRANSPORTS)), policy=draw(st.none() | policies()))
             for flow in scenario.flows]  # fmt: skip
    return replace(scenario, flows=tuple(flows))


def assert_equal(got: Snapshot, expected: Snapshot, where: str) -> None:
    """Every field of two snapshots, exactly."""
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(got, name), value, err_msg=f"{name} {where}")


def assert_agrees(scenario: Scenario) -> Reference:
    """The simulator and the reference say the same of every step; returns the reference as it is at the end."""
    reference = Reference(scenario.topology, scenario.flows, scenario.transport, scenario.seed, scenario.policy)
    engine = SimEngine(scenario.topology)
    try:
        engine.reset(scenario.flows, scenario.transport, scenario.seed, scenario.policy)
        for number, (limits, interval_s) in enumerate(scenario.steps):
            expected = reference.step(np.array(limits), interval_s)
            assert reference.lost_count() == 0
            assert_equal(engine.step(np.array(limits), interval_s), expected, f"of {scenario.transport} in step {number}")
            assert engine.packet_hops() == reference.network.hops
    finally:
        engine.close()
    return reference
