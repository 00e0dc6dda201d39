"""What an algorithm that learns from replay has seen, taken from one replay buffer of Stable-Baselines3 into another."""

from typing import Any

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import ReplayBuffer

from iroko.errors import InputError

ARRAYS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
Replay = dict[str, Any]
"""The buffer's arrays as far as they are filled, by name, and `position`, where it is written next, and `full`, whether it went round."""


def take_replay(algorithm: BaseAlgorithm) -> Replay | None:
    """What the algorithm's buffer holds, not copied; None: it has none."""
    buffer = getattr(algorithm, "replay_buffer", None)
    if not isinstance(buffer, ReplayBuffer):
        return None
    filled = buffer.buffer_size if buffer.full else buffer.pos
    arrays = {name: torch.from_numpy(getattr(buffer, name)[:filled]) for name in ARRAYS}
    return {"position": buffer.pos, "full": buffer.full, **arrays}


def give_replay(algorithm: BaseAlgorithm, replay: Replay | None) -> None:
    """Let the algorithm's buffer hold what was taken; of an empty one nothing is needed.

    Raises:
        InputError: it is of another number of environments, or of another observation.
    """
    buffer = getattr(algorithm, "replay_buffer", None)
    if not isinstance(buffer, ReplayBuffer) or replay is None or not len(replay["rewards"]):
        return
    for name in ARRAYS:
        mine, given = getattr(buffer, name), replay[name].numpy()
        if given.shape[1:] != mine.shape[1:] or len(given) > len(mine):
            raise InputError(f"checkpoint: {name} of shape {given.shape}: expected as many environments as before, {mine.shape}")
        mine[: len(given)] = given
    buffer.pos, buffer.full = int(replay["position"]), bool(replay["full"])
