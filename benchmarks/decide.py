"""How long a decision takes: from what an agent sees to the limits in force."""

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial

import numpy as np
import numpy.typing as npt

from benchmarks.result import Result
from iroko.agent import Agent, make_agent
from iroko.envs.environment import IrokoEnv
from iroko.scenario import Scenario
from iroko.seeds import benchmark_generator

DECISIONS = 1000
REPEATS = 3
"""The quietest counts: what another process takes from this one is no part of a decision."""
INTERVAL_S = 0.1
START_S = DECISIONS * INTERVAL_S
"""When the flows start: after all that is measured. A step of an idle network is the limits set, the counters read, and hardly more."""


def _scenario(topology: str, deployment: str, **parameters: int) -> Scenario:
    return Scenario(
        topology=topology,
        topology_parameters=parameters,
        traffic="stride",
        traffic_parameters={"start_s": START_S},
        interval_s=INTERVAL_S,
        episode_s=START_S + INTERVAL_S,
        deployment=deployment,
    )


def _observations(env: IrokoEnv) -> npt.NDArray[np.float32]:
    """Drawn from 0 to 1, so that every decision differs from the last and every limit is set anew."""
    assert env.observation_space.shape is not None
    return benchmark_generator(1).random((DECISIONS, *env.observation_space.shape), dtype=np.float32)


def _results(name: str, measure: Callable[[], list[float]], aim: str) -> list[Result]:
    passes = [np.percentile(measure(), (50, 99)) * 1e3 for _ in range(REPEATS)]
    median, slow = min(passes, key=lambda each: float(each[1]))
    return [Result(f"{name}, median", float(median), "ms"), Result(f"{name}, 99th percentile", float(slow), "ms", aim)]


def _times(decide_once: Callable[[npt.NDArray[np.float32]], object], observations: npt.NDArray[np.float32]) -> list[float]:
    times = []
    for observation in observations:
        started = time.perf_counter()
        decide_once(observation)
        times.append(time.perf_counter() - started)
    return times


def _step_times(agent: Agent, env: IrokoEnv, observations: npt.NDArray[np.float32]) -> list[float]:
    env.reset(seed=1)
    return _times(lambda observation: env.step(agent.act(observation)), observations)


def _of_deployment(scenario: Scenario, what: str, aim: str, engines: tuple[str, ...] = ()) -> list[Result]:
    """`act` by itself, and with a step of each engine."""
    agent = make_agent("ppo", scenario, scenario.fabric, seed=1)
    with closing(IrokoEnv(scenario, engine="sim")) as env:
        observations = _observations(env)
    results = _results(f"act, ppo, {what}", partial(_times, agent.act, observations), aim)
    for engine in engines:
        with closing(IrokoEnv(scenario, engine=engine)) as env:
            results += _results(f"act and idle step, ppo, {what}, {engine}", partial(_step_times, agent, env, observations), aim)
    return results


def decide() -> list[Result]:
    """A decision: `act` by itself, and with a step of an idle network, which sets all limits; k=4 fat-tree, and one host's."""
    central = _scenario("fattree", "central")
    results = _of_deployment(central, "central", "< 10", ("sim", "guest"))
    for name in ("ddpg", "reinforce", "ars"):
        agent = make_agent(name, central, central.fabric, seed=1)
        with closing(IrokoEnv(central, engine="sim")) as env:
            results += _results(f"act, {name}, central", partial(_times, agent.act, _observations(env)), "< 10")
    results += _of_deployment(_scenario("fattree", "hosts"), "all 16 hosts", "")
    # The least fabric has two hosts, so this is the time of two decisions.
    return results + _of_deployment(_scenario("dumbbell", "hosts", num_left=1, num_right=1), "a host", "< 1")
