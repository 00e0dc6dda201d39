"""Settings that the algorithms share, and the check of those that a user gives."""

from collections.abc import Callable
from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from iroko.errors import InputError

NET = (64, 64)
"""Hidden layers of every network: the observation is a vector of some hundred values at most, mostly near linear in effect."""


def falling(start: float, end_share: float = 0.1) -> Callable[[float], float]:
    """A learning rate that falls in a line from `start` to `end_share` of it over the training."""
    return lambda remaining: start * (end_share + (1 - end_share) * remaining)


def num_networks(env: VecEnv) -> int:
    """How many networks a vector environment steps at once: it has a row for each, or where hosts decide for themselves for each host."""
    return int(getattr(env, "num_networks", env.num_envs))


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
