"""The comparison against numbers worked out by hand."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iroko.analysis.score_table import compare, compare_engines, to_json
from iroko.analysis.scores import Score, path_backlogs, path_ports, rewards_by_engine, score_schemes
from iroko.topologies.fattree import fattree
from tests.fake_run import make_frames, make_run, make_run_config, printed

KEYS = ["scheme", "goodput_share", "queue_mean_bytes", "queue_p99_bytes", "drops", "marks", "jain", "reward"]


@pytest.fixture
def run(tmp_path: Path):  # type: ignore[no-untyped-def]
    return make_run(tmp_path / "run", baselines=["nv", "dctcp"])


def test_scores_are_those_worked_out_by_hand(run) -> None:  # type: ignore[no-untyped-def]
    ppo, nv, dctcp = score_schemes(run)
    assert [ppo.scheme, nv.scheme, dctcp.scheme] == ["ppo", "nv", "dctcp"]
    # Each receiver gets 0.5, 0.4, 0.3 of its link; rewards are 0, 1, 2, 3 and 10 more in the second episode.
    assert [score.goodput_share for score in (ppo, nv, dctcp)] == pytest.approx([0.5, 0.4, 0.3])
    assert [score.queue_mean_bytes for score in (ppo, nv, dctcp)] == pytest.approx([1000, 2000, 3000])
    assert ppo.queue_p99_bytes == pytest.approx(1000)
    assert ppo.reward == pytest.approx((1.5 + 11.5) / 2)
    assert ppo.deviations["reward"] == pytest.approx(50**0.5)  # of 1.5 and 11.5
    assert ppo.jain == pytest.approx(1)


def test_drops_and_marks_are_counted_over_all_episodes(run) -> None:  # type: ignore[no-untyped-def]
    steps, _ = make_frames(run.config, "ppo", drops=3)
    steps = pd.concat([steps, run.steps[run.steps["scheme"] != "ppo"]], ignore_index=True)
    score = score_schemes(dataclasses.replace(run, steps=steps))[0]
    assert (score.drops, score.marks) == (3 * 4 * 2, 6 * 4 * 2)


def test_unequal_flows_lower_jain(run) -> None:  # type: ignore[no-untyped-def]
    flows = run.flows.copy()
    flows.loc[flows["flow"] == 0, "delivered_bytes"] = 0
    assert score_schemes(dataclasses.replace(run, flows=flows))[0].jain == pytest.approx(0.5)


def test_queues_are_those_of_switch_ports_on_the_paths_that_carried_traffic(run) -> None:  # type: ignore[no-untyped-def]
    topology = run.config.scenario.fabric
    steps, flows = make_frames(run.config, "ppo", num_steps=3)
    one = steps[steps["episode"] == 0]
    names = [topology.ports[port].name for port in path_ports(topology, [("h0", "h2"), ("h1", "h3")])]
    assert sorted(names) == ["s0->s1", "s1->h2", "s1->h3"]
    assert path_backlogs(topology, one, flows).shape == (3, 3)
    # Acknowledgements on the way back, or a queue at an idle port, change nothing.
    back = topology.ports.index(next(port for port in topology.ports if port.name == "s1->s0"))
    busy = one.assign(port_bytes=one["port_bytes"].map(lambda values: np.where(np.arange(len(values)) == back, 9, values)))
    assert path_backlogs(topology, busy, flows).tolist() == path_backlogs(topology, one, flows).tolist()
    idle = one.assign(port_bytes=one["port_bytes"].map(np.zeros_like))
    assert path_backlogs(topology, idle, flows).shape == (3, 0)


def test_under_ecmp_every_shortest_path_counts() -> None:
    pairs = [("h0", "h15")]
    static, ecmp = path_ports(fattree(), pairs), path_ports(fattree(routing="ecmp"), pairs)
    assert len(static) == 5 and len(ecmp) == 2 + 4 + 4 + 2 + 1 and set(static) <= set(ecmp)


def test_json_is_one_object_with_the_promised_keys(run) -> None:  # type: ignore[no-untyped-def]
    scores = score_schemes(run)
    result = json.loads(to_json(run, scores))
    assert list(result) == ["run", "engine", "schemes", "warnings"] and (result["run"], result["engine"]) == (str(run.path), "guest")
    assert [list(scheme) for scheme in result["schemes"]] == [KEYS] * 3
    assert result["schemes"][1]["queue_mean_bytes"] == scores[1].queue_mean_bytes


def test_the_table_fits_a_terminal_and_marks_the_best_without_colour(run) -> None:  # type: ignore[no-untyped-def]
    text = printed(run)
    assert "…" not in text and max(map(len, text.splitlines()[:-1])) <= 80
    ppo = next(line for line in text.splitlines() if line.strip().startswith("ppo "))
    nv = next(line for line in text.splitlines() if line.strip().startswith("nv "))
    assert "0.500 *" in ppo and "1.00 *" in ppo and "*" not in nv
    assert "± 7.071" in text


def test_where_all_are_equal_none_is_best(run) -> None:  # type: ignore[no-untyped-def]
    line = next(line for line in printed(run).splitlines() if line.strip().startswith("ppo "))
    assert "1.000 *" not in line and "6.500 *" not in line  # Jain and reward


def test_the_same_run_prints_the_same_table(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert printed(run) == printed(make_run(tmp_path / "elsewhere", baselines=["nv", "dctcp"]))


def score(scheme: str, reward: float) -> Score:
    return Score(scheme, 0.5, 0.0, 0.0, 0, 0, 1.0, reward, {})


def test_each_agent_is_compared_in_words(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", agents=["ppo", "static"], baselines=["nv", "dctcp"])
    lines = compare(run, [score("ppo", 3.0), score("static", -1.0), score("nv", 2.0), score("dctcp", 4.0)])
    assert lines == [
        "ppo: reward 3.000 per step, 1.000 above nv (+50.0%), 1.000 below dctcp (-25.0%)",
        "static: reward -1.000 per step, 3.000 below nv (-150.0%), 5.000 below dctcp (-125.0%)",
    ]


def test_the_sign_of_the_percentage_follows_the_difference_below_zero_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", baselines=["nv", "dctcp"])
    assert compare(run, [score("ppo", -1.0), score("nv", -2.0), score("dctcp", 0.0)]) == [
        "ppo: reward -1.000 per step, 1.000 above nv (+50.0%), 1.000 below dctcp"
    ]
    assert compare(run, [score("ppo", -1.0), score("nv", -1.0)]) == ["ppo: reward -1.000 per step, equal to nv"]


def test_what_is_lost_between_the_engines_in_words(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", gain_in_training=0.5, agents=["ppo", "static"], baselines=["maxmin", "random", "nv"])
    # Every scheme has 6.5 per step on the guest; nv was not scored in the simulator.
    assert compare_engines(run, score_schemes(run)) == [
        "ppo: reward 7.000 per step in sim, 6.500 on guest: -7.1%",
        "static: reward 7.000 per step in sim, 6.500 on guest: -7.1%",
        "baselines, from sim to guest: maxmin -7.1%, random -7.1%",
    ]
    assert printed(run).rstrip().endswith("baselines, from sim to guest: maxmin -7.1%, random -7.1%")
    schemes = ["ppo", "static", "maxmin", "random"]
    assert rewards_by_engine(run) == {"guest": dict.fromkeys([*schemes, "nv"], 6.5), "sim": dict.fromkeys(schemes, 7.0)}
    result = json.loads(to_json(run, score_schemes(run)))
    assert list(result) == ["run", "engine", "schemes", "warnings", "in_training"] and result["in_training"]["engine"] == "sim"
    assert [(scheme["scheme"], scheme["reward"]) for scheme in result["in_training"]["schemes"]] == [(scheme, 7.0) for scheme in schemes]
    assert "engine" not in result["in_training"]["schemes"][0]


def test_a_change_from_below_zero_or_from_zero_has_the_right_sign(tmp_path: Path) -> None:
    below = make_run(tmp_path / "below", gain_in_training=-8.5, baselines=["nv"])
    assert compare_engines(below, score_schemes(below)) == ["ppo: reward -2.000 per step in sim, 6.500 on guest: +425.0%"]
    zero = make_run(tmp_path / "zero", gain_in_training=-6.5, baselines=["nv"])
    assert compare_engines(zero, score_schemes(zero)) == ["ppo: reward 0.000 per step in sim, 6.500 on guest: +6.500"]
    plain = make_run(tmp_path / "plain")
    assert compare_engines(plain, score_schemes(plain)) == []


def test_the_title_says_where_it_was_scored(run) -> None:  # type: ignore[no-untyped-def]
    assert "dumbbell, pairs on guest: 2 episodes of 2 s" in " ".join(printed(run).split())
    simulated = dataclasses.replace(run, config=dataclasses.replace(run.config, engine="sim"))
    assert "dumbbell, pairs in sim: 2 episodes" in " ".join(printed(simulated).split())


def test_one_episode_has_no_deviation(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", episodes=1)
    assert score_schemes(run)[0].deviations == {} and "±" not in printed(run)
    assert make_run_config(episodes=1).episodes == 1
