"""The page of an experiment: its numbers are those of the experiment's tables, and what is missing is told with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from iroko.analysis.experiment import read_results
from iroko.report import write_report
from iroko.report.text import MINUS, NOTHING, measure_text
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import COMPLETE
from tests.fake_run import make_frames, make_run_config
from tests.report.test_report import HOSTILE, read

SCHEMES = {"ppo": "PPO", "nv": "New Vegas", "maxmin": "max-min"}


def write_job(folder: Path, scheme: str, seed: int) -> None:
    """A run of one scheme, whose reward grows with its seed."""
    learns = scheme == "ppo"
    config = make_run_config(agents=[scheme] if learns else [], baselines=[] if learns else [scheme], seed=seed)
    run = RunFolder(folder, config)
    steps, flows = make_frames(config, scheme, load=0.5 - 0.1 * seed, backlog_bytes=1000.0 * seed)
    run.write_scores(scheme, steps.assign(reward=steps["reward"] + seed), flows)
    if learns:
        run.write_scores(scheme, steps.assign(reward=steps["reward"] + seed + 0.5), flows, "sim")
        run.write_learning(steps[["step", "reward"]].iloc[1:4].assign(agent=scheme)[["agent", "step", "reward"]])
    run.join_scores()
    run.mark(COMPLETE)
    run.close()


def make_experiment(folder: Path, states: dict[str, str], seeds: int = 2, reason: str = "") -> Path:
    """An experiment of three schemes; `states` says which of their jobs are done, the others' is given."""
    jobs: list[dict[str, Any]] = []
    for scheme in SCHEMES:
        for seed in range(1, seeds + 1):
            name, state = f"small.{scheme}.seed{seed}", states.get(scheme, "done")
            jobs.append({"name": name, "scenario": "small", "scheme": scheme, "seed": seed, "trained_on": "", "state": state,
                         "reason": reason if state == "failed" else ""})  # fmt: skip
            if state == "done":
                write_job(folder / "jobs" / name, scheme, seed)
    folder.mkdir(exist_ok=True)
    (folder / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    schemes = "".join(f'[[schemes]]\nname = "{name}"\nagent = "{name}"\nlabel = "{label}"\n' for name, label in SCHEMES.items())
    (folder / "experiment.toml").write_text(f'name = "try"\n[[scenarios]]\nname = "small"\n{schemes}')
    return folder


def make_transfers(folder: Path, seeds: int = 2) -> Path:
    """An experiment in two scenarios, in which agents of the second are scored in the first too."""
    home = [("small", "ppo"), ("small", "nv"), ("small", "dctcp"), ("large", "ppo"), ("large", "dctcp")]
    jobs: list[dict[str, Any]] = []
    for scenario, scheme, trained_on in [*((*one, "") for one in home), ("small", "ppo", "large")]:
        for seed in range(1, seeds + 1):
            name = f"{trained_on}.to.{scenario}.{scheme}.seed{seed}" if trained_on else f"{scenario}.{scheme}.seed{seed}"
            jobs.append({"name": name, "scenario": scenario, "scheme": scheme, "seed": seed, "trained_on": trained_on, "state": "done",
                         "reason": ""})  # fmt: skip
            write_job(folder / "jobs" / name, scheme, seed)
    (folder / "jobs.json").write_text(json.dumps({"jobs": jobs}))
    labels = {"ppo": "PPO", "nv": "New Vegas", "dctcp": "DCTCP"}
    schemes = "".join(f'[[schemes]]\nname = "{name}"\nagent = "{name}"\nlabel = "{label}"\n' for name, label in labels.items())
    (folder / "experiment.toml").write_text(f'name = "try"\n[[scenarios]]\nname = "small"\n[[scenarios]]\nname = "large"\n{schemes}')
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_experiment(tmp_path_factory.mktemp("experiment") / "try", {})


def test_the_table_has_the_means_and_intervals_of_the_experiment(folder: Path) -> None:
    results, page = read_results(folder), read(write_report(folder))
    head, *rows = page.tables["table-scenario-1-scores"]
    names = ["reward", "goodput_share", "queue_mean_bytes", "queue_p99_bytes", "drops", "marks", "jain"]
    assert len(head) == 1 + len(names) and [row[0][1]["data-v"] for row in rows] == ["ppo", "new vegas", "max-min"]
    for row, scheme in zip(rows, SCHEMES, strict=True):
        own = results.summary[results.summary["scheme"] == scheme].set_index("measure")
        for (cell, attributes), name in zip(row[1:], names, strict=True):
            found = own.loc[name]
            assert float(str(attributes["data-v"])) == found["mean"]
            mean, low, high = (measure_text(name, found[end]) for end in ("mean", "low", "high"))
            assert cell == (mean if low == mean == high else f"{mean}|{low} to {high}")
    assert rows[0][1][0] == "8.000|1.647 to 14.353"  # 8 ± 12.706 · 0.5, of two seeds


def test_every_seed_is_in_its_table_with_a_way_to_its_run(folder: Path) -> None:
    page = read(write_report(folder))
    _, *rows = page.tables["table-scenario-1-seeds"]
    assert [(row[0][1]["data-v"], row[1][0], row[2][0]) for row in rows[:3]] == [
        ("ppo", "1", "7.500"),
        ("ppo", "2", "8.500"),
        ("new vegas", "1", "7.500"),
    ]
    links = {str(attributes["href"]) for tag, attributes in page.elements if tag == "a"}
    for scheme in SCHEMES:
        for seed in (1, 2):
            assert f"jobs/small.{scheme}.seed{seed}/" in links and (folder / f"jobs/small.{scheme}.seed{seed}/").is_dir()


def test_gaps_and_differences_are_those_of_the_experiment(folder: Path) -> None:
    page = read(write_report(folder))
    _, *rows = page.tables["table-scenario-1-gap"]
    assert [cell for cell, _ in rows[0][1:]] == [
        "8.500",
        "8.000",
        *(text.replace("-", MINUS) for text in ("-0.500", "-5.9%")),
    ]
    head, *rows = page.tables["table-scenario-1-differences"]
    assert [cell for cell, _ in head] == ["scheme", "less New Vegas", "less max-min"]
    assert [cell for cell, _ in rows[1][1:]] == [NOTHING, "0.000"]


def test_figures_show_each_seed_and_the_fabric_each_recording(folder: Path) -> None:
    data = read(write_report(folder)).data
    reward = {series["label"]: series for series in data["charts"]["scenario-1-reward"]["series"]}
    assert reward["PPO"]["points"] == [7.5, 8.5] and (reward["PPO"]["low"], reward["PPO"]["high"]) == (1.6469, 14.3531)
    recordings = data["fabric"]["recordings"]
    assert [(one["scheme"], one["seed"], one["episode"]) for one in recordings[:3]] == [("PPO", 1, 0), ("PPO", 1, 1), ("PPO", 2, 0)]
    assert len(recordings) == 12 and data["fabric"]["notes"] == []


def test_schemes_close_to_dctcp_have_their_differences_seed_by_seed(tmp_path: Path) -> None:
    folder = make_transfers(tmp_path / "try")
    results, page = read_results(folder), read(write_report(folder))
    paired = results.paired[results.paired["scenario"] == "small"]
    assert set(paired["scheme"]) == {"ppo", "nv"}
    for row in paired.to_dict("records"):
        own = results.measures[results.measures["scenario"] == "small"].set_index(["scheme", "seed"])["reward"]
        assert [row[f"seed {seed}"] for seed in (1, 2)] == [own[row["scheme"], seed] - own["dctcp", seed] for seed in (1, 2)]
    head, *rows = page.tables["table-scenario-1-paired"]
    assert [cell for cell, _ in head] == ["scheme", "seed 1", "seed 2", "mean"] and len(rows) == 2
    assert "table-transfers" in page.tables and page.data["charts"]["experiment-transfer-ppo"]["matrix"]["rows"] == ["large", "DCTCP"]


def test_the_same_folder_gives_the_same_bytes(folder: Path) -> None:
    assert write_report(folder).read_bytes() == write_report(folder).read_bytes()


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    page = read(write_report(make_experiment(tmp_path / "try", {}, seeds=1)))
    assert page.tables["table-scenario-1-scores"][1][1][0] == "7.500" and " to " not in page.tables["table-scenario-1-scores"][1][1][0]


def test_failed_and_waiting_jobs_stand_first_with_their_reason(tmp_path: Path) -> None:
    page = read(write_report(make_experiment(tmp_path / "try", {"nv": "failed", "maxmin": "waiting"}, reason=HOSTILE)))
    _, *rows = page.tables["table-jobs"]
    assert [(row[0][0], row[1][0]) for row in rows] == [
        (f"small.{scheme}.seed{seed}", state) for scheme, state in (("nv", "failed"), ("maxmin", "waiting")) for seed in (1, 2)
    ]
    assert rows[0][2][0] == HOSTILE and "2 of 6 jobs are done" in " ".join(page.words["p"])
    assert page.text.index("table-jobs") < page.text.index("table-scenario-1-scores")
    assert [series["label"] for series in page.data["charts"]["scenario-1-reward"]["series"]] == ["PPO"]


def test_an_experiment_of_which_nothing_is_done_is_a_page_too(tmp_path: Path) -> None:
    page = read(write_report(make_experiment(tmp_path / "try", dict.fromkeys(SCHEMES, "waiting"))))
    assert "0 of 6 jobs are done" in " ".join(page.words["p"]) and "No run of this scenario has begun yet." in page.words["p"]
    assert page.data["fabric"] is None and page.data["charts"] == {}


def test_a_broken_run_folder_keeps_nothing_else_from_being_shown(tmp_path: Path) -> None:
    folder = make_experiment(tmp_path / "try", {"nv": "unfinished"})
    broken = folder / "jobs/small.nv.seed1"
    broken.mkdir(parents=True)
    (broken / "config.toml").write_text("no TOML [")
    page = read(write_report(folder))
    assert [row[1][0] for row in page.tables["table-jobs"][1:]] == ["unfinished", "unfinished"]
    assert len(page.tables["table-scenario-1-scores"]) == 3
