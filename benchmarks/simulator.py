"""How fast the simulator is."""

import json
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.cost_figure import draw_cost
from benchmarks.result import Result
from iroko.engines.open import open_engine
from iroko.envs.environment import IrokoEnv
from iroko.flows import Flow
from iroko.metrics import MTU_FRAME_BYTES
from iroko.scenario import FEATURES, Scenario
from iroko.seeds import benchmark_generator
from iroko.topologies.fattree import fattree
from iroko.topology import Topology

GBPS_10 = 10e9
FIGURE = Path("results/simulator-cost")


def long_flows(topology: Topology, num_flows: int) -> list[Flow]:
    """Endless flows, to another host each: one from every host first, then more."""
    rng = benchmark_generator(1)
    hosts, flows = np.array(topology.hosts), []
    while len(flows) < num_flows:
        shuffled = rng.permutation(hosts).tolist()
        flows += [Flow(source, destination) for source, destination in zip(hosts.tolist(), shuffled, strict=True) if source != destination]
    return flows[:num_flows]


def fabric_of_hops(k: int) -> Topology:
    """The fat-tree on which packet-hops are counted."""
    return fattree(k=k, rate_bps=GBPS_10, delay_s=1e-6, queue_bytes=200 * MTU_FRAME_BYTES, ecn_bytes=65 * MTU_FRAME_BYTES)


def measure_hops(k: int, num_flows: int, virtual_s: float, repeats: int) -> dict[str, float]:
    """Packet-hops a second of one core's time, k-ary fat-tree of 10 Gbit/s, DCTCP; the best of some intervals, and the process's memory."""
    import resource

    topology = fabric_of_hops(k)
    with closing(open_engine("sim", topology)) as engine:
        engine.reset(long_flows(topology, num_flows), "dctcp", 1)
        limits = np.array(topology.host_rates_bps)
        engine.step(limits, virtual_s)  # slow start is over then
        best = 0.0
        for _ in range(repeats):
            started = time.process_time()
            hops = int(engine.step(limits, virtual_s).port_packets.sum())
            best = max(best, hops / (time.process_time() - started))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"hops_per_s": best, "memory_mb": memory}


def _in_its_own_process(k: int, num_flows: int, virtual_s: float, repeats: int) -> dict[str, float]:
    """As `measure_hops`; memory is counted for a whole process, so each measurement gets one."""
    arguments = f"{k}, {num_flows}, {virtual_s}, {repeats}"
    code = f"import json; from benchmarks.simulator import measure_hops; print(json.dumps(measure_hops({arguments})))"
    found: dict[str, float] = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    return found


def sim_hops() -> list[Result]:
    """Packet-hops a second of one core's time, 10 Gbit/s, DCTCP, one long flow a host."""
    results = []
    # The smallest takes the shortest time, so what else the machine does shows most; it gets more intervals.
    for k, virtual_s, repeats, aim in ((4, 0.01, 100, ">= 32"), (8, 0.005, 40, ">= 24"), (16, 0.004, 40, ">= 15")):
        found = _in_its_own_process(k, k**3 // 4, virtual_s, repeats)
        results.append(Result(f"packet-hops, fat-tree k={k}", found["hops_per_s"] / 1e6, "million/s", aim))
    return [*results, Result("memory, fat-tree k=16", found["memory_mb"], "MB", "< 500")]


def _scenario(topology: str, steps: int) -> Scenario:
    traffic = {"dumbbell": "pairs", "fattree": "stride"}[topology]
    return Scenario(topology=topology, traffic=traffic, features=FEATURES, episode_s=steps * 0.1)


def _single(topology: str, steps: int = 1000) -> float:
    """Environment steps a second, limits that change at each, best of three."""
    best = 0.0
    with closing(IrokoEnv(_scenario(topology, steps), engine="sim")) as env:
        for seed in range(3):
            env.reset(seed=seed)
            rng = benchmark_generator(seed)
            actions = rng.uniform(0.1, 1.0, (steps, *env.action_space.shape)).astype(np.float32)  # type: ignore[misc]
            started = time.perf_counter()
            for action in actions:
                env.step(action)
            best = max(best, steps / (time.perf_counter() - started))
    return best


def _vector(topology: str, num_envs: int = 32, steps: int = 200) -> float:
    """Steps a second of all environments of a vector together, best of three."""
    from iroko.envs.vector import make_vector  # brings torch, whose memory is not the simulator's

    best = 0.0
    with closing(make_vector(_scenario(topology, 1000), num_envs, "sim", seed=1)) as envs:
        envs.reset()
        rng = benchmark_generator(1)
        actions = rng.uniform(0.1, 1.0, (steps, num_envs, *envs.action_space.shape)).astype(np.float32)  # type: ignore[misc]
        for _ in range(3):
            started = time.perf_counter()
            for action in actions:
                envs.step(action)
            best = max(best, steps * num_envs / (time.perf_counter() - started))
    return best


def sim_steps() -> list[Result]:
    """Environment steps a second: UDP, 10 Mbit/s, 0.1 s steps, every feature."""
    return [
        Result("environment steps, dumbbell", _single("dumbbell"), "steps/s", ">= 5000"),
        Result("environment steps, fat-tree k=4", _single("fattree"), "steps/s", ">= 2000"),
    ]


def sim_vector() -> list[Result]:
    """The same in a vector of 32 environments on all cores, against one environment in the same run."""
    results = []
    for topology in ("dumbbell", "fattree"):
        one, many = _single(topology), _vector(topology)
        aim = {"dumbbell": ">= 15000", "fattree": ">= 6000"}[topology]
        results.append(Result(f"environment steps, 32 {topology}s", many, "steps/s", aim))
        results.append(Result(f"32 {topology}s over one", many / one, "x"))
    return results


def sim_start() -> list[Result]:
    """From the start of Python to the first step, with the compiled code in the cache."""
    code = (
        "import numpy as np; from iroko.envs.environment import IrokoEnv; from iroko.scenario import Scenario; "
        "env = IrokoEnv(Scenario(topology='fattree', traffic='stride'), engine='sim'); env.reset(seed=1); "
        "env.step(np.ones(16, dtype=np.float32))"
    )
    times = []
    for _ in range(4):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        times.append(time.perf_counter() - started)
    return [Result("start to first step, warm cache", min(times[1:]), "s", "< 3")]


def sim_training() -> list[Result]:
    """PPO: 50,000 steps on the k=4 fat-tree, in the simulator."""
    from iroko.agent import make_agent
    from iroko.envs.vector import make_vector
    from iroko.rundir.config import DEFAULT_ENVS

    scenario = Scenario(topology="fattree", traffic="stride")
    agent = make_agent("ppo", scenario, scenario.fabric, 1)
    with closing(make_vector(scenario, DEFAULT_ENVS["sim"], "sim", seed=1)) as envs:
        started = time.perf_counter()
        agent.train(envs, 50_000)
        return [Result("50,000 steps of PPO, fat-tree k=4", time.perf_counter() - started, "s", "< 180")]


def sim_cost() -> list[Result]:
    """How the cost of a packet-hop grows with the fabric and with the number of flows; draws `results/simulator-cost`."""
    sizes = {k: 1e9 / _in_its_own_process(k, k**3 // 4, virtual_s, 20)["hops_per_s"]
             for k, virtual_s in ((4, 0.01), (6, 0.008), (8, 0.005), (12, 0.004), (16, 0.003))}  # fmt: skip
    counts = {num: 1e9 / _in_its_own_process(4, num, 0.01, 20)["hops_per_s"] for num in (1, 4, 16, 64, 256, 1000)}
    draw_cost(sizes, counts, FIGURE)
    return [
        Result("cost of a packet-hop, k=16 over k=4", sizes[16] / sizes[4], "x"),
        Result("cost of a packet-hop, 1,000 flows over 16", counts[1000] / counts[16], "x"),
    ]
