"""How fast the learned per-flow control is: beside packets in the simulator, and by itself."""

import time
from contextlib import closing
from typing import Any

import numpy as np
from numba import njit

from benchmarks.result import Result
from benchmarks.simulator import fabric_of_hops, long_flows
from iroko.engines.open import open_engine
from iroko.flows import LEARNED
from iroko.policy import twin
from iroko.policy.builtin import SHIPPED
from iroko.policy.choice import load_policy
from iroko.policy.words import FEATURES, RTT_US, STATE, WINDOW
from iroko.seeds import benchmark_generator

INTERVAL_S, REPEATS = 0.005, 60
DECISIONS = 1_000_000


def _hops() -> dict[str, float]:
    """Packet-hops a second of one core, k=4 fat-tree of 10 Gbit/s; transports take turns, the best of some intervals each."""
    topology = fabric_of_hops(4)
    limits = np.array(topology.host_rates_bps)
    best = {"dctcp": 0.0, LEARNED: 0.0}
    with closing(open_engine("sim", topology)) as one, closing(open_engine("sim", topology)) as other:
        engines = dict(zip(best, (one, other), strict=True))
        for transport, engine in engines.items():
            engine.reset(long_flows(topology, 16), transport, 1)
            engine.step(limits, 2 * INTERVAL_S)  # slow start is over then
        for _ in range(REPEATS):
            for transport, engine in engines.items():
                started = time.process_time()
                hops = int(engine.step(limits, INTERVAL_S).port_packets.sum())
                best[transport] = max(best[transport], hops / (time.process_time() - started))
    return best


@njit
def _decide(f: Any, p: Any, x: Any, rtts_us: Any, number: int) -> int:
    """Decide so many times, with other round-trip times and marks each time."""
    total = 0
    for i in range(number):
        f[RTT_US] = rtts_us[i % len(rtts_us)]
        f[WINDOW] = (10 << 16) + (i & 0xFFFF)
        twin.act(f, p, 10, i & 3, 0, 20, x)
        total += f[WINDOW]
        twin.new_round(f, 0, 0, 0)
    return total


def _decisions() -> float:
    """Decisions a second of one core, by the simulator's code without packets."""
    f, x = np.zeros(STATE, dtype=np.int64), np.zeros(FEATURES, dtype=np.int64)
    p, rtts_us = load_policy(SHIPPED).to_words(), benchmark_generator(1).integers(20, 400, 1000)
    _decide(f, p, x, rtts_us, 10)
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        _decide(f, p, x, rtts_us, DECISIONS)
        best = max(best, DECISIONS / (time.process_time() - started))
    return best


def policy() -> list[Result]:
    """The learned control: packet-hops beside DCTCP's, and decisions a second of one core."""
    hops = _hops()
    return [
        Result("packet-hops, k=4, iroko", hops[LEARNED] / 1e6, "million/s"),
        Result("packet-hops, iroko over dctcp", hops[LEARNED] / hops["dctcp"], "x", ">= 0.9"),
        Result("decisions", _decisions() / 1e6, "million/s", ">= 2"),
    ]
