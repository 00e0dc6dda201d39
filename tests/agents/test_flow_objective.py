"""The objective of per-flow policies: slowdowns beside DCTCP's, and the constraints."""

from dataclasses import replace

import numpy as np
import pytest

from iroko.agents._flow_objective import CONSTRAINT_WEIGHT, LOSING_WEIGHT, MIN_JAIN, MIN_SHARE, slowdown
from iroko.envs.flow_trials import Outcome
from iroko.flows import Flow
from tests.small_trials import ENDLESS, FINITE

FLOWS = tuple(Flow("h0", "h2", 0.0, size) for size in [10_000] * 10 + [500_000] * 10 + [2_000_000] * 10)
THREE_SIZES = replace(FINITE, flows=FLOWS)
NOTHING = np.zeros(0)
ONES = Outcome(np.ones(30), 0, NOTHING, NOTHING)


def test_the_objective_is_the_logarithm_of_the_ratio_to_dctcp() -> None:
    assert slowdown([THREE_SIZES], [ONES], [ONES]) == 0
    halved = Outcome(np.full(30, 0.5), 0, NOTHING, NOTHING)
    assert slowdown([THREE_SIZES], [halved], [ONES]) == pytest.approx(-np.log(2))
    # Large flows, a quarter of the weight, twice as slow: a gain of three quarters does not pay for it.
    traded = Outcome(np.repeat([0.5, 0.5, 2.0], 10), 0, NOTHING, NOTHING)
    assert slowdown([THREE_SIZES], [traded], [ONES]) == pytest.approx(np.log(2) * (-0.75 + 0.25 * (1 + LOSING_WEIGHT)))
    assert slowdown([THREE_SIZES], [replace(halved, unfinished=3)], [ONES]) > slowdown([THREE_SIZES], [halved], [ONES])


def test_an_idle_link_and_an_unfair_share_cost() -> None:
    full = Outcome(NOTHING, 0, np.array([0.478e9, 0.478e9]), NOTHING)
    idle = Outcome(NOTHING, 0, np.array([0.015e9, 0.015e9]), NOTHING)
    unfair = Outcome(NOTHING, 0, np.array([0.856e9, 0.1e9]), NOTHING)
    assert slowdown([ENDLESS], [full], [full]) == 0
    assert slowdown([ENDLESS], [idle], [full]) == pytest.approx(CONSTRAINT_WEIGHT * (MIN_SHARE - 0.03))
    jain = 0.956**2 / (2 * (0.856**2 + 0.1**2))
    assert slowdown([ENDLESS], [unfair], [full]) == pytest.approx(CONSTRAINT_WEIGHT * (MIN_JAIN - jain))
    assert slowdown([ENDLESS], [idle], [idle]) == 0  # no more is asked than DCTCP gives


def test_no_constraint_becomes_cheaper_beside_others() -> None:
    full = Outcome(NOTHING, 0, np.array([0.478e9, 0.478e9]), NOTHING)
    idle = Outcome(NOTHING, 0, np.array([0.015e9, 0.015e9]), NOTHING)
    alone = slowdown([ENDLESS], [idle], [full])
    assert slowdown([ENDLESS] * 3, [full, idle, full], [full] * 3) == alone > 0
