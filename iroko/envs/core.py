"""The one step of every environment: actions to limits, an interval of the engine, then observations, rewards, infos and ends.

Everything is a batch, and one network is a batch of one. Adapters of `BatchEnv` are Gymnasium's environment (`iroko.envs.environment`) and
vector environment (`iroko.envs.gym_vector`), and those of Stable-Baselines3 (`iroko.envs.sb3_vector`) and PettingZoo (`iroko.envs.hosts`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Space

from iroko.arrays import FabricArrays, FlowArrays
from iroko.engines.base import Batch, Clock
from iroko.engines.open import open_batch
from iroko.engines.side_by_side import SideBySide, Slot
from iroko.envs.action import read_action
from iroko.envs.batch_step import BatchStep
from iroko.envs.common import action_box, check_max_steps, check_scenarios, check_seed, check_seeds, observation_box, refuse_copy
from iroko.envs.deployment import View
from iroko.envs.info import Columns, step_info, without_reward
from iroko.envs.member import Member
from iroko.envs.observation import Observation
from iroko.errors import ClosedError, InputError
from iroko.reward import REWARDS, RewardContext, all_done
from iroko.scenario import Scenario, share_fabrics
from iroko.seeds import engine_seed
from iroko.snapshot import Floats, Integers, Snapshot


class BatchEnv:
    """Steps all environments at once.

    Attributes:
        members: the environments, `num_envs` of them.
        observer: the layout of the observation.
        observation_space, action_space: of one environment.
        last: the observations that were returned last, in the shape of `BatchStep.observations`.
        is_closed: whether `close` was called, or an engine has failed.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        seeds: Sequence[int],
        batch: Batch | None = None,
        max_steps: int | None = None,
        side_by_side: SideBySide | None = None,
    ) -> None:
        """Check that the scenarios fit together; engines are opened at the first `reset`.

        Args:
            scenarios: one for each environment. Hosts and links, interval, features, least fraction and reward have to be the same;
                rates, delays, queues, routing, traffic, transport and the length of episodes may differ.
            seeds: of each environment's first episode when `reset` is given none.
            batch: an open batch of the scenarios' topologies, which its owner closes; None: one of its own.
            max_steps: truncates episodes that are longer; None: none.
            side_by_side: engines to use in the place of one simulator of all; they are closed with this.

        Raises:
            InputError: there is no scenario, or one does not fit the first; the message says in what.
        """
        check_scenarios(scenarios)
        seeds = [check_seed(seed) for seed in seeds]
        if len(seeds) != len(scenarios):
            raise InputError(f"{len(seeds)} seeds for {len(scenarios)} scenarios: expected one for each")
        first = scenarios[0]
        topologies = share_fabrics(scenarios)
        self._fabric = FabricArrays.stack(topologies)
        self._view = View(first, topologies[0], self._fabric)
        self.observer = self._view.observer
        self.observation_space: Space[Observation] = observation_box(self.observer)
        self.action_space: Space[npt.NDArray[np.float32]] = action_box(topologies[0].num_hosts, first.min_fraction)
        self.adopt([Member(*parts) for parts in zip(scenarios, topologies, seeds, strict=True)])
        self._owns_batch, self._batch = batch is None, side_by_side or batch
        self._reward = REWARDS[first.reward]
        check_max_steps(max_steps)
        self._num_steps = np.array([min(scenario.num_steps, max_steps or scenario.num_steps) for scenario in scenarios])
        self._steps = np.zeros(len(scenarios), dtype=np.int64)
        self._context = RewardContext(self._fabric, FlowArrays.stack([member.flow_arrays for member in self.members], 0))
        self._snapshot: Snapshot | None = None
        self.last: Observation = np.zeros((len(scenarios), *self.observer.low.shape), dtype=np.float32)
        self.is_closed = False

    def adopt(self, members: Sequence[Member]) -> None:
        """Take over environments of the same scenarios, with their generators, before the first `reset`."""
        self.members = list(members)
        for index, member in enumerate(members):
            member.join(self, index)

    @property
    def num_envs(self) -> int:
        return len(self.members)

    @property
    def batch(self) -> Batch:
        """What runs the networks.

        Raises:
            ClosedError: it is not open.
        """
        if self._batch is None or self.is_closed:
            phase = "closed" if self.is_closed else "new"
            raise ClosedError(f"the vector environment is {phase}: its engine is open between reset and close")
        return self._batch

    @property
    def clocks(self) -> list[Clock]:
        """How each environment's time ran; none before the first reset and after `close`."""
        return [] if self._batch is None or self.is_closed else list(self._batch.clocks)

    @property
    def slots(self) -> list[Slot]:
        """The places of the engines where each environment has its own; none after `close`, and in one simulator of all."""
        return self._batch.slots if isinstance(self._batch, SideBySide) and not self.is_closed else []

    @property
    def has_begun(self) -> bool:
        """Whether there was a `reset`."""
        return self._snapshot is not None

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
            seeds: for each the seed of its flows and its engine; None: go on with its generator.

        Returns:
            Observations, in the shape of `BatchStep`, and the infos of the empty interval.

        Raises:
            InputError: the number of seeds is wrong.
            ClosedError: the vector environment was closed.
            UnsupportedError: an engine cannot run here, or lacks a transport.
        """
        if self.is_closed:
            raise ClosedError("reset after close: make a new vector environment")
        seeds = check_seeds(seeds, self.num_envs)
        with self._closing_on_error():
            if self._batch is None:
                self._batch = open_batch([member.topology for member in self.members])
            snapshot = self._start(range(self.num_envs), seeds)
        observations = self.observer.observe(snapshot, None)
        self.last = observations.copy()
        return observations, self._first_info(snapshot)

    def restart(self, indices: Integers, seeds: Sequence[int | None] | None = None) -> tuple[Observation, Columns]:
        """Start the next episodes of some environments.

        Args:
            seeds: for each of these as `reset` takes them; None: their generators go on.

        Returns:
            The first observations of these, shape `(len(indices), ...)`, and the infos of all, shape `(num_envs,)`, with rewards of 0.
        """
        with self._closing_on_error():
            snapshot = self._start(indices.tolist(), [None] * len(indices) if seeds is None else seeds)
        observations = self.observer.restart(snapshot, indices)
        self.last[indices] = observations
        return observations, self._first_info(snapshot)

    def read_actions(self, actions: npt.ArrayLike) -> Floats:
        """Turn fractions of the link rates into limits, both of shape `(num_envs, num_hosts)`.

        Raises:
            InputError: the shape is wrong, or a value out of range; the message names environment and host, and nothing has started.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        if self.is_closed:
            raise ClosedError("step after close: make a new vector environment")
        if self._snapshot is None:
            raise ClosedError("step before reset: call reset first")
        return read_action(actions, self._fabric, self.members[0].scenario.min_fraction)

    def step(self, limits_bps: Floats) -> BatchStep:
        """Let an interval pass: `begin_step`, then `finish_step`."""
        self.begin_step(limits_bps)
        return self.finish_step()

    def begin_step(self, limits_bps: Floats) -> None:
        """Let the interval start in every environment under limits from `read_actions`, also in one whose episode is over."""
        with self._closing_on_error():
            self.batch.begin_step(limits_bps, self.members[0].scenario.interval_s)

    def finish_step(self) -> BatchStep:
        """Wait until the interval is over everywhere.

        Raises:
            EngineError: an engine failed and is not replaced; all environments are closed then.
        """
        previous = self.snapshot
        with self._closing_on_error():
            snapshot = self.batch.finish_step()
        if snapshot.flow_bytes.shape != self._context.flows.starts_s.shape:
            self._lay_out_flows(snapshot)
        self._snapshot = snapshot
        self._steps += 1
        terms = self._reward(self._context, snapshot)
        outcome = BatchStep(
            observations=self.observer.observe(snapshot, previous),
            rewards=sum(terms.values(), np.zeros(self.num_envs)),
            terminated=all_done(self._context, snapshot),
            truncated=self._steps >= self._num_steps,
            info=step_info(self._context, snapshot, terms, self._view.host_rewards(self._context, snapshot, terms)),
            failures={},
        )
        if isinstance(self._batch, SideBySide) and self._batch.failures:
            outcome = outcome.with_failures(self._batch.failures, self.last)
        self.last = outcome.observations.copy()
        return outcome

    def _first_info(self, snapshot: Snapshot) -> Columns:
        terms = self._reward(self._context, snapshot)
        return without_reward(step_info(self._context, snapshot, terms, self._view.host_rewards(self._context, snapshot, terms)))

    def close(self) -> None:
        """Close what runs the networks, unless it was given; safe twice."""
        self.is_closed = True
        if self._batch is not None and self._owns_batch:
            batch, self._batch = self._batch, None
            batch.close()

    def __getstate__(self) -> dict[str, Any]:
        """What `copy` and `pickle` take.

        Raises:
            InputError: an engine is open.
        """
        is_new = isinstance(self._batch, SideBySide) and all(slot.engine is None for slot in self.slots)
        return refuse_copy(self.__dict__, None if is_new else self._batch)

    def _start(self, indices: Sequence[int], seeds: Sequence[int | None]) -> Snapshot:
        """Start episodes in some environments; gives the snapshot of all, in which theirs are empty intervals."""
        for index, seed in zip(indices, seeds, strict=True):
            self._start_one(index, seed)
        snapshot = self.batch.snapshot()
        self._lay_out_flows(snapshot)
        self._snapshot = snapshot
        return snapshot

    def _start_one(self, index: int, seed: int | None) -> None:
        """Start an episode, on a new engine where the last one has failed or fails now."""
        member, batch = self.members[index], self.batch
        while True:
            if isinstance(batch, SideBySide) and index in batch.failures:
                batch.replace(index, engine_seed(member.renew()))
            transport_seed = member.draw(seed)
            batch.reset(index, member.flows, member.scenario.transport, transport_seed)
            self._steps[index] = 0
            if not isinstance(batch, SideBySide) or index not in batch.failures:
                return

    def _lay_out_flows(self, snapshot: Snapshot) -> None:
        """Lay the flows of all environments side by side, in as many columns as the snapshot has."""
        flows = FlowArrays.stack([member.flow_arrays for member in self.members], snapshot.flow_bytes.shape[1])
        self._context = RewardContext(self._fabric, flows)
        self._view.start(flows, [(member.topology, member.flows) for member in self.members])

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        """An engine that failed, or was interrupted in the middle of a step, cannot be stepped again."""
        try:
            yield
        except BaseException as error:
            try:
                self.close()
            except Exception as failure:
                error.add_note(f"closing the other environments failed too: {failure}")
            raise
