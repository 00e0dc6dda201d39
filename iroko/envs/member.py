"""One environment of a batch: what is its own."""

from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.utils.seeding import np_random

from iroko.arrays import FlowArrays
from iroko.engines.base import Engine
from iroko.envs.common import draw_episode
from iroko.envs.deployment import AnyObserver
from iroko.envs.info import to_row
from iroko.envs.observation import Observation
from iroko.flows import Flow
from iroko.scenario import Scenario
from iroko.seeds import next_seed
from iroko.snapshot import Snapshot
from iroko.topology import Topology

if TYPE_CHECKING:
    from iroko.envs.core import BatchEnv


class Member:
    """The traffic of one environment, and its part of what the batch has measured.

    Attributes:
        scenario, topology: what is run.
        core, index: the batch, and the place in it.
        np_random: draws the traffic and the seeds of the episodes.
        flows: the present episode's.
        flow_arrays: the same as arrays.
    """

    render_mode: None = None
    core: "BatchEnv"
    index: int

    def __init__(self, scenario: Scenario, topology: Topology, seed: int) -> None:
        self.scenario, self.topology = scenario, topology
        self.flows: list[Flow] = []
        self.flow_arrays = FlowArrays.of(topology, [])
        self.np_random: np.random.Generator = np_random(seed)[0]
        self._whole: Snapshot | None = None
        self._row: Snapshot | None = None

    def join(self, core: "BatchEnv", index: int) -> None:
        """Become the environment of this index in a batch."""
        self.core, self.index = core, index

    @property
    def observer(self) -> AnyObserver:
        """The layout of the observation."""
        return self.core.observer

    @property
    def engine(self) -> Engine | None:
        """The environment's own engine; None: it is not open, or one engine runs all environments."""
        slots = self.core.slots
        return slots[self.index].engine if slots else None

    @property
    def snapshot(self) -> Snapshot:
        """What was measured in the last interval, in the shapes of a single environment.

        Raises:
            ClosedError: there was no `reset` yet.
        """
        whole = self.core.snapshot
        if self._row is None or self._whole is not whole:
            self._whole, self._row = whole, whole.row(self.index, len(self.flows))
        return self._row

    def reset(self) -> tuple[Observation, dict[str, Any]]:
        """Start an episode in this environment alone; before the first of a batch, in all."""
        core = self.core
        if core.num_envs == 1 or not core.has_begun:
            observations, columns = core.reset([None] * core.num_envs)
            return observations[self.index], to_row(columns, self.index)
        observations, columns = core.restart(np.array([self.index]))
        return observations[0], to_row(columns, self.index)

    def draw(self, seed: int | None) -> int:
        """Draw the flows of an episode, from a new generator where a seed is given.

        Returns:
            The engine's seed for it.
        """
        if seed is not None:
            self.np_random = np_random(seed)[0]
        self.flows, transport_seed = draw_episode(self.scenario, self.topology, self.np_random)
        self.flow_arrays = FlowArrays.of(self.topology, self.flows)
        return transport_seed

    def renew(self) -> int:
        """Go on with a new generator, seeded from the old one, and return its seed: what follows a failure differs from what failed."""
        seed = next_seed(self.np_random)
        self.np_random = np_random(seed)[0]
        return seed
