"""Jain's index of an episode: over rates while flows are under way, and only of flows that run side by side."""

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iroko.agent import make_agent
from iroko.analysis.flow_rates import active_rates_bps, episode_jain, side_by_side
from iroko.analysis.score_table import to_json
from iroko.analysis.scores import score_schemes
from iroko.envs.info import measures, to_row
from iroko.flows import Flow
from iroko.reward import REWARDS, RewardContext, active_bytes
from iroko.run.evaluate import evaluate
from iroko.scenario import Scenario
from iroko.topologies.dumbbell import dumbbell
from tests.fake_engine import make_snapshot
from tests.fake_run import make_run

TOPOLOGY = dumbbell()
"""Links of 10 Mbit/s: a megabyte takes 0.8 s."""
NAN = math.nan


def frame(rows: Sequence[tuple[float, int | None, int, float]]) -> pd.DataFrame:
    """Flows from h0 to h2 and h1 to h3 in turn: start, size, delivered bytes, completion time."""
    table = pd.DataFrame(rows, columns=["start_s", "size_bytes", "delivered_bytes", "completion_s"])
    pairs = [(("h0", "h2"), ("h1", "h3"))[index % 2] for index in range(len(rows))]
    table["source"], table["destination"] = zip(*pairs, strict=True)
    return table.astype({"size_bytes": "Int64", "completion_s": "Float64", "start_s": float})


def test_the_rate_of_a_flow_is_over_its_active_time() -> None:
    flows = frame([(0.0, None, 1000, NAN), (3.0, None, 1000, NAN), (1.0, 500, 500, 0.5), (4.0, None, 0, NAN), (9.0, 5, 0, NAN)])
    assert active_rates_bps(flows, 4.0).tolist() == [2000, 8000, 8000, 0, 0]


@pytest.mark.parametrize(("rows", "index"), [
    # Endless flows: as before, the index of what they delivered.
    ([(0.0, None, 3000, NAN), (0.0, None, 1000, NAN)], 16 / 20),
    # One that starts at a third has two thirds of the time, so a third less bytes is fair.
    ([(0.0, None, 3000, NAN), (10 / 3, None, 2000, NAN)], 1.0),
    # Finite flows of different sizes at one rate: the index of the sizes would be 25 / 26.
    ([(0.0, 2_000_000, 2_000_000, 2.0), (0.0, 3_000_000, 3_000_000, 3.0)], 1.0),
    # Equal sizes, one at half the rate of the other.
    ([(0.0, 1_000_000, 1_000_000, 1.0), (0.0, 1_000_000, 1_000_000, 2.0)], 9 / 10),
    # A flow that did not finish counts until the end.
    ([(0.0, 10_000_000, 10_000_000, 8.0), (0.0, 10_000_000, 6_250_000, NAN)], 9 / 10),
    # Two flows that never meet, as in a replay: no index, of whatever size they are.
    ([(0.0, 10_000, 10_000, 0.01), (2.0, 1_000_000, 1_000_000, 0.83)], NAN),
    ([(0.0, 1_000_000, 1_000_000, 0.8), (2.0, 1_000_000, 1_000_000, 0.8)], NAN),
    # Mice beside two elephants: the elephants are compared.
    ([(0.0, None, 3000, NAN), (0.0, None, 1000, NAN), (4.0, 1000, 1000, 0.001), (5.0, 1000, 1000, 0.002)], 16 / 20),
    # One flow, none that starts, none that delivers.
    ([(0.0, None, 3000, NAN)], NAN),
    ([(10.0, None, 0, NAN), (11.0, None, 0, NAN)], NAN),
    ([(0.0, None, 0, NAN), (0.0, None, 0, NAN)], NAN),
])  # fmt: skip
def test_the_index_of_an_episode(rows: Sequence[tuple[float, int | None, int, float]], index: float) -> None:
    assert episode_jain(TOPOLOGY, frame(rows), 10.0) == pytest.approx(index, nan_ok=True)


def test_which_flows_count_is_equal_for_all_schemes() -> None:
    # It follows from starts and sizes, not from what a scheme made of them.
    fast, slow = ([(0.0, 4_000_000, 4_000_000, done), (0.0, 3_000_000, 3_000_000, 9.0)] for done in (3.3, 9.5))
    assert side_by_side(TOPOLOGY, frame(fast), 9.0).tolist() == side_by_side(TOPOLOGY, frame(slow), 9.5).tolist() == [True, True]


def test_any_two_flows_that_count_are_under_way_together() -> None:
    rng = np.random.default_rng(1)
    num_pairs = 0
    for _ in range(300):
        starts, sizes = rng.uniform(0, 12, 6), rng.integers(1, 12_500_000, 6)
        flows = frame([(float(start), int(size), 0, NAN) for start, size in zip(starts, sizes, strict=True)])
        counts = side_by_side(TOPOLOGY, flows, 10.0)
        ends = np.minimum(starts + sizes * 8 / 10e6, 10.0)
        assert not counts[starts >= 10].any()
        if counts.sum() > 1:
            num_pairs += 1
            assert starts[counts].max() < ends[counts].min()
    assert num_pairs > 50


def replay(tmp_path: Path, rows: Sequence[str]) -> Scenario:
    path = tmp_path / "flows.csv"
    path.write_text("\n".join(["source,destination,start_s,size_bytes", *rows]) + "\n")
    return Scenario(traffic="replay", traffic_parameters={"file": str(path)}, episode_s=5.0)


def simulated_jain(scenario: Scenario) -> float:
    """The index of two flows under DCTCP in the simulator."""
    agent = make_agent("dctcp", scenario, scenario.fabric)
    flows = evaluate(agent, scenario, "sim", 1, seed=1).flows
    return episode_jain(scenario.fabric, flows, scenario.episode_s)


def test_two_flows_that_never_meet_have_no_index_in_the_simulator(tmp_path: Path) -> None:
    # It was 0.510, the index of the sizes 10 kB and 1 MB.
    assert math.isnan(simulated_jain(replay(tmp_path, ["h0,h2,0,10000", "h1,h3,2,1000000"])))


def test_flows_side_by_side_on_links_of_their_own_are_even_whatever_their_sizes(tmp_path: Path) -> None:
    scenario = replay(tmp_path, ["h0,h1,0,1000000", "h2,h3,0,1900000"])
    assert simulated_jain(scenario) == pytest.approx(1, abs=1e-3)


def test_where_there_is_no_index_tables_have_a_dash_and_json_has_null(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", baselines=["nv"])
    flows = run.flows.assign(size_bytes=1000, start_s=run.flows["flow"].astype(float) / 4)
    none = dataclasses.replace(run, flows=flows.astype({"size_bytes": "Int64"}))
    scores = score_schemes(none)
    assert all(math.isnan(score.jain) and "jain" not in score.deviations for score in scores)
    assert [row["jain"] for row in json.loads(to_json(none, scores))["schemes"]] == [None, None]


def test_an_episode_without_an_index_does_not_count(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", baselines=["nv"])
    flows = run.flows.copy()
    flows.loc[flows["episode"] == 0, "delivered_bytes"] = 0
    flows.loc[(flows["episode"] == 1) & (flows["flow"] == 0), "delivered_bytes"] = 0
    assert score_schemes(dataclasses.replace(run, flows=flows))[0].jain == pytest.approx(0.5)


def test_in_an_interval_the_rates_are_those_while_flows_are_under_way() -> None:
    flows = [Flow("h0", "h2"), Flow("h1", "h3", 0.25), Flow("h2", "h0"), Flow("h3", "h1", 0.9), Flow("h0", "h3", 5.0)]
    context = RewardContext.of(TOPOLOGY, flows)
    # The interval is from 0 to 1 s; the third flow is done after 0.75 s, the fourth is under way for a tenth of it.
    snapshot = make_snapshot(
        TOPOLOGY,
        flow_bytes=np.array([1000, 750, 750, 1, 0]),
        flow_completion_s=np.array([NAN, NAN, 0.75, NAN, NAN]),
        time_s=1.0,
        interval_s=1.0,
    )
    assert [part.tolist() for part in active_bytes(context, snapshot)] == [[1000, 1000, 1000, 0, 0], [True, True, True, False, False]]
    assert to_row(measures(context, snapshot), 0)["jain"] == 1.0


@pytest.mark.parametrize(
    ("name", "term", "even"), [("fairness", "fairness", 1.0), ("gini", "fairness", 1.0), ("std_dev", "deviation", 0.0)]
)
def test_a_reward_for_fairness_does_not_compare_the_sizes_of_flows(name: str, term: str, even: float) -> None:
    flows = [Flow("h0", "h2"), Flow("h1", "h3", 0.0, 750), Flow("h3", "h1", 0.9)]
    snapshot = make_snapshot(TOPOLOGY, flow_bytes=[1000, 750, 1], flow_completion_s=[NAN, 0.75, NAN])
    assert REWARDS[name](RewardContext.of(TOPOLOGY, flows), snapshot)[term] == pytest.approx(even)


def test_the_active_time_of_a_sender_is_from_its_first_start_to_its_last_completion() -> None:
    # h0 sends from 0.1 to 0.4 s and from 0.55 to 0.85 s, and once more later; h1 all the time.
    flows = [Flow("h0", "h2", 0.1, 300), Flow("h0", "h2", 0.55, 300), Flow("h1", "h3"), Flow("h0", "h2", 7.0)]
    snapshot = make_snapshot(TOPOLOGY, flow_bytes=[300, 300, 1000, 0], flow_completion_s=[0.3, 0.3, NAN, NAN])
    assert REWARDS["fairness"](RewardContext.of(TOPOLOGY, flows), snapshot)["fairness"] == pytest.approx(1.8**2 / (2 * (0.8**2 + 1)))
