"""How long a decision takes: from what an agent sees to the limits in force."""

import time
from contextlib import closing

import numpy as np
import numpy.typing as npt

from benchmarks.result import Result
from iroko.agent import Agent, make_agent
from iroko.env import IrokoEnv
from iroko.scenario import Scenario

LEARNERS = ("ppo", "ddpg", "reinforce", "ars")
DECISIONS = 2000
NEVER_S = 86_400.0
"""When the flows start: after every episode. A step of an idle network is the limits set, the counters read, and hardly more."""


def _scenario() -> Scenario:
    parameters = {"start_s": NEVER_S}
    return Scenario(topology="fattree", traffic="stride", traffic_parameters=parameters, episode_s=DECISIONS * 0.1)


def _observations(size: int, seed: int = 1) -> npt.NDArray[np.float32]:
    """Drawn from 0 to 1, so that every decision differs from the last and every limit is set anew."""
    return np.random.default_rng(seed).random((DECISIONS, size), dtype=np.float32)


def _results(name: str, times_s: list[float], aim: str) -> list[Result]:
    median, slow = np.percentile(times_s, (50, 99)) * 1e3
    return [Result(f"{name}, median", float(median), "ms"), Result(f"{name}, 99th percentile", float(slow), "ms", aim)]


def _act_times(agent: Agent, observations: npt.NDArray[np.float32]) -> list[float]:
    times = []
    for observation in observations:
        started = time.perf_counter()
        agent.act(observation)
        times.append(time.perf_counter() - started)
    return times


def _step_times(agent: Agent, env: IrokoEnv, observations: npt.NDArray[np.float32]) -> list[float]:
    times = []
    env.reset(seed=1)
    for observation in observations:
        started = time.perf_counter()
        env.step(agent.act(observation))
        times.append(time.perf_counter() - started)
    return times


def decide() -> list[Result]:
    """A decision on the k=4 fat-tree, 16 limits: `act` by itself, and with a step of an idle network, which sets all limits."""
    scenario = _scenario()
    topology = scenario.make_topology()
    results = []
    for name in LEARNERS:
        agent = make_agent(name, scenario, topology, seed=1)
        with closing(IrokoEnv(scenario, engine="sim")) as env:
            observations = _observations(env.observer.size)
            results += _results(f"act, {name}, central", _act_times(agent, observations), "< 10")
            if name == LEARNERS[0]:
                results += _results(f"act and idle step, {name}, sim", _step_times(agent, env, observations), "< 10")
        if name == LEARNERS[0]:
            with closing(IrokoEnv(scenario, engine="guest")) as env:
                results += _results(f"act and idle step, {name}, guest", _step_times(agent, env, observations), "< 10")
    return results + _of_one_host()


def _of_one_host() -> list[Result]:
    """`act` of a policy of the same networks that sees only what hosts count, in the least fabric there is."""
    scenario = Scenario(topology_parameters={"num_left": 1, "num_right": 1}, features=("limits", "sent", "received"))
    agent = make_agent("ppo", scenario, scenario.make_topology(), seed=1)
    return _results("act, ppo, a host by itself", _act_times(agent, _observations(6)), "< 1")
