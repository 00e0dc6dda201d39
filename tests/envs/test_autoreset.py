"""How one episode follows another, in each of Gymnasium's modes of autoreset."""

from collections.abc import Iterator

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from iroko.envs.autoreset import AUTORESETS, StepResult, read_autoreset_mode
from iroko.envs.core import BatchEnv
from iroko.errors import UnknownArgumentError
from iroko.scenario import Scenario
from tests.fake_batch import FakeBatch

LONG, SHORT = Scenario(episode_s=0.5), Scenario(episode_s=0.2)


def steps(mode: AutoresetMode) -> Iterator[StepResult]:
    """The steps of an environment with 5 steps an episode beside one with 2."""
    core = BatchEnv([LONG, SHORT], [0, 1], FakeBatch([LONG.fabric, SHORT.fabric]))
    core.reset([None, None])
    ended = np.zeros(2, dtype=bool)
    for _ in range(4):
        outcome = core.step(core.read_actions(np.ones((2, LONG.fabric.num_hosts))))
        result = AUTORESETS[mode](core, outcome, ended)
        ended = result[2] | result[3]
        yield result


def ends_and_times(mode: AutoresetMode) -> tuple[list[bool], list[float]]:
    """Of the environment with short episodes: whether each step ended one, and the time in its info."""
    results = list(steps(mode))
    return [bool(result[3][1]) for result in results], [round(float(result[4]["time_s"][1]), 1) for result in results]


def test_the_next_episode_begins_a_step_later() -> None:
    assert ends_and_times(AutoresetMode.NEXT_STEP) == ([False, True, False, False], [0.1, 0.2, 0.0, 0.1])
    assert list(steps(AutoresetMode.NEXT_STEP))[2][1][1] == 0


def test_the_next_episode_begins_in_the_same_step() -> None:
    assert ends_and_times(AutoresetMode.SAME_STEP) == ([False, True, False, True], [0.1, 0.0, 0.1, 0.0])
    infos = list(steps(AutoresetMode.SAME_STEP))[1][4]
    assert infos["_final_obs"].tolist() == [False, True] and infos["final_info"]["time_s"][1] == pytest.approx(0.2)


def test_no_episode_begins_by_itself() -> None:
    assert ends_and_times(AutoresetMode.DISABLED) == ([False, True, True, True], [0.1, 0.2, 0.3, 0.4])


def test_a_mode_is_read_by_its_value() -> None:
    assert read_autoreset_mode("SameStep") is AutoresetMode.SAME_STEP
    with pytest.raises(UnknownArgumentError, match="Did you mean 'SameStep'"):
        read_autoreset_mode("SameSteps")
