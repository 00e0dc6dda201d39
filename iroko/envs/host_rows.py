"""A vector environment of fabrics as one of hosts: a row for each host, which sees, decides and is rewarded by itself."""

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from iroko.envs.observation import Observation


class HostRows(VecEnvWrapper):
    """Rows go by fabric, then by host. An episode ends in all rows of a fabric at once.

    The info of a fabric's step is in the row of its first host, and those of the others are empty, but that at the end of an episode each
    has its own `terminal_observation` and `TimeLimit.truncated`.

    Attributes:
        num_networks: fabrics, each with as many rows as it has hosts.
    """

    def __init__(self, venv: VecEnv) -> None:
        """Take a vector environment of scenarios whose deployment is `hosts`."""
        space, actions = venv.observation_space, venv.action_space
        assert isinstance(space, Box) and isinstance(actions, Box), "a vector environment of Iroko"
        super().__init__(venv, Box(space.low[0], space.high[0], dtype=np.float32), Box(actions.low[:1], actions.high[:1], dtype=np.float32))
        self.num_networks, self.num_hosts = venv.num_envs, actions.shape[0]
        self.num_envs = self.num_networks * self.num_hosts
        # For all rows of steps that have nothing to say: nobody writes into it.
        self._nothing: dict[str, Any] = {}

    def reset(self) -> Observation:
        return self._flat(self.venv.reset())

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        self.venv.step_async(actions.reshape(self.num_networks, self.num_hosts))

    def step_wait(self) -> VecEnvStepReturn:
        observations, _, dones, infos = self.venv.step_wait()
        rewards = np.array([info["host_rewards"] for info in infos], dtype=np.float32).ravel()
        rows = [self._nothing] * self.num_envs
        rows[:: self.num_hosts] = infos
        for network in np.flatnonzero(dones).tolist():
            first, info = network * self.num_hosts, infos[network]
            last, truncated = info["terminal_observation"], info["TimeLimit.truncated"]
            rows[first] = info | {"terminal_observation": last[0]}
            for host in range(1, self.num_hosts):
                rows[first + host] = {"terminal_observation": last[host], "TimeLimit.truncated": truncated}
        return self._flat(observations), rewards, np.repeat(dones, self.num_hosts), rows

    def _flat(self, observations: Any) -> Observation:
        return np.reshape(observations, (self.num_envs, -1))
