"""What a learner sees of the environment: three wrappers around it.

Actions go from -1 to 1, in proportion to the fractions from `min_fraction` to 1. Rewards below 0 are compressed to -log(1 -
reward): with the default reward one full queue of a fat-tree costs as much as 40 hosts earn, and without the compression such
steps drown all others in the statistics and in the critic's loss. Then they are divided by the running standard deviation of the
discounted return, as far as the algorithm wants it. Scores are never compressed.
"""

from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecNormalize
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from iroko.agent import Action, TrainCallback


class RewardScale:
    """The running statistics of the discounted return, by which rewards are divided."""

    def __init__(self, mean: float, var: float, count: float) -> None:
        self.mean, self.var, self.count = mean, var, count

    def give_to(self, statistics: RunningMeanStd) -> None:
        """Let running statistics go on from these."""
        statistics.mean, statistics.var = np.array(self.mean), np.array(self.var)
        statistics.count = self.count


class Learned(VecEnvWrapper):
    """Actions from -1 to 1, and penalties compressed."""

    def __init__(self, venv: VecEnv, min_fraction: float) -> None:
        assert venv.action_space.shape is not None
        super().__init__(venv, action_space=unit_box(venv.action_space.shape[0]))
        self._min_fraction = min_fraction

    def reset(self) -> Any:
        return self.venv.reset()

    def step_async(self, actions: npt.NDArray[np.float32]) -> None:
        self.venv.step_async(to_fractions(actions, self._min_fraction))

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, np.where(rewards < 0, -np.log1p(np.maximum(-rewards, 0)), rewards), dones, infos


class Spaces(gymnasium.Env[npt.NDArray[np.float32], npt.NDArray[np.float32]]):
    """Spaces without an environment behind them: enough to build networks for. It is never reset or stepped."""

    def __init__(self, observation_space: Box, action_space: Box) -> None:
        self.observation_space, self.action_space = cast(Any, observation_space), cast(Any, action_space)


class Relay(BaseCallback):
    """Tells the caller of each step, and keeps the scale of the rewards where it is saved from."""

    def __init__(self, callback: TrainCallback | None, env: VecNormalize, rewards: RewardScale, num_policies: int) -> None:
        """Take what is to be told to whom; of `num_policies` decisions one step is made."""
        super().__init__()
        self._callback, self._env, self._rewards, self._num_policies = callback, env, rewards, num_policies

    def _on_step(self) -> bool:
        statistics = self._env.ret_rms
        self._rewards.mean, self._rewards.var = float(statistics.mean), float(statistics.var)
        self._rewards.count = float(statistics.count)
        if self._callback is not None:
            ended = [float(info["episode"]["r"]) for info in self.locals["infos"] if "episode" in info]
            self._callback(self.num_timesteps // self._num_policies, ended)
        return True


def unit_box(num_hosts: int) -> Box:
    return Box(np.float32(-1), np.float32(1), (num_hosts,), np.float32)


def to_fractions(action: npt.NDArray[np.float32], min_fraction: float) -> Action:
    part = (np.clip(action, -1, 1) + 1) / 2
    return np.asarray(min_fraction + part * (1 - min_fraction), dtype=np.float32)
