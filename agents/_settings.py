"""Settings that the algorithms share, and the check of those that a user gives."""

from collections.abc import Callable
from typing import Any

from stable_baselines3.common.vec_env import VecEnv

from iroko.errors import InputError

NET = (64, 64)
"""Hidden layers of every network: the observation is a vector of some hundred values at most, mostly near linear in effect."""

MOST = {
    "learning_rate": 10.0, "rollout_steps": 100_000, "batch_steps": 100_000, "num_epochs": 1000, "gradient_steps": 10_000,
    "baseline_steps": 1000, "num_directions": 10_000, "num_top": 10_000, "clip_range": 100.0, "delta_std": 100.0, "noise_std": 100.0,
    "population": 1000, "sigma": 10.0,
}  # fmt: skip
"""Above these an update takes hours or all memory, or no number is left finite."""
MOST_LOG_STD = 10.0


def falling(start: float, end_share: float = 0.1) -> Callable[[float], float]:
    """A learning rate that falls in a line from `start` to `end_share` of it over the training."""
    return lambda remaining: start * (end_share + (1 - end_share) * remaining)


def num_networks(env: VecEnv) -> int:
    """How many networks a vector environment steps at once: it has a row for each, or where hosts decide for themselves for each host."""
    return int(getattr(env, "num_networks", env.num_envs))


def check_settings(name: str, settings: dict[str, Any]) -> None:
    """Refuse settings that no algorithm can work with.

    Raises:
        InputError: a discount outside 0 to 1, or another setting that is not above 0 or beyond `MOST`; the message names it.
    """
    for key, value in settings.items():
        if key in ("gamma", "gae_lambda", "tau"):
            if not 0 <= value <= 1:
                raise InputError(f"{key}={value:g} of agent {name}: expected 0 <= {key} <= 1")
        elif key == "log_std":
            if not -MOST_LOG_STD <= value <= MOST_LOG_STD:
                raise InputError(f"log_std={value:g} of agent {name}: expected {-MOST_LOG_STD:g} <= log_std <= {MOST_LOG_STD:g}")
        elif isinstance(value, (int, float)):
            if not value > 0:
                raise InputError(f"{key}={value:g} of agent {name}: expected {key} > 0")
            if value > (most := MOST.get(key, 1e9)):
                raise InputError(f"{key}={value:g} of agent {name}: expected {key} <= {most:g}")
