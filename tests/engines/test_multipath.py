"""Equal-cost multipath: simulator and kernel give every flow the same path, and both use the whole core."""

from contextlib import closing

import numpy as np
import pytest

from iroko.engines.open import open_engine
from iroko.flows import UDP, Flow
from iroko.topologies.fattree import fattree
from iroko.topology import Topology

NUM_FLOWS = 60
SIZE_BYTES = 14_480
"""Of each flow: what data ports carry; ports with ACKs only carry less than half of it."""


def paths_in(engine_name: str, topology: Topology, flows: list[Flow], transport: str, seed: int, interval_s: float) -> list[list[str]]:
    """For each flow, which has a step to itself, the ports that carried its data."""
    limits = np.array(topology.host_rates_bps)
    with closing(open_engine(engine_name, topology)) as engine:
        engine.reset(flows, transport, seed)
        steps = [engine.step(limits, interval_s) for _ in flows]
    assert (steps[-1].flow_completion_s < interval_s).all()
    return [[topology.ports[index].name for index in np.flatnonzero(step.port_bytes > SIZE_BYTES)] for step in steps]


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
@pytest.mark.parametrize("transport", [UDP, "cubic"])
def test_every_flow_takes_the_same_path_in_simulator_and_kernel(transport: str) -> None:
    """On a fat-tree with three equal paths to each pod's other edge, whose bounds do not divide the range of hashes evenly."""
    topology = fattree(6, 1e9, routing="ecmp")
    rng, interval_s = np.random.default_rng(7), 0.002
    pairs = [rng.choice(topology.num_hosts, 2, replace=False).tolist() for _ in range(NUM_FLOWS)]
    flows = [Flow(f"h{a}", f"h{b}", number * interval_s, SIZE_BYTES) for number, (a, b) in enumerate(pairs)]
    sim, guest = (paths_in(name, topology, flows, transport, 11, interval_s) for name in ("sim", "guest"))
    assert sim == guest
    assert max(map(len, sim)) == 6


def test_the_core_is_used_as_random_paths_use_it() -> None:
    """On a k=8 permutation: of 128 ports towards the core, random paths leave a share of (1 - 1/16)^16 to 1/e^1 of idle ones."""
    from iroko.traffic.permutation import permutation

    topology = fattree(8, 100e6, routing="ecmp")
    flows = permutation(topology, np.random.default_rng(1))
    limits = np.array(topology.host_rates_bps)
    with closing(open_engine("sim", topology)) as engine:
        engine.reset(flows, UDP, 1)
        step = engine.step(limits, 0.05)
    up = [index for index, port in enumerate(topology.ports) if port.owner.startswith("a") and port.peer.startswith("c")]
    used = np.count_nonzero(step.port_bytes[up])
    assert len(up) == 128
    assert 70 <= used <= 95
