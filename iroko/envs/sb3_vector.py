"""Environments of one batch, as Stable-Baselines3 wants them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from iroko.engines.base import Clock
from iroko.envs.common import check_options, make_seeds
from iroko.envs.core import BatchEnv
from iroko.envs.info import to_row, to_rows
from iroko.envs.observation import Observation
from iroko.errors import ClosedError, InputError
from iroko.registry import show
from iroko.scenario import Scenario

if TYPE_CHECKING:
    from iroko.engines.base import Batch


class CoreVecEnv(VecEnv):
    """Steps all its environments at once and resets each when its episode ends.

    As Stable-Baselines3 expects, the info of an episode's last step has `terminal_observation` and `TimeLimit.truncated`, and the
    observation returned with it is the first of the next episode. Where the engine of an environment has failed and is replaced, the
    info of that last step has `engine_error` too.

    Attributes:
        core: the batch; `core.members` are its environments.
        envs: what `get_attr`, `set_attr` and `env_method` reach.
    """

    envs: Sequence[Any]

    def __init__(self, core: BatchEnv, envs: Sequence[Any]) -> None:
        self.core, self.envs = core, envs
        self._is_stepping = False
        super().__init__(core.num_envs, core.observation_space, core.action_space)

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
        for index, options in enumerate(self._options):
            try:
                check_options(options)
            except InputError as error:
                raise type(error)(f"environment {index}: {error}") from error
        self._is_stepping = False
        observations, columns = self.core.reset(self._seeds)
        self.reset_infos = to_rows(columns)
        self._reset_seeds()
        self._reset_options()
        return observations

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Let the interval start everywhere; `actions` has shape `(num_envs, num_hosts)`.

        Raises:
            InputError: one is out of range or their shape is wrong; the message names environment and host, and nothing has started.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        try:
            count = len(actions)
        except TypeError as error:
            raise InputError(f"action {show(actions)}: expected one for each of {self.num_envs} environments") from error
        if count != self.num_envs:
            raise InputError(f"{count} actions: expected one for each of {self.num_envs} environments")
        self.core.begin_step(self.core.read_actions(actions))
        self._is_stepping = True

    def step_wait(self) -> VecEnvStepReturn:
        """Wait until the interval is over; where an episode is over, the next one begins.

        Returns:
            Observations `(num_envs, size)`, rewards and ends of episodes `(num_envs,)`, and one info for each environment.

        Raises:
            EngineError: an engine failed and is not replaced; all environments are closed then.
            ClosedError: `step_async` was not called before.
        """
        if not self._is_stepping:
            raise ClosedError("step_wait before step_async: call step_async first")
        self._is_stepping = False
        outcome = self.core.finish_step()
        infos = to_rows(outcome.info)
        for info, truncated in zip(infos, (outcome.truncated & ~outcome.terminated).tolist(), strict=True):
            info["TimeLimit.truncated"] = truncated
        for index, error in outcome.failures.items():
            infos[index]["engine_error"] = str(error)
        observations, dones = outcome.observations, outcome.terminated | outcome.truncated
        if dones.any():
            ended = np.flatnonzero(dones)
            for index in ended.tolist():
                infos[index]["terminal_observation"] = observations[index].copy()
            observations[ended], columns = self.core.restart(ended)
            for index in ended.tolist():
                self.reset_infos[index] = to_row(columns, index)
        return observations, outcome.rewards.astype(np.float32), dones, infos

    def close(self) -> None:
        """Close all engines; safe twice."""
        self.core.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.envs[index], attr_name) for index in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        for index in self._get_indices(indices):
            setattr(self.envs[index], attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        return [getattr(self.envs[index], method_name)(*method_args, **method_kwargs) for index in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]


class BatchVecEnv(CoreVecEnv):
    """Environments in one simulator, each as `iroko.envs.environment.IrokoEnv` describes it, stepped in one call on all cores."""

    def __init__(self, scenarios: Sequence[Scenario], seeds: Sequence[int], batch: "Batch | None" = None) -> None:
        """Make the spaces; the simulator is opened at the first `reset`.

        Args:
            scenarios, seeds, batch: as `iroko.envs.core.BatchEnv` takes them.

        Raises:
            InputError: the scenarios do not fit together.
        """
        core = BatchEnv(scenarios, seeds, batch)
        super().__init__(core, core.members)
