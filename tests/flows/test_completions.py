"""Completion times beside the reference's: measures by size class, and paired ratios."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.flows.cases import CASES, held_out_seed, tuning_seed, with_threshold
from benchmarks.flows.completions import BOUND, COLUMNS, MEASURES, measure, ratios, score
from iroko.envs.flow_trials import Trials
from iroko.flows import Flow
from iroko.scenario import Scenario
from tests.small_trials import FINITE


def test_flows_are_measured_by_size() -> None:
    sizes = [1_000] * 98 + [100_000, 2_000, 100_001, 1_000_000, 1_000_001]
    trial = replace(FINITE, flows=tuple(Flow("h0", "h2", 0.0, size) for size in sizes))
    slowdowns = np.array([1.0] * 98 + [7.0, 9.0, 2.0, 4.0, 5.0])
    assert measure(trial, slowdowns) == pytest.approx([7.0, (98 + 16) / 100, 3.0, 5.0])


def row(scheme: str, load_share: float, value: float, unfinished: int) -> tuple[object, ...]:
    return "case", 5, scheme, load_share, 0, value, value, value, value, unfinished, 10


def test_ratios_are_paired_by_seed_and_load() -> None:
    table = pd.DataFrame([row("dctcp", 0.3, 2.0, 1), row("dctcp", 0.5, 8.0, 0), row("dctcp", 0.8, 1.0, 0),
                          row("x", 0.3, 1.0, 3), row("x", 0.5, 1.0, 0), row("x", 0.8, 99.0, 0)], columns=list(COLUMNS))  # fmt: skip
    found = ratios(table, (0.3, 0.5)).set_index("scheme")
    assert found.loc["dctcp", "small p99"] == 1
    assert found.loc["x", "large mean"] == pytest.approx(0.25)  # the geometric mean of 1/2 and 1/8
    assert found.loc["x", "unfinished"] == 2


def test_every_scheme_of_an_episode_sees_the_same_flows_and_the_bound_is_below_them() -> None:
    case = replace(CASES[1], arrival_s=0.005, drain_s=0.05)
    table = score(Trials(Scenario(), 4, 0), case, 5, {"again": "dctcp", "nv": "nv"}, 1, (0.5,)).set_index("scheme")
    assert table.loc["again", list(MEASURES)].equals(table.loc["dctcp", list(MEASURES)])
    assert (table.loc[BOUND, ["small p99", "small mean"]] <= table.loc["dctcp", ["small p99", "small mean"]]).all()


def test_tuned_and_scored_episodes_differ_and_a_threshold_changes_no_flow() -> None:
    assert not {tuning_seed(i) for i in range(200)} & {held_out_seed(i) for i in range(200)}
    drawn = CASES[1].trial(0.3, 5, tuning_seed(0))
    assert with_threshold(drawn, 20).flows == drawn.flows == CASES[1].trial(0.3, 20, tuning_seed(0)).flows
    assert with_threshold(drawn, 20).topology == CASES[1].trial(0.3, 20, tuning_seed(0)).topology
