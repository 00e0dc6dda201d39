"""Any policy beside the schemes of Iroko, under the same conditions and by the same measures.

model = stable_baselines3.PPO("MlpPolicy", gymnasium.make("iroko/FatTree-v0")).learn(100_000)
result = iroko.compare({"mine": model, "nv": "nv", "dctcp": "dctcp"}, iroko.Scenario(topology="fattree", traffic="stride"))
print(result)
result.frame.groupby("scheme")["reward"].mean()
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd
from rich.console import Console

from iroko.agent import Action, Agent, make_agent
from iroko.analysis.completion_table import print_completions
from iroko.analysis.completions import CompletionScore, default_bounds_bytes, score_flows, select_finite
from iroko.analysis.score_table import print_scores
from iroko.analysis.scores import Score, mean_scores, measure_episodes, where
from iroko.errors import InputError
from iroko.registry import show
from iroko.run.evaluate import Records, evaluate
from iroko.scenario import Scenario
from iroko.topology import Topology

PLAIN_WIDTH = 130
"""Columns of the printed table."""


@runtime_checkable
class Predicts(Protocol):
    """A policy as Stable-Baselines3 has it; it returns the action and its state."""

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False) -> tuple[Any, Any]: ...


@runtime_checkable
class Acts(Protocol):
    """A policy that gives the action for an observation."""

    def act(self, observation: Any) -> Any: ...


Policy = str | Predicts | Acts
"""What can be compared: the name of an agent or of a TCP, or an object with `predict` or `act`."""


@dataclass(frozen=True)
class Compared:
    """The outcome of a comparison; printed, it is the table of the main command.

    Attributes:
        frame: one row for each scheme and episode: columns scheme, seed, episode, then the measures, see `iroko.analysis.scores`.
        scores: for each scheme the means over its episodes.
        completions: how finite flows completed; empty where no flow is finite.
    """

    frame: pd.DataFrame
    scores: list[Score]
    completions: list[CompletionScore]
    what: str
    episode_s: float
    own: tuple[str, ...]

    def __str__(self) -> str:
        file = io.StringIO()
        console = Console(file=file, width=PLAIN_WIDTH)
        print_scores(self.what, int(self.frame["episode"].nunique()), self.episode_s, self.scores, self.own, console)
        print_completions(self.completions, self.own, console)
        return file.getvalue().rstrip()


class PolicyAgent(Agent):
    """A policy as a scheme: its actions are used as they are, without exploration."""

    def __init__(self, name: str, policy: Predicts | Acts) -> None:
        super().__init__(name)
        self._policy = policy
        self._state: Any = None

    def start(self, topology: Topology, flows: Sequence[Any]) -> None:
        self._state = None

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        if isinstance(self._policy, Predicts):
            action, self._state = self._policy.predict(observation, state=self._state, deterministic=True)
        else:
            action = self._policy.act(observation)
        return np.asarray(action, dtype=np.float32)


def compare(
    schemes: Mapping[str, Policy] | Sequence[Policy],
    scenario: Scenario,
    engine: str = "sim",
    episodes: int = 2,
    seed: int = 1,
) -> Compared:
    """Score schemes in one scenario, all on the same flows.

    Args:
        schemes: names of agents that do not learn, TCPs, and policies: objects with `predict(observation, deterministic=True)`, such as
            the models of Stable-Baselines3, or with `act(observation)`. A mapping gives the names; otherwise a policy has that of its
            class.
        engine: `sim`, `guest` or `mininet`.
        episodes: scored episodes of each scheme.
        seed: of the flows, and of all that is drawn.

    Raises:
        InputError: an unknown name, an agent that has to be trained first, an object that is no policy, or a bad number.
        UnsupportedError: the engine cannot run here, or lacks a transport.
    """
    named = dict(schemes) if isinstance(schemes, Mapping) else _name(schemes)
    if not named:
        raise InputError('schemes=[]: expected at least one, such as ["nv", "dctcp"]')
    topology = scenario.fabric
    agents = {name: _agent(name, policy, scenario, topology, seed) for name, policy in named.items()}
    frames, completions = [], []
    for name, agent in agents.items():
        records = evaluate(agent, scenario, engine, episodes, seed)
        frames.append(measure_episodes(topology, records.steps.assign(scheme=name), records.flows, seed))
        if records.flows["size_bytes"].notna().any():
            completions.append(_completion(name, records, scenario, topology))
    frame = pd.concat(frames, ignore_index=True)
    own = tuple(name for name, policy in named.items() if not isinstance(policy, str))
    what = f"{scenario.topology_name}, {scenario.traffic_name} {where(engine)}"
    return Compared(frame, mean_scores(frame), completions, what, scenario.episode_s, own)


def _name(schemes: Sequence[Policy]) -> dict[str, Policy]:
    """Names for schemes: their own, or of other policies that of the class, with a number where several have it."""
    names = [
        policy if isinstance(policy, str) else policy.name if isinstance(policy, Agent) else type(policy).__name__ for policy in schemes
    ]
    counts, seen = Counter(names), Counter[str]()
    named: dict[str, Policy] = {}
    for name, policy in zip(names, schemes, strict=True):
        seen[name] += 1
        if isinstance(policy, str) and counts[name] > 1:
            raise InputError(f"scheme {show(name)} is listed twice: list it once")
        named[name if counts[name] == 1 else f"{name}-{seen[name]}"] = policy
    return named


def _agent(name: str, policy: Policy, scenario: Scenario, topology: Topology, seed: int) -> Agent:
    if isinstance(policy, str):
        agent = make_agent(policy, scenario, topology, seed)
        if agent.learns:
            raise InputError(f"scheme {policy!r} learns: train it and pass the object, or use `python -m iroko.run --agent {policy}`")
        return agent
    if isinstance(policy, Agent):
        return policy
    if not isinstance(policy, (Predicts, Acts)):
        raise InputError(f"scheme {show(name)} is {show(policy)}: expected a name, or an object with predict or act")
    return PolicyAgent(name, policy)


def _completion(name: str, records: Records, scenario: Scenario, topology: Topology) -> CompletionScore:
    flows = select_finite(records.flows, topology, scenario.episode_s, records.transport)
    return score_flows(name, records.transport, flows, default_bounds_bytes(scenario), records.steps["port_drops"])
