"""The trials from which per-flow policies learn: networks drawn at random, from the seeds of a training only.

Each generation draws `NUM_FINITE` of the kinds in `FINITE` and each in `LONG`, with rate, delay, load, threshold, size and number of flows
anew. Times are short, so that a simulation takes a hundredth to half of a second of processor time.
"""

from collections.abc import Callable

import numpy as np

from iroko.envs.flow_trials import Trial
from iroko.flows import Flow
from iroko.metrics import MTU_FRAME_BYTES
from iroko.registry import load
from iroko.topology import Topology

QUEUE_BYTES = 250 * MTU_FRAME_BYTES
THRESHOLDS = {1e9: (5, 10, 20), 1e10: (20, 40, 65), 1e11: (20, 65, 130)}
"""ECN thresholds in frames by rate in bit/s: the published ones of DCTCP for 1 and 10 Gbit/s, 20 and 65, and others."""
FIFO_SHARE = 0.2
"""Of the fabrics with a workload, those whose hosts have one queue for all flows."""
SHORT_S, LONG_S = (1e-6, 5e-6), (15e-6, 50e-6)
"""Delays of a link."""
_MAX_FLOWS = 100_000

Draw = np.random.Generator


def _uniform(rng: Draw, bounds: tuple[float, float]) -> float:
    return float(rng.uniform(*bounds))


def network(kind: str, rate_bps: float, delay_s: float, threshold: int, host_queue: str = "fq", **size: int) -> Topology:
    """A topology of this kind whose ports hold `QUEUE_BYTES` and mark from `threshold` frames on; flows take any shortest path."""
    make = load("topologies", "topology", kind)
    made: Topology = make(**size, rate_bps=rate_bps, delay_s=delay_s, queue_bytes=QUEUE_BYTES, ecn_bytes=threshold * MTU_FRAME_BYTES,
                          routing="ecmp", host_queue=host_queue)  # fmt: skip
    return made


def poisson(rng: Draw, topology: Topology, workload: str, load_share: float, duration_s: float, drain_s: float, seed: int) -> Trial:
    """Flows of a published workload, drawn from `rng`, that arrive for `duration_s`; `drain_s` more to finish."""
    traffic = load("traffic", "traffic", workload)
    flows = traffic(topology, rng, load=load_share, duration_s=duration_s, size_scale=1.0, max_flows=_MAX_FLOWS)
    return Trial(workload, topology, tuple(flows), duration_s + drain_s, seed)


def _workload(workload: str, rate_bps: float, delays_s: tuple[float, float], duration_s: float, drain_s: float) -> Callable[[Draw], Trial]:
    def draw(rng: Draw) -> Trial:
        threshold, host_queue = int(rng.choice(THRESHOLDS[rate_bps])), "fifo" if rng.random() < FIFO_SHARE else "fq"
        if rng.random() < 0.75:
            topology = network("fattree", rate_bps, _uniform(rng, delays_s), threshold, host_queue, k=4)
        else:
            topology = network("star", rate_bps, _uniform(rng, delays_s), threshold, host_queue, num_hosts=int(rng.integers(8, 17)))
        return poisson(rng, topology, workload, _uniform(rng, (0.3, 0.8)), duration_s, drain_s, int(rng.integers(1 << 31)))

    return draw


def _incast(rng: Draw) -> Trial:
    """Two waves of answers from all hosts of a star to one, on top of a larger flow."""
    rate_bps = float(rng.choice([1e9, 1e10]))
    senders, size_bytes = int(rng.integers(16, 49)), int(rng.integers(10_000, 100_000) * (rate_bps / 1e9) ** 0.5)
    topology = network("star", rate_bps, _uniform(rng, (2e-6, 2e-5)), int(rng.choice(THRESHOLDS[rate_bps])), num_hosts=senders + 2)
    hosts, wave_s = topology.hosts, senders * size_bytes * 8 / rate_bps
    flows = [Flow(hosts[0], hosts[senders], 0.0, int(rate_bps * 2e-3))]
    for wave in range(2):
        starts_s = 2e-3 + wave * 3 * wave_s + rng.uniform(0, 50e-6, senders - 1)
        flows += [Flow(hosts[i + 1], hosts[senders], float(start_s), size_bytes) for i, start_s in enumerate(starts_s)]
    return Trial("incast", topology, tuple(flows), 0.5 + 6 * wave_s, int(rng.integers(1 << 31)))


def dumbbell(num_flows: int, rate_bps: float, delay_s: float, threshold: int, end_s: float, starts_s: list[float], seed: int) -> Trial:
    """Long flows side by side through one link."""
    topology = network("dumbbell", rate_bps, delay_s, threshold, num_left=num_flows, num_right=num_flows)
    flows = tuple(Flow(f"h{i}", f"h{num_flows + i}", starts_s[i]) for i in range(num_flows))
    return Trial("dumbbell", topology, flows, end_s, seed)


def _fair(rate_bps: float) -> Callable[[Draw], Trial]:
    def draw(rng: Draw) -> Trial:
        num, end_s = int(rng.integers(2, 17)), {1e9: 0.3, 1e10: 0.08, 1e11: 0.012}[rate_bps]
        starts_s = rng.uniform(0, end_s / 4, num).tolist()
        threshold = int(rng.choice(THRESHOLDS[rate_bps]))
        return dumbbell(num, rate_bps, _uniform(rng, SHORT_S), threshold, end_s, starts_s, int(rng.integers(1 << 31)))

    return draw


def _far(least: int, most: int, end_s: float) -> Callable[[Draw], Trial]:
    """Flows over a high product of bandwidth and delay: 10 Gbit/s and 90 to 360 us of round-trip time, up to 300 segments."""

    def draw(rng: Draw) -> Trial:
        num = int(rng.integers(least, most + 1))
        starts_s = rng.uniform(0, end_s / 8, num).tolist()
        return dumbbell(num, 1e10, _uniform(rng, (15e-6, 60e-6)), 65, end_s, starts_s, int(rng.integers(1 << 31)))

    return draw


FINITE: tuple[Callable[[Draw], Trial], ...] = (
    _workload("websearch", 1e9, SHORT_S, 0.25, 0.3),
    _workload("websearch", 1e10, SHORT_S, 0.02, 0.025),
    _workload("hadoop", 1e9, SHORT_S, 0.04, 0.08),
    _workload("websearch", 1e9, LONG_S, 0.2, 0.25),
    _incast,
)
"""Kinds of trials whose flows have sizes: their completion times are to fall."""
LONG: tuple[Callable[[Draw], Trial], ...] = (
    _fair(1e9), _fair(1e10), _fair(1e11), _far(1, 1, 0.06), _far(2, 3, 0.1), _far(4, 8, 0.1),
)  # fmt: skip
"""Kinds of trials whose flows are endless: they are to share a link, and to fill it. Each generation has every kind: they are short, and a
policy that fills a long link alone may well keep what it has."""
NUM_FINITE = 3
NUM_TRIALS = NUM_FINITE + len(LONG)


def draw_trials(rng: Draw) -> list[Trial]:
    """The `NUM_TRIALS` trials of a generation."""
    chosen = sorted(rng.choice(len(FINITE), NUM_FINITE, replace=False).tolist())
    return [draw(rng) for draw in (*(FINITE[i] for i in chosen), *LONG)]
