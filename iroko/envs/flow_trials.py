"""Trials of per-flow policies: one policy decides for all flows of a simulated network, many policies side by side.

With `deployment="flows"` the flows' own transport decides, once a round trip, inside the engine. There is no step from outside: a learner
proposes policies and gets back how their flows fared. `Trials.run` is that step. All policies of a call see the same flows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from iroko.analysis.completions import path_limits
from iroko.engines.base import Clock
from iroko.engines.open import open_batch
from iroko.errors import ClosedError, InputError
from iroko.flows import LEARNED, Flow
from iroko.metrics import ideal_completions_s, last_frames_s, slowdowns
from iroko.policy.format import Policy
from iroko.scenario import Scenario
from iroko.seeds import traffic_generator
from iroko.snapshot import Floats
from iroko.topology import Topology


@dataclass(frozen=True)
class Trial:
    """A network with flows, as long as it runs.

    Attributes:
        name: in tables, such as `incast`.
        topology: the network.
        flows: all of a given size, or all endless.
        end_s: its end.
        seed: of the engine's draws in it.
    """

    name: str
    topology: Topology
    flows: tuple[Flow, ...]
    end_s: float
    seed: int

    def __post_init__(self) -> None:
        if len({flow.size_bytes is None for flow in self.flows}) != 1:
            raise InputError(f"trial {self.name}: expected flows that are all of a given size, or all endless")

    @property
    def endless(self) -> bool:
        return self.flows[0].size_bytes is None

    @cached_property
    def sizes_bytes(self) -> Floats:
        """Of the flows, shape `(num_flows,)`; NaN for endless ones."""
        return np.array([np.nan if flow.size_bytes is None else flow.size_bytes for flow in self.flows], dtype=float)

    @property
    def ideals_s(self) -> Floats:
        """Completion times of flows that have their paths to themselves, in seconds, shape `(num_flows,)`."""
        return self._ideal[0]

    @cached_property
    def _ideal(self) -> tuple[Floats, Floats]:
        """Completion times with the path to itself, and the time of the last frame, in seconds."""
        frame = pd.DataFrame({"source": [flow.source for flow in self.flows], "destination": [flow.destination for flow in self.flows]})
        rates, delays, round_trips = path_limits(self.topology, frame)
        return ideal_completions_s(self.sizes_bytes, rates, delays, round_trips_s=round_trips), last_frames_s(self.sizes_bytes, rates)

    def outcome(self, completions_s: Floats, early_bytes: Floats, late_bytes: Floats) -> "Outcome":
        """How the flows fared, from completion times and the bytes that arrived in each half of the trial; arrays `(num_flows,)`."""
        rates_bps, delivered_bytes = late_bytes * 8 / (self.end_s / 2), early_bytes + late_bytes
        if self.endless:
            return Outcome(np.zeros(0), 0, rates_bps, delivered_bytes)
        unfinished = np.isnan(completions_s)
        starts_s = np.array([flow.start_s for flow in self.flows])
        ideals_s, last_s = self._ideal
        times_s = np.where(unfinished, np.maximum(self.end_s - starts_s, 0.0), completions_s)
        return Outcome(slowdowns(times_s, ideals_s, last_s), int(unfinished.sum()), rates_bps, delivered_bytes)


@dataclass(frozen=True)
class Outcome:
    """How the flows of a trial fared under one policy.

    Attributes:
        slowdowns: completion times over their ideals, shape `(num_flows,)`; of an unfinished flow what it had taken by the end, a lower
            bound. Empty where flows are endless.
        unfinished: flows that did not finish.
        rates_bps: application bytes that arrived in the second half of the trial as a rate, shape `(num_flows,)`.
        delivered_bytes: application bytes that arrived in all, shape `(num_flows,)`.
    """

    slowdowns: Floats
    unfinished: int
    rates_bps: Floats
    delivered_bytes: Floats


class Trials:
    """The simulator, as learners of policies use it.

    Attributes:
        scenario: the one that is scored after the training.
        seed: of the trials that a learner draws from here on, in the same way each time.
    """

    def __init__(self, scenario: Scenario, num_envs: int, seed: int) -> None:
        """Make it; simulators are opened for each call.

        Args:
            num_envs: policies side by side; results do not depend on it.
        """
        self.scenario = scenario
        self.seed = seed
        self._num_envs = num_envs
        self._clock = Clock()
        self._closed = False

    @property
    def clocks(self) -> list[Clock]:
        """Virtual and real time of all trials together."""
        return [self._clock]

    def run(self, trial: Trial, policies: Sequence[Policy | str]) -> list[Outcome]:
        """Run one trial under each policy, or where a transport is named under that one, such as `dctcp`.

        A flow of the trial that names its own transport keeps it.

        Raises:
            ClosedError: the trials were closed.
        """
        if self._closed:
            raise ClosedError("the trials are closed: make others")
        outcomes: list[Outcome] = []
        for first in range(0, len(policies), self._num_envs):
            outcomes += self._run(trial, policies[first : first + self._num_envs])
        return outcomes

    def _run(self, trial: Trial, policies: Sequence[Policy | str]) -> list[Outcome]:
        batch = open_batch([trial.topology] * len(policies))
        try:
            for index, policy in enumerate(policies):
                if isinstance(policy, str):
                    batch.reset(index, trial.flows, policy, trial.seed)
                else:
                    batch.reset(index, [_under(flow, policy) for flow in trial.flows], LEARNED, trial.seed)
            limits_bps = np.tile(np.array(trial.topology.host_rates_bps, dtype=float), (len(policies), 1))
            first = batch.step(limits_bps, trial.end_s / 2)
            last = batch.step(limits_bps, trial.end_s / 2)
            self._clock = Clock.together([self._clock, *batch.clocks])
        finally:
            batch.close()
        rows = zip(last.flow_completion_s, first.flow_bytes.astype(float), last.flow_bytes.astype(float), strict=True)
        return [trial.outcome(*row) for row in rows]

    def close(self) -> None:
        """Let no more run; safe twice."""
        self._closed = True


def _under(flow: Flow, policy: Policy) -> Flow:
    return replace(flow, policy=policy) if flow.transport in (None, LEARNED) else flow


def scenario_trial(scenario: Scenario, episode_seed: int) -> Trial:
    """An episode of a scenario as a trial.

    Raises:
        InputError: its traffic mixes endless flows with others.
    """
    topology = scenario.fabric
    flows = scenario.make_flows(topology, traffic_generator(episode_seed))
    return Trial(scenario.traffic, topology, tuple(flows), scenario.episode_s, episode_seed)
