"""Where the decisions are taken: by one policy that sees the whole fabric, or by one and the same policy at every host.

- `central`: one observation of the scenario's features, one action with the limits of all hosts, the common reward.
- `hosts`: each host sees only what it can know (`iroko.envs.host_observation`) and sets its own limit; it learns from each host's own
  part of the reward (`iroko.envs.host_reward`). Nothing in it depends on how many hosts there are.
- `flows`: the transport of each flow decides, by one and the same policy, inside the engine (`iroko.envs.flow_trials`).

Everything that differs between the two is here, behind `View` for environments and `Deployment` for agents.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from gymnasium.spaces import Box

from iroko.arrays import FabricArrays, FlowArrays
from iroko.envs.host_observation import HISTORY_STEPS, HOST_VIEW, HostObserver
from iroko.envs.host_reward import Episode, HostRewards
from iroko.envs.observation import Observation, Observer
from iroko.errors import InputError
from iroko.reward import RewardContext, Terms
from iroko.scenario import FLOWS, HOSTS, Scenario
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


class AnyObserver(Protocol):
    """What turns snapshots into observations.

    Attributes:
        low, high: bounds of an observation, in its shape, float32.
    """

    low: Observation
    high: Observation

    @property
    def names(self) -> list[str]: ...

    def start(self, flows: FlowArrays) -> None: ...

    def observe(self, snapshot: Snapshot, previous: Snapshot | None) -> Observation: ...

    def restart(self, snapshot: Snapshot, indices: Integers) -> Observation: ...


class View:
    """What an environment shows to an agent: of one environment, or of several with a leading axis.

    Attributes:
        observer: makes the observations.
    """

    def __init__(self, scenario: Scenario, topology: Topology, fabric: FabricArrays) -> None:
        """Lay out the observations.

        Args:
            fabric: the arrays of the topology, or of several with its hosts and ports.
        """
        self.observer: AnyObserver
        self._rewards: HostRewards | None
        if scenario.deployment == HOSTS:
            self.observer, self._rewards = HostObserver(topology, fabric), HostRewards(scenario.reward)
        else:
            self.observer, self._rewards = Observer(topology, scenario.features, fabric), None

    def start(self, flows: FlowArrays, episodes: Sequence[Episode]) -> None:
        """Take the flows of an episode of each environment, as arrays and as they are."""
        self.observer.start(flows)
        if self._rewards is not None:
            self._rewards.start(episodes, flows.starts_s.shape[-1])

    def host_rewards(self, context: RewardContext, snapshot: Snapshot, terms: Terms) -> Floats | None:
        """What each host is rewarded for, shape `(..., num_hosts)`; None where the common reward, whose terms are given, is all."""
        return None if self._rewards is None else self._rewards(context, snapshot, terms)


@dataclass(frozen=True)
class Deployment:
    """What an agent that learns is made for.

    Attributes:
        num_policies: how often it decides in each step: once, or once for each host.
        num_limits: how many limits each decision sets.
        space: of what each decision sees.
        card: what a saved model has to agree in.
    """

    num_policies: int
    num_limits: int
    space: Box
    card: dict[str, Any]

    @classmethod
    def of(cls, scenario: Scenario, topology: Topology) -> "Deployment":
        """Lay out what the decisions of a scenario's agent see and set.

        Raises:
            InputError: flows decide, whose transport sets their windows; an agent that sets limits has no part in that.
        """
        if scenario.deployment == FLOWS:
            raise InputError(f"deployment={FLOWS!r}: expected an agent that learns policies of flows, such as --agent cmaes")
        observer = View(scenario, topology, FabricArrays.of(topology)).observer
        if scenario.deployment == HOSTS:
            low, high = observer.low[0], observer.high[0]
            card = {"deployment": scenario.deployment, "view": list(HOST_VIEW), "history_steps": HISTORY_STEPS}
            counts = topology.num_hosts, 1
        else:
            low, high = observer.low, observer.high
            card = {"deployment": scenario.deployment, "topology": topology.name, "hosts": list(topology.hosts),
                    "features": list(scenario.features)}  # fmt: skip
            counts = 1, topology.num_hosts
        card |= {"observation_size": low.size, "action_size": counts[1], "min_fraction": scenario.min_fraction}
        return cls(*counts, Box(low, high, dtype=np.float32), card)

    def fits(self, vector_env: "VecEnv") -> bool:
        """Whether the environments of a vector show what these decisions see, and take the limits that they set."""
        shape = vector_env.observation_space.shape
        return (
            shape is not None
            and int(np.prod(shape)) == self.num_policies * self.space.low.size
            and vector_env.action_space.shape == (self.num_policies * self.num_limits,)
            and np.array_equal(vector_env.observation_space.low.reshape(self.num_policies, -1)[0], self.space.low)  # type: ignore[attr-defined]
        )

    def rows(self, vector_env: "VecEnv") -> "VecEnv":
        """The vector environment with a row for each decision."""
        if self.num_limits == 1:
            from iroko.envs.host_rows import HostRows

            return HostRows(vector_env)
        return vector_env
