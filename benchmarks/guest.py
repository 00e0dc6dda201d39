"""How fast the kernel in the guest is."""

import os
import statistics
import time
from contextlib import closing

import numpy as np

from benchmarks.result import Result
from iroko.engines.guest.engine import GuestEngine
from iroko.engines.open import open_engine
from iroko.envs.environment import IrokoEnv
from iroko.flows import Flow
from iroko.scenario import Scenario
from iroko.seeds import benchmark_generator
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topology import Topology


def boot() -> list[Result]:
    """Guest boot to the first snapshot, median of three."""
    results = []
    for name, topology, aim in (("dumbbell", dumbbell(), "< 3"), ("fat-tree k=4", fattree(), "< 5")):
        times = []
        for seed in range(3):
            started = time.perf_counter()
            with closing(open_engine("guest", topology, seed)) as engine:
                engine.reset([], "udp", 0)
                times.append(time.perf_counter() - started)
        results.append(Result(f"boot to first snapshot, {name}", statistics.median(times), "s", aim))
    return results


def _drive(env: IrokoEnv, steps: int, seed: int) -> float:
    """Real time that so many steps take, with limits that change at each."""
    env.reset(seed=seed)
    rng = benchmark_generator(seed)
    actions = rng.uniform(0.9, 1.0, (steps, *env.action_space.shape)).astype(np.float32)  # type: ignore[misc]
    started = time.perf_counter()
    for action in actions:
        env.step(action)
    return time.perf_counter() - started


def _fattree_scenario(transport: str, steps: int) -> Scenario:
    return Scenario(topology="fattree", traffic="stride", transport=transport, episode_s=steps * 0.1)


def speed() -> list[Result]:
    """Virtual over real time: k=4 fat-tree, 16 endless flows, 10 Mbit/s, 0.1 s steps, with observation and changing limits."""
    results, steps = [], 300
    for transport, aim in (("cubic", ">= 8"), ("dctcp", ">= 8"), ("nv", ">= 8"), ("udp", ">= 7")):
        with closing(IrokoEnv(_fattree_scenario(transport, steps), engine="guest")) as env:
            seconds = min(_drive(env, steps, seed) for seed in range(3))
        results.append(Result(f"virtual over real time, fat-tree k=4, {transport}", steps * 0.1 / seconds, "x", aim))
    return results


def hops() -> list[Result]:
    """Packet-hops a second of real time, k=4 fat-tree, 16 flows."""
    results = []
    for rate_bps, interval_s, steps in ((10e6, 0.1, 100), (1e9, 0.01, 30), (10e9, 0.001, 50)):
        for transport in ("dctcp", "udp"):
            topology = fattree(rate_bps=rate_bps)
            flows = [Flow(f"h{i}", f"h{(i + 8) % 16}") for i in range(16)]
            with closing(open_engine("guest", topology)) as engine:
                limits = np.array(topology.host_rates_bps)
                engine.reset(flows, transport, 1)
                engine.step(limits, interval_s)
                started = time.perf_counter()
                packets = sum(engine.step(limits, interval_s).port_packets.sum() for _ in range(steps))
                seconds = time.perf_counter() - started
            results.append(Result(f"packet-hops, {rate_bps / 1e6:g} Mbit/s, {transport}", packets / seconds / 1e6, "million/s"))
    return results


def steps() -> list[Result]:
    """Steps a second with no traffic: what a step costs by itself."""
    results = []
    for name, topology, aim in (("dumbbell", dumbbell(), ">= 3000"), ("fat-tree k=4", fattree(), "")):
        with closing(open_engine("guest", topology)) as engine:
            engine.reset([], "udp", 0)
            limits = np.array(topology.host_rates_bps)
            rates = []
            for _ in range(3):
                started = time.perf_counter()
                for _ in range(2000):
                    engine.step(limits, 0.1)
                rates.append(2000 / (time.perf_counter() - started))
        results.append(Result(f"steps with no traffic, {name}", max(rates), "1/s", aim))
    return results


def build() -> list[Result]:
    """Boot and build of a k=8 fat-tree: 128 hosts, 80 switches, 768 ports."""
    started = time.perf_counter()
    with closing(open_engine("guest", fattree(k=8))) as engine:
        engine.reset([], "udp", 0)
        return [Result("boot to first snapshot, fat-tree k=8", time.perf_counter() - started, "s", "< 15")]


def parallel() -> list[Result]:
    """Two guests side by side, each on its core, against one."""
    count = 200
    scenario = _fattree_scenario("cubic", count)

    def rate(number: int) -> float:
        envs = [IrokoEnv(scenario, engine="guest", seed=seed) for seed in range(number)]
        try:
            for env in envs:
                env.reset(seed=1)
            action = np.ones(16, dtype=np.float32)
            started = time.perf_counter()
            for _ in range(count):
                for env in envs:
                    env.begin_step(action)
                for env in envs:
                    env.finish_step()
            return number * count / (time.perf_counter() - started)
        finally:
            for env in envs:
                env.close()

    one, two = rate(1), rate(2)
    return [
        Result("one guest", one, "steps/s"),
        Result("two guests", two, "steps/s"),
        Result("two guests over one", two / one, "x"),
    ]


def _resident_bytes(root: int) -> int:
    """Proportional memory of a process and its descendants."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    total = 0
    for pid in found:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024
        except OSError:
            continue
    return total


def memory() -> list[Result]:
    """Memory of one guest after a busy episode, k=4 fat-tree."""
    topology: Topology = fattree()
    with closing(GuestEngine(topology)) as engine:
        engine.reset([Flow(f"h{i}", f"h{(i + 8) % 16}") for i in range(16)], "cubic", 1)
        for _ in range(100):
            engine.step(np.array(topology.host_rates_bps), 0.1)
        assert engine.machine.process is not None
        return [Result("memory of one guest, fat-tree k=4", _resident_bytes(engine.machine.process.pid) / 1e6, "MB", "< 400")]
