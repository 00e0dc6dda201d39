"""Environments in one simulator, as Stable-Baselines3 wants them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from iroko.engines.base import Clock
from iroko.envs.batch import BatchEnv
from iroko.envs.common import make_seeds
from iroko.envs.info import to_rows
from iroko.envs.observation import Observation
from iroko.errors import ClosedError, InputError
from iroko.scenario import Scenario
from iroko.snapshot import Floats

if TYPE_CHECKING:
    from iroko.engines.base import Batch


class BatchVecEnv(VecEnv):
    """Environments in one simulator, each as `iroko.envs.environment.IrokoEnv` describes it, stepped in one call on all cores.

    Infos and ends of episodes are those of `iroko.envs.vector.IrokoVecEnv`.

    Attributes:
        core: what this shares with the Gymnasium vector environment; `core.members` are the environments.
    """

    def __init__(self, scenarios: Sequence[Scenario], seeds: Sequence[int], batch: "Batch | None" = None) -> None:
        """Make the spaces; the simulator is opened at the first `reset`.

        Args:
            scenarios, seeds, batch: as `iroko.envs.batch.BatchEnv` takes them.

        Raises:
            InputError: the scenarios do not fit together.
        """
        self.core = BatchEnv(scenarios, seeds, batch)
        self._limits_bps: Floats | None = None
        super().__init__(self.core.num_envs, self.core.observation_space, self.core.action_space)

    @property
    def clocks(self) -> list[Clock]:
        """How each environment's time ran; none before the first reset and after `close`."""
        return self.core.clocks

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Give every environment a seed for the next `reset`, derived from one (`iroko.seeds`); None: go on with their generators."""
        self._seeds = [None] * self.num_envs if seed is None else list(make_seeds(seed, self.num_envs))
        return self._seeds

    def reset(self) -> Observation:
        """Start an episode in every environment.

        Returns:
            Shape `(num_envs, observation size)`.
        """
        if any(self._options):
            raise InputError(f"options={self._options!r}: expected none; scenarios are set when the vector environment is made")
        self._limits_bps = None
        observations, columns = self.core.reset(self._seeds)
        self.reset_infos = to_rows(columns)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Take the actions, shape `(num_envs, num_hosts)`.

        Raises:
            InputError: one is out of range or their shape is wrong; the message names environment and host.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        self._limits_bps = self.core.read_actions(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Let the interval pass; where an episode is over, the next one begins.

        Returns:
            Observations `(num_envs, size)`, rewards and ends of episodes `(num_envs,)`, and one info for each environment.

        Raises:
            EngineError: the simulator failed; all environments are closed then.
            ClosedError: `step_async` was not called before.
        """
        if self._limits_bps is None:
            raise ClosedError("step_wait before step_async: call step_async first")
        limits_bps, self._limits_bps = self._limits_bps, None
        outcome = self.core.step(limits_bps)
        infos = to_rows(outcome.info)
        for info, truncated in zip(infos, (outcome.truncated & ~outcome.terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = truncated
        observations, dones = outcome.observations, outcome.terminated | outcome.truncated
        if dones.any():
            ended = np.flatnonzero(dones)
            for index in ended.tolist():
                infos[index]["terminal_observation"] = observations[index].copy()
            observations[ended], columns = self.core.restart(ended)
            first = to_rows(columns)
            for index in ended.tolist():
                self.reset_infos[index] = first[index]
        return observations, outcome.rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close the simulator; safe twice."""
        self.core.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.core.members[index], attr_name) for index in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        for index in self._get_indices(indices):
            setattr(self.core.members[index], attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        members = [self.core.members[index] for index in self._get_indices(indices)]
        return [getattr(member, method_name)(*method_args, **method_kwargs) for member in members]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]
