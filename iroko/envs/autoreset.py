"""How one episode follows another in Gymnasium's vector environments: a function for each `gymnasium.vector.AutoresetMode`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from iroko.envs.batch_step import BatchStep
from iroko.envs.core import BatchEnv
from iroko.envs.gym_infos import choose, failure_infos, masked
from iroko.envs.observation import Observation
from iroko.errors import UnknownArgumentError
from iroko.metrics import Booleans
from iroko.registry import check_name
from iroko.snapshot import Floats

StepResult = tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]
"""What `VectorEnv.step` returns."""
Autoreset = Callable[[BatchEnv, BatchStep, Booleans], StepResult]
"""Turns what an interval gave into what `step` returns; the mask has the environments whose episode had ended before."""


def read_autoreset_mode(mode: str | AutoresetMode) -> AutoresetMode:
    """Read a mode or its value.

    Raises:
        UnknownArgumentError: it is none.
    """
    wanted = mode.value if isinstance(mode, AutoresetMode) else mode
    check_name("autoreset_mode", wanted, [each.value for each in AutoresetMode], UnknownArgumentError)
    return AutoresetMode(wanted)


def restart_later(core: BatchEnv, outcome: BatchStep, ended: Booleans) -> StepResult:
    """Start the next episodes of those environments whose episode had ended before this step."""
    observations, rewards, columns = outcome.observations, outcome.rewards, outcome.info
    stepped = ~ended
    if ended.any():
        restarted = np.flatnonzero(ended)
        observations[restarted], first = core.restart(restarted)
        rewards[restarted] = 0
        columns = choose(stepped, columns, first)
    terminated, truncated = outcome.terminated & stepped, outcome.truncated & stepped
    infos = masked(columns) | failure_infos(outcome.failures, terminated | truncated)
    return observations, rewards, terminated, truncated, infos


def restart_now(core: BatchEnv, outcome: BatchStep, _: Booleans) -> StepResult:
    """Start the next episodes of those environments whose episode ended in this step."""
    observations, columns = outcome.observations, outcome.info
    ended = outcome.terminated | outcome.truncated
    infos: dict[str, Any] = {}
    if ended.any():
        last = np.full(core.num_envs, None, dtype=object)
        for index in np.flatnonzero(ended).tolist():
            last[index] = observations[index].copy()
        infos = masked({"final_obs": last, "final_info": masked(columns, ended)}, ended) | failure_infos(outcome.failures, ended)
        observations[ended], first = core.restart(np.flatnonzero(ended))
        columns = choose(ended, first, columns)
    return observations, outcome.rewards, outcome.terminated, outcome.truncated, infos | masked(columns)


def leave_ended(_core: BatchEnv, outcome: BatchStep, _: Booleans) -> StepResult:
    """Start no episode: the caller resets the environments whose episode has ended."""
    ended = outcome.terminated | outcome.truncated
    infos = masked(outcome.info) | failure_infos(outcome.failures, ended)
    return outcome.observations, outcome.rewards, outcome.terminated, outcome.truncated, infos


AUTORESETS: dict[AutoresetMode, Autoreset] = {
    AutoresetMode.NEXT_STEP: restart_later,
    AutoresetMode.SAME_STEP: restart_now,
    AutoresetMode.DISABLED: leave_ended,
}
