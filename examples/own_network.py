"""How does DCTCP share my own network under my own traffic?

A topology is a list of links, traffic is a list of flows, and an engine runs both. The same two functions, each in a file of its
name, become `--topo line --traffic parking_lot` of `iroko run`: see docs/extend.md.

    python examples/own_network.py
"""

from itertools import pairwise

import numpy as np

from iroko.engines.open import open_engine
from iroko.flows import Flow
from iroko.metrics import jain_index
from iroko.topology import Topology, build_topology


def line(num_switches: int = 4, rate_bps: float = 10e6) -> Topology:
    """Switches in a row, two hosts at each."""
    switches = [f"s{i}" for i in range(num_switches)]
    hosts = [f"h{i}{side}" for i in range(num_switches) for side in "ab"]
    links = [(host, f"s{host[1:-1]}") for host in hosts] + list(pairwise(switches))
    return build_topology("line", hosts, switches, links, rate_bps=rate_bps, delay_s=20e-6, queue_bytes=150_000, ecn_bytes=30_280,
                          routing="static")  # fmt: skip


def parking_lot(topology: Topology, rng: np.random.Generator) -> list[Flow]:
    """One flow crosses every link between switches, one more flow crosses each; they start within the first 0.1 s."""
    last = len(topology.switches) - 1
    pairs = [("h0a", f"h{last}a"), *((f"h{i}b", f"h{i + 1}b") for i in range(last))]
    return [Flow(source, destination, rng.uniform(0, 0.1)) for source, destination in pairs]


def main(transport: str = "dctcp", num_steps: int = 50, interval_s: float = 0.1) -> np.ndarray:
    """Run the network and return each flow's rate in bit/s, shape `(num_flows,)`."""
    topology = line()
    flows = parking_lot(topology, np.random.default_rng(1))
    engine = open_engine("sim", topology)  # or "guest": the same flows on Linux
    engine.reset(flows, transport, seed=1)
    no_limits_bps = np.array(topology.host_rates_bps)  # a host's limit is its link rate: TCP alone decides
    delivered_bytes = sum(engine.step(no_limits_bps, interval_s).flow_bytes for _ in range(num_steps))
    engine.close()
    rates_bps = np.asarray(delivered_bytes) * 8 / (num_steps * interval_s)
    for flow, rate_bps in zip(flows, rates_bps, strict=True):
        print(f"{flow.source} -> {flow.destination}: {rate_bps / 1e6:.2f} Mbit/s")
    print(f"Jain's index {jain_index(rates_bps):.3f}")
    return rates_bps


if __name__ == "__main__":
    main()
