"""The deployed control on this machine's kernel beside the guest's: `sudo .venv/bin/python -m benchmarks.deploy`.

Two flows of a dumbbell, without delay, through a port that marks above 30 kB. Nanoseconds are of the kernel's own statistics of BPF
programs, which are on while this runs.
"""

import os
import sys
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from iroko.engines.base import Engine
from iroko.engines.open import open_engine
from iroko.errors import IrokoError, UnsupportedError
from iroko.flows import Flow
from iroko.policy.bpf import objects
from iroko.policy.bpf.deployment import Deployment
from iroko.policy.bpf.load import Loaded
from iroko.policy.builtin import dctcp_like
from iroko.topologies.dumbbell import dumbbell

RATES_BPS = (100e6, 1e9)
WARM_STEPS, STEPS, INTERVAL_S = 8, 40, 0.1
REPEATS = 3
ECN_BYTES = 30_280
CASES = (("mininet", "iroko"), ("mininet", "cubic"), ("guest", "iroko"), ("guest", "dctcp"), ("guest", "cubic"))


@dataclass
class Cost:
    """Run time in ns, runs and decisions of the control, of each interval."""

    rows: list[tuple[int, int, int]] = field(default_factory=list)


class Meter:
    """Reads the control's statistics."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def read(self) -> npt.NDArray[np.int64]:
        """Run time in ns, runs, decisions."""
        info = objects.program_info(self.deployment.program)
        return np.array([info.run_time_ns, info.run_count, self.deployment.read_summary().decisions], dtype=np.int64)


def measure(engine: Engine, transport: str, meter: Meter | None, cost: Cost) -> list[float]:
    """Goodput in Mbit/s, mean queue in kB, marks a second, round-trip time in ms of one run."""
    engine.reset([Flow("h0", "h2"), Flow("h1", "h3")], transport, 1)
    limits = np.array(engine.topology.host_rates_bps)
    for _ in range(WARM_STEPS):
        engine.step(limits, INTERVAL_S)
    rows = []
    for _ in range(STEPS):
        before = meter.read() if meter else None
        snapshot = engine.step(limits, INTERVAL_S)
        if meter is not None and before is not None:
            run_time_ns, runs, decisions = (int(number) for number in meter.read() - before)
            cost.rows.append((run_time_ns, runs, decisions))
        port = int(np.argmax(snapshot.port_bytes[list(engine.topology.switch_ports)]))
        queue = snapshot.backlog_mean_bytes[list(engine.topology.switch_ports)][port]
        rows.append([
            float(snapshot.flow_bytes.sum()) * 8 / snapshot.interval_s / 1e6, float(queue) / 1e3,
            float(snapshot.port_marks.sum()) / snapshot.interval_s, float(np.nanmean(snapshot.host_rtt_s)) * 1e3,
        ])  # fmt: skip
    return [float(value) for value in np.mean(rows, axis=0)]


def main() -> int:
    """Print both tables."""
    costs = {rate: Cost() for rate in RATES_BPS}
    statistics = objects.run_statistics()
    loaded = Loaded(dctcp_like())
    try:
        print(f"load before: {os.getloadavg()[0]:.1f}; {REPEATS} runs of {STEPS * INTERVAL_S:g} s each: median (least to most)")
        print("| rate | engine, transport | goodput Mbit/s | queue kB | marks/s | round trip ms |\n|---|---|---|---|---|---|")
        with Deployment.expect() as deployment:
            for rate in RATES_BPS:
                for engine_name, transport in CASES:
                    meter = Meter(deployment) if (engine_name, transport) == ("mininet", "iroko") else None
                    try:
                        print_case(rate, engine_name, transport, meter, costs[rate])
                    except UnsupportedError as error:
                        print(f"{engine_name}, {transport}: not measured: {error}")
    finally:
        loaded.close()
        os.close(statistics)
    print("\n| rate | ACKs | decisions | ns an ACK |\n|---|---|---|---|")
    for rate, cost in costs.items():
        run_time_ns, runs, decisions = (int(number) for number in np.sum(cost.rows, axis=0))
        print(f"| {rate / 1e6:,.0f}M | {runs:,} | {decisions:,} | {run_time_ns / runs:,.0f} |")
    return 0


def print_case(rate_bps: float, engine_name: str, transport: str, meter: Meter | None, cost: Cost) -> None:
    topology = dumbbell(2, 2, rate_bps, 0.0, ecn_bytes=ECN_BYTES)
    with closing(open_engine(engine_name, topology)) as engine:
        runs = np.array([measure(engine, transport, meter, cost) for _ in range(REPEATS)])
    cells = [f"{middle:,.1f} ({least:,.1f} to {most:,.1f})"
             for middle, least, most in zip(np.median(runs, 0), runs.min(0), runs.max(0), strict=True)]  # fmt: skip
    print(f"| {rate_bps / 1e6:,.0f}M | {engine_name}, {transport} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except IrokoError as error:
        sys.exit(f"benchmarks.deploy: {error}")
