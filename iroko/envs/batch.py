"""Many environments in one simulator: each step is one call of it and array formulas over all environments at once.

`BatchEnv` is what the Gymnasium vector environment (`iroko.envs.gym_vector`) and that of Stable-Baselines3
(`iroko.envs.sb3_vector.BatchVecEnv`)
have in common. Environment for environment it gives what `iroko.envs.environment.IrokoEnv` gives, by the same formulas.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Space
from gymnasium.utils.seeding import np_random

from iroko.arrays import FabricArrays, FlowArrays
from iroko.engines.base import Clock
from iroko.engines.open import open_batch
from iroko.envs.action import read_action
from iroko.envs.common import action_box, check_scenarios, check_seed, draw_episode, observation_box, refuse_copy
from iroko.envs.deployment import AnyObserver, View
from iroko.envs.info import Columns, step_info, without_reward
from iroko.envs.observation import Observation
from iroko.errors import ClosedError, InputError
from iroko.flows import Flow
from iroko.metrics import Booleans
from iroko.registry import show
from iroko.reward import REWARDS, RewardContext, all_done
from iroko.scenario import Scenario, make_topologies
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

if TYPE_CHECKING:
    from iroko.engines.base import Batch


@dataclass(frozen=True)
class BatchStep:
    """What one interval of all environments gave.

    Attributes:
        observations: shape `(num_envs, size)`, or `(num_envs, num_hosts, size)` where each host has its own.
        rewards: shape `(num_envs,)`.
        terminated, truncated: whether the episode ended, and how, shape `(num_envs,)`.
        info: measures, terms of the reward and rewards of hosts, by their keys in the info.
    """

    observations: Observation
    rewards: Floats
    terminated: Booleans
    truncated: Booleans
    info: Columns


class Member:
    """One environment of a batch: what is its own.

    Attributes:
        scenario, topology, observer: what is run, and the layout of the observation.
        np_random: draws its traffic and the seeds of its episodes.
        flows: the present episode's.
    """

    render_mode: None = None

    def __init__(self, batch_env: "BatchEnv", index: int, scenario: Scenario, topology: Topology, seed: int) -> None:
        self._batch_env, self._index = batch_env, index
        self.scenario, self.topology = scenario, topology
        self.flows: list[Flow] = []
        self.flow_arrays = FlowArrays.of(topology, [])
        self.np_random = np_random(seed)[0]

    @property
    def observer(self) -> AnyObserver:
        return self._batch_env.observer

    @property
    def snapshot(self) -> Snapshot:
        """What was measured in the last interval, in the shapes of a single environment."""
        whole = self._batch_env.snapshot
        row = {field.name: getattr(whole, field.name)[self._index] for field in fields(Snapshot)}
        for name in ("flow_bytes", "flow_completion_s"):
            row[name] = row[name][: len(self.flows)]
        return Snapshot(**row)

    def draw(self, seed: int | None) -> int:
        """Draw the flows of an episode, from a new generator where a seed is given.

        Returns:
            The engine's seed for it.
        """
        if seed is not None:
            self.np_random = np_random(seed)[0]
        self.flows, engine_seed = draw_episode(self.scenario, self.topology, self.np_random)
        self.flow_arrays = FlowArrays.of(self.topology, self.flows)
        return engine_seed


class BatchEnv:
    """Steps all environments at once.

    Attributes:
        members: the environments, `num_envs` of them.
        observer: the layout of the observation.
        observation_space, action_space: of one environment.
    """

    def __init__(
        self, scenarios: Sequence[Scenario], seeds: Sequence[int], batch: "Batch | None" = None, max_steps: int | None = None
    ) -> None:
        """Check that the scenarios fit together; the simulator is opened at the first `reset`.

        Args:
            scenarios: one for each environment. Hosts and links, interval, features, least fraction and reward have to be the same;
                rates, delays, queues, routing, traffic, transport and the length of episodes may differ.
            seeds: of each environment's first episode when `reset` is given none.
            batch: an open batch of the scenarios' topologies, which its owner closes; None: one of its own.
            max_steps: truncates episodes that are longer; None: none.

        Raises:
            InputError: there is no scenario, or one does not fit the first; the message says in what.
        """
        check_scenarios(scenarios)
        seeds = [check_seed(seed) for seed in seeds]
        if len(seeds) != len(scenarios):
            raise InputError(f"{len(seeds)} seeds for {len(scenarios)} scenarios: expected one for each")
        first = scenarios[0]
        topologies = make_topologies(scenarios)
        self._fabric = FabricArrays.stack(topologies)
        self._view = View(first, topologies[0], self._fabric)
        self.observer = self._view.observer
        self.observation_space: Space[Observation] = observation_box(self.observer)
        self.action_space: Space[npt.NDArray[np.float32]] = action_box(topologies[0].num_hosts, first.min_fraction)
        self.members = [Member(self, index, *parts) for index, parts in enumerate(zip(scenarios, topologies, seeds, strict=True))]
        self._owns_batch, self._batch = batch is None, batch
        self._reward = REWARDS[first.reward]
        if max_steps is not None and (isinstance(max_steps, bool) or not isinstance(max_steps, int) or max_steps < 1):
            raise InputError(f"max_episode_steps={show(max_steps)}: expected a whole number, 1 or more")
        self._num_steps = np.array([min(scenario.num_steps, max_steps or scenario.num_steps) for scenario in scenarios])
        self._steps = np.zeros(len(scenarios), dtype=np.int64)
        self._context = RewardContext(self._fabric, FlowArrays.stack([member.flow_arrays for member in self.members], 0))
        self._snapshot: Snapshot | None = None
        self._closed = False

    @property
    def num_envs(self) -> int:
        return len(self.members)

    @property
    def batch(self) -> "Batch":
        """The simulator.

        Raises:
            ClosedError: it is not open.
        """
        if self._batch is None or self._closed:
            raise ClosedError(
                f"the vector environment is {'closed' if self._closed else 'new'}: its engine is open between reset and close"
            )
        return self._batch

    @property
    def clocks(self) -> list[Clock]:
        """How each environment's time ran; none before the first reset and after `close`."""
        return [] if self._batch is None or self._closed else list(self._batch.clocks)

    @property
    def snapshot(self) -> Snapshot:
        """What was measured in the last interval, in arrays with an axis of environments before the others.

        Raises:
            ClosedError: there was no `reset` yet.
        """
        if self._snapshot is None:
            raise ClosedError("no snapshot yet: call reset first")
        return self._snapshot

    def reset(self, seeds: Sequence[int | None]) -> tuple[Observation, Columns]:
        """Start an episode in every environment.

        Args:
            seeds: for each the seed of its flows and its simulator; None: go on with its generator.

        Returns:
            Observations, in the shape of `BatchStep`, and the infos of the empty interval.

        Raises:
            InputError: the number of seeds is wrong.
            ClosedError: the vector environment was closed.
            UnsupportedError: the simulator lacks a transport.
        """
        if self._closed:
            raise ClosedError("reset after close: make a new vector environment")
        if not isinstance(seeds, Sequence):
            raise InputError(f"seed={show(seeds)}: expected a whole number, or one for each of {self.num_envs} environments")
        seeds = [None if seed is None else check_seed(seed) for seed in seeds]
        if len(seeds) != self.num_envs:
            raise InputError(f"{len(seeds)} seeds: expected one for each of {self.num_envs} environments")
        with self._closing_on_error():
            if self._batch is None:
                self._batch = open_batch([member.topology for member in self.members])
            snapshot = self._start(range(self.num_envs), seeds)
        return self.observer.observe(snapshot, None), self._first_info(snapshot)

    def read_actions(self, actions: npt.ArrayLike) -> Floats:
        """Turn fractions of the link rates into limits, both of shape `(num_envs, num_hosts)`.

        Raises:
            InputError: the shape is wrong, or a value out of range; the message names environment and host, and nothing has started.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        if self._closed:
            raise ClosedError("step after close: make a new vector environment")
        if self._snapshot is None:
            raise ClosedError("step before reset: call reset first")
        return read_action(actions, self._fabric, self.members[0].scenario.min_fraction)

    def step(self, limits_bps: Floats) -> BatchStep:
        """Let an interval pass in every environment under limits from `read_actions`, also in one whose episode is over.

        Raises:
            EngineError: the simulator failed; all environments are closed then.
        """
        previous = self.snapshot
        with self._closing_on_error():
            snapshot = self.batch.step(limits_bps, self.members[0].scenario.interval_s)
        if snapshot.flow_bytes.shape != self._context.flows.starts_s.shape:
            self._pad_flows(snapshot)
        self._snapshot = snapshot
        self._steps += 1
        terms = self._reward(self._context, snapshot)
        return BatchStep(
            observations=self.observer.observe(snapshot, previous),
            rewards=sum(terms.values(), np.zeros(self.num_envs)),
            terminated=all_done(self._context, snapshot),
            truncated=self._steps >= self._num_steps,
            info=step_info(self._context, snapshot, terms, self._view.host_rewards(self._context, snapshot, terms)),
        )

    def restart(self, indices: Integers, seeds: Sequence[int | None] | None = None) -> tuple[Observation, Columns]:
        """Start the next episodes of some environments.

        Args:
            seeds: for each of these as `reset` takes them; None: their generators go on.

        Returns:
            The first observations of these, shape `(len(indices), ...)`, and the infos of all, shape `(num_envs,)`, with rewards of 0.
        """
        with self._closing_on_error():
            snapshot = self._start(indices.tolist(), [None] * len(indices) if seeds is None else seeds)
        return self.observer.restart(snapshot, indices), self._first_info(snapshot)

    def _first_info(self, snapshot: Snapshot) -> Columns:
        terms = self._reward(self._context, snapshot)
        return without_reward(step_info(self._context, snapshot, terms, self._view.host_rewards(self._context, snapshot, terms)))

    def close(self) -> None:
        """Close the simulator, unless it was given; safe twice."""
        self._closed = True
        if self._batch is not None and self._owns_batch:
            batch, self._batch = self._batch, None
            batch.close()

    def __getstate__(self) -> dict[str, Any]:
        """What `copy` and `pickle` take.

        Raises:
            InputError: the simulator is open.
        """
        return refuse_copy(self.__dict__, self._batch)

    def _start(self, indices: Sequence[int], seeds: Sequence[int | None]) -> Snapshot:
        """Start episodes in some environments; gives the snapshot of all, in which theirs are empty intervals."""
        for index, seed in zip(indices, seeds, strict=True):
            member = self.members[index]
            engine_seed = member.draw(seed)
            self.batch.reset(index, member.flows, member.scenario.transport, engine_seed)
            self._steps[index] = 0
        snapshot = self.batch.snapshot()
        self._pad_flows(snapshot)
        self._snapshot = snapshot
        return snapshot

    def _pad_flows(self, snapshot: Snapshot) -> None:
        """Lay the flows of all environments side by side, in as many columns as the simulator has."""
        flows = FlowArrays.stack([member.flow_arrays for member in self.members], snapshot.flow_bytes.shape[1])
        self._context = RewardContext(self._fabric, flows)
        self._view.start(flows, [(member.topology, member.flows) for member in self.members])

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        """A simulator that failed, or was interrupted in the middle of a step, cannot be stepped again."""
        try:
            yield
        except BaseException:
            self.close()
            raise
