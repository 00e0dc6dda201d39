"""What the algorithms that learn from replay have in common."""

from typing import Any

import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

from iroko.scenario import Scenario
from iroko.topology import Topology
from iroko.wrappers import keep_from_saturating

from ._learner import Learner
from ._settings import NET, falling, num_networks

BUFFER_STEPS = 50_000
"""What a replay buffer holds: all of a usual training."""
BUFFER_ROWS = 4
"""Of a step in which many hosts decide by one policy the buffer has room for this many rows at most; they are much alike."""


def replay_settings(env: VecEnv, settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of Stable-Baselines3 for an agent's `settings`.

    Learning starts at once: until then Stable-Baselines3 would act evenly at random over the whole range, which fills every queue.
    """
    return {
        "learning_rate": falling(settings["learning_rate"]),
        "gamma": settings["gamma"],
        "tau": settings["tau"],
        "buffer_size": BUFFER_STEPS * min(env.num_envs // num_networks(env), BUFFER_ROWS),
        "batch_size": settings["batch_steps"],
        "learning_starts": 0,
        "train_freq": (max(1, settings["rollout_steps"] // num_networks(env)), "step"),
        "gradient_steps": settings["gradient_steps"],
        "device": "cpu",
    }


def deterministic_learner(
    name: str, kind: type[TD3], scenario: Scenario, topology: Topology, seed: int, settings: dict[str, Any]
) -> Learner:
    """A learner with a deterministic actor, independent normal noise on every host's action, and a guard against saturation.

    Args:
        kind: DDPG or TD3, of which DDPG is a special case.
    """

    def make(env: VecEnv) -> TD3:
        assert env.action_space.shape is not None
        noise = NormalActionNoise(np.zeros(env.action_space.shape), np.full(env.action_space.shape, settings["noise_std"]))
        policy = {"net_arch": list(NET), "activation_fn": torch.nn.Tanh}
        algorithm = kind("MlpPolicy", env, action_noise=noise, policy_kwargs=policy, **replay_settings(env, settings))
        keep_from_saturating(algorithm)
        return algorithm

    return Learner(name, scenario, topology, seed, settings, make)
