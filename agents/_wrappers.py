"""What our learners add to `iroko.wrappers`: the scale of the rewards across checkpoints, and word of each step."""

from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from iroko.agent import TrainCallback


class RewardScale:
    """The running statistics of the discounted return, by which rewards are divided."""

    def __init__(self, mean: float, var: float, count: float) -> None:
        self.mean, self.var, self.count = mean, var, count

    def give_to(self, statistics: RunningMeanStd) -> None:
        """Let running statistics go on from these."""
        statistics.mean, statistics.var = np.array(self.mean), np.array(self.var)
        statistics.count = self.count


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
