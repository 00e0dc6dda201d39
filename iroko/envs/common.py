"""What the environment of one network and those of many share: spaces, the draw of an episode, checks of arguments."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box, Space

from iroko.engines.base import Engine
from iroko.engines.open import ENGINES
from iroko.envs.deployment import AnyObserver
from iroko.envs.observation import Observation
from iroko.errors import InputError, UnknownArgumentError
from iroko.flows import Flow
from iroko.mix import mix_transports, parse_mix
from iroko.policy.choice import with_policies
from iroko.registry import check_arguments, check_name, show
from iroko.scenario import Scenario
from iroko.seeds import environment_seeds, mix_generator, next_seed, traffic_generator, transport_seed
from iroko.topology import Topology

MAX_ENVS = 4096
SHARED = ("interval_s", "min_fraction", "features", "reward", "deployment")
"""The fields in which all scenarios of one batch have to agree."""


def observation_box(observer: AnyObserver) -> Space[Observation]:
    return Box(observer.low, observer.high, dtype=np.float32)


def action_box(num_hosts: int, min_fraction: float) -> Space[npt.NDArray[np.float32]]:
    return Box(np.float32(min_fraction), np.float32(1), (num_hosts,), np.float32)


def check_scenario(scenario: Any) -> Scenario:
    """Refuse what is no scenario, such as the name of a topology.

    Raises:
        InputError: it is none.
    """
    if not isinstance(scenario, Scenario):
        raise InputError(f"scenario={show(scenario)}: expected a Scenario, such as Scenario(topology='fattree')")
    return scenario


def check_scenarios(scenarios: Any) -> None:
    """Refuse scenarios that one batch cannot hold.

    Raises:
        InputError: there is none, or one differs from the first in a field of `SHARED`; the message names both.
    """
    if not isinstance(scenarios, Sequence) or not scenarios:
        raise InputError(f"a vector environment of no scenarios, {show(scenarios)}: expected a list of at least one")
    check_num_envs(len(scenarios))
    first = check_scenario(scenarios[0])
    for index, scenario in enumerate(scenarios):
        for name in SHARED:
            value, wanted = getattr(check_scenario(scenario), name), getattr(first, name)
            if value != wanted:
                raise InputError(f"environment {index}: {name}={value!r}: expected {wanted!r}, as in environment 0")


def check_engine(engine: Any, topology: Topology) -> tuple[str | None, Engine | None]:
    """Split what an environment is given as its engine into a name and an open engine; at most one of them is not None.

    Raises:
        InputError: an engine of another topology, or of an unknown name.
    """
    if engine is None or isinstance(engine, str):
        return None if engine is None else check_name("engine", engine, ENGINES), None
    if not isinstance(getattr(engine, "topology", None), Topology):
        raise InputError(f"engine={show(engine)}: expected the name of one, {', '.join(ENGINES)}, or an open engine")
    if engine.topology != topology:
        raise InputError(f"engine of topology {engine.topology.name}: expected one opened for the scenario's {topology.name}")
    return None, engine


def refuse_copy(state: dict[str, Any], engine: Any) -> dict[str, Any]:
    """The state of an environment for `copy` and `pickle`, if there is no engine in it, whose network no copy would have.

    Raises:
        InputError: there is one.
    """
    if engine is not None:
        raise InputError(
            "an environment with an engine cannot be copied or pickled, since its network runs outside of it: copy it before the first "
            "reset, or make another one with the same scenario and seed"
        )
    return state


def check_seed(seed: Any) -> int:
    """Refuse what numpy's generators cannot be seeded with.

    Raises:
        InputError: it is no whole number, or out of range.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 1 << 64:
        raise InputError(f"seed={show(seed)}: expected a whole number, 0 <= seed < 2^64")
    return int(seed)


def check_options(options: Any) -> None:
    """Refuse options of `reset`, of which there are none.

    Raises:
        UnknownArgumentError: there are some.
    """
    if options:
        raise UnknownArgumentError(f"options={show(options)}: expected none; a scenario is set when the environment is made")


def check_seeds(seeds: Any, num_envs: int) -> list[int | None]:
    """Refuse seeds that are not one, or None, for each environment.

    Raises:
        InputError: their number is wrong, or one is out of range.
    """
    if not isinstance(seeds, Sequence):
        raise InputError(f"seed={show(seeds)}: expected a whole number, or one for each of {num_envs} environments")
    checked = [None if seed is None else check_seed(seed) for seed in seeds]
    if len(checked) != num_envs:
        raise InputError(f"{len(checked)} seeds: expected one for each of {num_envs} environments")
    return checked


def check_max_steps(max_steps: Any) -> None:
    """Refuse a number of steps that is none; None itself is allowed.

    Raises:
        InputError: it is below 1, or no whole number.
    """
    if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1):
        raise InputError(f"max_episode_steps={show(max_steps)}: expected a whole number, 1 or more")


def check_num_envs(num_envs: Any) -> int:
    """Refuse a number of environments that is none, or that no machine holds.

    Raises:
        InputError: it is out of range.
    """
    if isinstance(num_envs, bool) or not isinstance(num_envs, int) or not 1 <= num_envs <= MAX_ENVS:
        raise InputError(f"num_envs={show(num_envs)}: expected 1 or more, at most {MAX_ENVS:,}")
    return num_envs


def make_seeds(seed: int, num_envs: int) -> list[int]:
    """A seed for each environment, derived from one: environment i of seed s has nothing in common with environment i - 1 of seed s + 1.

    Raises:
        InputError: the seed or the number is out of range.
    """
    return environment_seeds(check_seed(seed), check_num_envs(num_envs))


def draw_episode(scenario: Scenario, topology: Topology, rng: np.random.Generator) -> tuple[list[Flow], int]:
    """Draw the flows of an episode and the engine's seed for it.

    Args:
        rng: the environment's generator, which gives one seed for each episode, however much the traffic draws.
    """
    episode_seed = next_seed(rng)
    flows = scenario.make_flows(topology, traffic_generator(episode_seed))
    flows = mix_transports(flows, parse_mix(scenario.mix), mix_generator(episode_seed))
    return with_policies(scenario, flows), transport_seed(episode_seed)


def split_arguments(name: str, topology: str, arguments: dict[str, Any], own: set[str]) -> tuple[Scenario, dict[str, Any]]:
    """Split the arguments of `gymnasium.make` into a scenario and those that the environment itself takes.

    Args:
        name: the environment's id.
        own: what the environment takes.

    Raises:
        UnknownArgumentError: an unknown argument.
        InputError: a value out of range.
    """
    keys = {field.name for field in dataclasses.fields(Scenario)} - {"topology", "topology_parameters"}
    parameters = set(Scenario(topology=topology).topology_parameters)
    check_arguments(name, arguments, keys | own | parameters)
    scenario = Scenario(
        topology=topology,
        topology_parameters={key: value for key, value in arguments.items() if key in parameters},
        **{key: value for key, value in arguments.items() if key in keys},
    )
    return scenario, {key: value for key, value in arguments.items() if key in own}
