"""What holds for every simulation: no packet is lost from the books, equal seeds give equal runs, and neighbours do not matter."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iroko.engines.sim import layout as w
from iroko.engines.sim.batch import Batch
from iroko.engines.sim.engine import SimEngine
from iroko.flows import Flow
from iroko.snapshot import Integers, Snapshot
from iroko.topologies.fattree import fattree
from iroko.topology import Topology
from tests.engines.sim.scenarios import TRANSPORTS, Scenario, assert_equal, scenarios

NO_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def run(scenario: Scenario) -> list[Snapshot]:
    engine = SimEngine(scenario.topology)
    try:
        engine.reset(scenario.flows, scenario.transport, scenario.seed)
        return [engine.step(np.array(limits), interval_s) for limits, interval_s in scenario.steps]
    finally:
        engine.close()


def sized(topology: Topology, scale: float) -> Topology:
    """The same fabric with other rates, queues and thresholds."""

    def scaled(num_bytes: int) -> int:
        return int(num_bytes * scale) + 1514

    ports = [
        replace(
            port,
            rate_bps=port.rate_bps * scale,
            queue_bytes=scaled(port.queue_bytes),
            ecn_bytes=None if port.ecn_bytes is None else scaled(port.ecn_bytes),
        )
        for port in topology.ports
    ]
    return replace(topology, ports=tuple(ports))


@pytest.mark.parametrize("transport", TRANSPORTS)
@settings(max_examples=15, suppress_health_check=NO_CHECKS)
@given(data=st.data())
def test_what_goes_in_comes_out(transport: str, data: st.DataObject) -> None:
    """Packets handed to hosts are delivered, dropped, queued or on a wire, after every step, counted from the memory itself."""
    scenario = data.draw(scenarios(transport, 20_000))
    batch = Batch([scenario.topology], workers=1)
    batch.reset(0, scenario.flows, scenario.transport, scenario.seed)
    drops = np.zeros(scenario.topology.num_ports, dtype=np.int64)
    packets = np.zeros(scenario.topology.num_ports, dtype=np.int64)
    for limits, interval_s in scenario.steps:
        snapshot = batch.step(np.array([limits]), interval_s)
        drops += snapshot.port_drops[0]
        packets += snapshot.port_packets[0]
        memory = batch._memories[0]
        ports = memory[memory[w.PORTS_AT] :][: scenario.topology.num_ports * w.PORT].reshape(-1, w.PORT)
        handed = ports[list(scenario.topology.host_ports), w.TAIL].sum()
        held = (ports[:, w.TAIL] - ports[:, w.FIRST]).sum()
        assert handed == memory[w.CONSUMED] + drops.sum() + held
        # What was sent is on the wire or has crossed it.
        assert (packets >= ports[:, w.FIRST]).all() and (packets <= ports[:, w.TAIL]).all()
        assert ports[:, w.FIRST].sum() == batch.packet_hops()
        # What entered a switch, but for drops, is what its ports took in.
        into_switches = ports[:, w.FIRST].sum() - memory[w.CONSUMED]
        assert into_switches == drops.sum() + ports[list(scenario.topology.switch_ports), w.TAIL].sum()
    batch.close()


@pytest.mark.parametrize("transport", TRANSPORTS)
@settings(max_examples=6, suppress_health_check=NO_CHECKS)
@given(data=st.data())
def test_equal_seeds_give_equal_runs(transport: str, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(transport, 10_000))
    for number, (first, second) in enumerate(zip(run(scenario), run(scenario), strict=True)):
        assert_equal(first, second, f"of step {number}")


@pytest.mark.parametrize("transport", TRANSPORTS)
@settings(max_examples=6, suppress_health_check=NO_CHECKS)
@given(data=st.data())
def test_a_second_episode_knows_nothing_of_the_first(transport: str, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(transport, 5_000))
    other = data.draw(st.sampled_from(TRANSPORTS))
    engine = SimEngine(scenario.topology)
    engine.reset(scenario.flows, other, 7)
    engine.step(np.array(scenario.steps[0][0]) / 2, 0.003)
    engine.reset(scenario.flows, scenario.transport, scenario.seed)
    for number, expected in enumerate(run(scenario)):
        limits, interval_s = scenario.steps[number]
        assert_equal(engine.step(np.array(limits), interval_s), expected, f"of step {number}")
    engine.close()


@pytest.mark.parametrize("workers", (1, 2, 3, 8))
@settings(max_examples=8, suppress_health_check=NO_CHECKS)
@given(data=st.data())
def test_side_by_side_is_one_by_one(workers: int, data: st.DataObject) -> None:
    """Transports, rates, queues, flows, seeds, limits and intervals of its own for each; any number of threads."""
    first = data.draw(scenarios("dctcp", 2_000))
    num = data.draw(st.integers(1, 7))
    num_steps = min(len(first.steps), 20)
    members = []
    for index in range(num):
        topology = sized(first.topology, data.draw(st.sampled_from((1.0, 0.5, 0.9)))) if index else first.topology
        flows = first.flows[: data.draw(st.integers(0, len(first.flows)))]
        steps = [(tuple(np.array(limits) * topology.host_rates_bps[0] / first.topology.host_rates_bps[0]), dt * (1 + index % 3))
                 for limits, dt in first.steps[:num_steps]]  # fmt: skip
        members.append(Scenario(topology, flows, data.draw(st.sampled_from(TRANSPORTS)), index, tuple(steps)))
    alone = [run(member) for member in members]
    batch = Batch([member.topology for member in members], workers)
    for index, member in enumerate(members):
        batch.reset(index, member.flows, member.transport, member.seed)
    for step in range(num_steps):
        together = batch.step(np.array([m.steps[step][0] for m in members]), np.array([m.steps[step][1] for m in members]))
        for index, member in enumerate(members):
            parts = {name: value[index] for name, value in vars(together).items()}
            mine = len(member.flows)
            assert not parts["flow_bytes"][mine:].any() and np.isnan(parts["flow_completion_s"][mine:]).all()
            for name in ("flow_bytes", "flow_completion_s"):
                parts[name] = parts[name][:mine]
            assert_equal(Snapshot(**parts), alone[index][step], f"of simulation {index} in step {step}")
    batch.close()


@pytest.mark.parametrize("transport", ("udp", "reno"))
def test_rings_grow(transport: str) -> None:
    """Rings of hosts' ports, of switches' ports and of flows become as large as what they hold needs."""
    topology = fattree(rate_bps=1e9, queue_bytes=3_000_000, delay_s=1e-3)
    batch = Batch([topology], workers=1)
    first, second, *_, last = topology.hosts
    batch.reset(0, [Flow(first, last), Flow(second, last)], transport, 0)
    before = ring_sizes(batch, topology)
    batch.step(np.array([topology.host_rates_bps]), 0.1)
    after = ring_sizes(batch, topology)
    assert (after >= before).all()
    for kind in (topology.host_ports, topology.switch_ports):
        assert (after[list(kind)] > before[list(kind)]).any()
    memory = batch._memories[0]
    flow = memory[memory[w.FLOWS_AT] :][: w.FLOW]
    assert flow[w.NXT] - flow[w.UNA] <= flow[w.SLOT_MASK] + 1 if transport == "reno" else flow[w.SLOT_MASK] == 0
    assert (flow[w.SLOT_MASK] >= 255) == (transport == "reno")
    batch.close()


def ring_sizes(batch: Batch, topology: Topology) -> Integers:
    """How many packets the ring of each port holds, shape `(num_ports,)`."""
    memory = batch._memories[0]
    words = memory[memory[w.PORTS_AT] :][: topology.num_ports * w.PORT].reshape(-1, w.PORT)[:, w.RING]
    sizes: Integers = 1 << (words >> w.RING_SIZE_SHIFT & w.RING_SIZE_MASK)
    return sizes
