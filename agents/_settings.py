"""Settings that the algorithms share, and the check of those that a user gives."""

from collections.abc import Callable
from typing import Any

import numpy as np
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecEnv

from iroko.errors import InputError

NET = (64, 64)
"""Hidden layers of every network: the observation is a vector of some hundred values at most, mostly near linear in effect."""
BUFFER_STEPS = 50_000
"""What a replay buffer holds: all of a usual training."""


def falling(start: float, end_share: float = 0.1) -> Callable[[float], float]:
    """A learning rate that falls in a line from `start` to `end_share` of it over the training."""
    return lambda remaining: start * (end_share + (1 - end_share) * remaining)


def policy_noise(env: VecEnv, std: float) -> NormalActionNoise:
    """Independent normal noise on every host's action."""
    assert env.action_space.shape is not None
    return NormalActionNoise(np.zeros(env.action_space.shape), np.full(env.action_space.shape, std))


def replay_settings(env: VecEnv, rollout_steps: int, gradient_steps: int, batch_steps: int) -> dict[str, Any]:
    """What the algorithms that learn from replay have in common.

    Learning starts at once: until then Stable-Baselines3 would act evenly at random over the whole range, which fills every queue.
    """
    return {
        "buffer_size": BUFFER_STEPS,
        "batch_size": batch_steps,
        "learning_starts": 0,
        "train_freq": (max(1, rollout_steps // env.num_envs), "step"),
        "gradient_steps": gradient_steps,
    }


def check_settings(name: str, settings: dict[str, Any]) -> None:
    """Refuse settings that no algorithm can work with.

    Raises:
        InputError: a discount outside 0 to 1, or another setting that is not above 0; the message names it.
    """
    for key, value in settings.items():
        if key in ("gamma", "gae_lambda", "tau"):
            if not 0 <= value <= 1:
                raise InputError(f"{key}={value:g} of agent {name}: expected 0 <= {key} <= 1")
        elif isinstance(value, (int, float)) and key != "log_std" and not value > 0:
            raise InputError(f"{key}={value:g} of agent {name}: expected {key} > 0")
