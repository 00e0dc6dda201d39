"""The file of an experiment and its jobs: what it may hold, and what is said of what it may not."""

from pathlib import Path

import pytest

from iroko.errors import InputError
from iroko.experiment.__main__ import main
from iroko.experiment.jobs import Job, make_jobs
from iroko.experiment.spec import read_experiment

GOOD = """
seeds = [3, 1]
schemes = ["reinforce", "nv", { name = "slow", agent = "reinforce", label = "Slow", seeds = [1], agent_tables }]
[topology]
name = "dumbbell"
rate_bps = "10M"
[environment]
interval_s = 0.1
episode_s = 1
[run]
engine = "sim"
steps = 100
[agent.reinforce]
learning_rate = 0.01
[[scenarios]]
name = "pairs"
traffic.name = "pairs"
[[scenarios]]
name = "fast"
topology.rate_bps = "100M"
traffic.name = "stride"
[[transfers]]
schemes = ["reinforce"]
train = ["pairs"]
score = ["pairs", "fast"]
""".replace("agent_tables", "run = { steps = 50 }")


def jobs_of(path: Path, text: str, *settings: str) -> dict[str, Job]:
    path.write_text(text)
    return {job.name: job for job in make_jobs(read_experiment(path, settings))}


def test_every_scheme_runs_in_every_scenario_with_every_seed(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path / "e.toml", GOOD)
    assert list(jobs) == [
        "pairs.reinforce.seed3", "pairs.reinforce.seed1", "pairs.nv.seed3", "pairs.nv.seed1", "pairs.slow.seed1",
        "fast.reinforce.seed3", "fast.reinforce.seed1", "fast.nv.seed3", "fast.nv.seed1", "fast.slow.seed1",
        "pairs.to.fast.reinforce.seed3", "pairs.to.fast.reinforce.seed1",
    ]  # fmt: skip
    first = jobs["fast.reinforce.seed3"]
    assert first.learns and first.config.seed == 3 and first.config.steps == 100 and first.config.baselines == ()
    assert first.config.scenario.topology_parameters["rate_bps"] == 100e6 and first.config.scenario.traffic == "stride"
    parameters = first.config.agent_parameters["reinforce"]
    assert parameters["learning_rate"] == 0.01 and "gamma" in parameters  # defaults are written out
    assert jobs["pairs.slow.seed1"].config.steps == 50 and jobs["pairs.slow.seed1"].agent == "reinforce"
    assert not jobs["pairs.nv.seed1"].learns and jobs["pairs.nv.seed1"].config.agent_parameters == {}


def test_an_agent_is_trained_once_and_scored_elsewhere(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path / "e.toml", GOOD)
    away = jobs["pairs.to.fast.reinforce.seed3"]
    assert (away.needs, away.trained_on, away.scenario, away.learns) == ("pairs.reinforce.seed3", "pairs", "fast", False)
    assert away.config.model == "jobs/pairs.reinforce.seed3/model/reinforce"
    assert away.config.scenario == jobs["fast.reinforce.seed3"].config.scenario
    assert sum(job.needs != "" for job in jobs.values()) == 2  # none to the scenario it was trained in


def test_settings_lie_over_everything_and_are_kept(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path / "e.toml", GOOD, "run.steps=7", "topology.rate_bps=1M")
    assert {job.config.steps for job in jobs.values()} == {7}
    assert {job.config.scenario.topology_parameters["rate_bps"] for job in jobs.values()} == {1e6}
    experiment = read_experiment(tmp_path / "e.toml", ["run.steps=7"], [9])
    assert experiment.name == "e" and {job.seed for job in make_jobs(experiment)} == {9}
    (tmp_path / "again.toml").write_text(experiment.to_toml())
    assert make_jobs(read_experiment(tmp_path / "again.toml")) == make_jobs(experiment)


def test_without_scenarios_the_tables_are_one(tmp_path: Path) -> None:
    text = 'schemes = ["nv"]\nseeds = [1]\ntopology.name = "dumbbell"\n[run]\nengine = "sim"\n'
    assert list(jobs_of(tmp_path / "e.toml", text)) == ["dumbbell.nv.seed1"]


BAD = [
    ("seeds = [3, 1]", "seed = [1]", "unknown key of an experiment 'seed'. Did you mean 'seeds'?"),
    ("seeds = [3, 1]", "seeds = []", "seeds=[]: expected a list of whole numbers"),
    ("seeds = [3, 1]", "seeds = [1, 1]", "seeds: 1 is listed twice"),
    ("seeds = [3, 1]", "seeds = [-1]", "seeds=[-1]"),
    ("seeds = [3, 1]", "seeds = [", "is not TOML"),
    ('"nv", {', '"nw", {', "unknown scheme 'nw'. Did you mean 'nv'?"),
    ('"nv", {', '"nv", "nv", {', "schemes: 'nv' is listed twice"),
    ('schemes = ["reinforce",', 'schemes = ["reinforce", 3,', "schemes=["),
    ('label = "Slow"', 'lable = "Slow"', "unknown key of scheme 'slow' 'lable'. Did you mean 'label'?"),
    ('label = "Slow"', 'scenarios = ["pears"]', "unknown scenario of scheme 'slow' 'pears'. Did you mean 'pairs'?"),
    ("run = { steps = 50 }", "run = { seed = 2 }", "run.seed of scheme 'slow': the experiment sets it itself"),
    ('name = "slow"', 'name = "a.b"', "name of a scheme='a.b': expected letters, digits, - and _"),
    ('traffic.name = "pairs"', 'traffic.name = "pears"',
     "scenario 'pairs', scheme 'reinforce': unknown traffic 'pears'. Did you mean 'pairs'?"),
    ('name = "fast"', 'name = "pairs"', "scenarios: 'pairs' is listed twice"),
    ('name = "fast"', 'nam = "fast"', "name of a scenario=None"),
    ('traffic.name = "stride"', 'trafic.name = "stride"', "unknown key of scenario 'fast' 'trafic'. Did you mean 'traffic'?"),
    ("interval_s = 0.1", "interval = 0.1", "unknown key of environment 'interval'. Did you mean 'interval_s'?"),
    ("interval_s = 0.1", "interval_s = 0", "interval_s=0"),
    ('engine = "sim"', 'engine = "sin"', "unknown engine 'sin'. Did you mean 'sim'?"),
    ("learning_rate = 0.01", "learning_rat = 0.01", "unknown key of agent reinforce 'learning_rat'. Did you mean 'learning_rate'?"),
    ("learning_rate = 0.01", "learning_rate = -1", "learning_rate=-1"),
    ("[agent.reinforce]", "[agent.reinforc]", "unknown agent of this experiment 'reinforc'. Did you mean 'reinforce'?"),
    ('score = ["pairs", "fast"]', 'score = ["pairs", "fas"]', "unknown scenario of a transfer 'fas'. Did you mean 'fast'?"),
    ('score = ["pairs", "fast"]', "score = []", "score of a transfer: expected a list"),
    ('schemes = ["reinforce"]\ntrain', 'schemes = ["nv"]\ntrain', "scheme 'nv' of a transfer does not learn"),
    ('schemes = ["reinforce", "nv"', 'schemes = [{ name = "reinforce", scenarios = ["fast"] }, "nv"',
     "transfer of 'reinforce' from 'pairs': expected one of its own scenarios"),
    ('schemes = ["reinforce"]\ntrain', 'schemes = ["reinforce"]\ntrains', "unknown key of a transfer 'trains'. Did you mean 'train'?"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "after", "message"), BAD, ids=[after for _, after, _ in BAD])
def test_bad_input_is_one_line_and_nothing_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, message: str
) -> None:
    assert before in GOOD
    (tmp_path / "e.toml").write_text(GOOD.replace(before, after, 1))
    assert main([str(tmp_path / "e.toml"), "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("iroko: ") and err.count("\n") == 1 and message in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("options", "message"), [
    (["--seeds", "1,x"], "--seeds=[1, 'x']"),
    (["--seeds", "1,1"], "--seeds: 1 is listed twice"),
    (["--jobs", "0"], "--jobs 0: expected 1 or more"),
    (["--set", "run.stepz=1"], "unknown key of run 'stepz'. Did you mean 'steps'?"),
    (["--set", "run.seed=1"], "run.seed of --set"),
    (["--set", "steps"], "--set 'steps': expected SECTION.KEY=VALUE"),
    (["--nosuch"], "--nosuch"),
])  # fmt: skip
def test_bad_options_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str) -> None:
    (tmp_path / "e.toml").write_text(GOOD)
    assert main([str(tmp_path / "e.toml"), "--out", str(tmp_path / "out"), *options]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and message in err and not (tmp_path / "out").exists()


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere.toml"]) == 2
    assert capsys.readouterr().err == "iroko: config nowhere.toml: No such file or directory\n"


@pytest.mark.parametrize("file", sorted(Path("results").glob("*/*.toml")), ids=lambda path: path.stem)
def test_the_experiments_of_the_project_are_good(file: Path) -> None:
    assert make_jobs(read_experiment(file))


def test_an_unknown_parameter_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(GOOD.replace('rate_bps = "10M"', "rate = 1"))
    with pytest.raises(InputError, match="scenario 'pairs', scheme 'reinforce': unknown key of topology dumbbell 'rate'"):
        make_jobs(read_experiment(tmp_path / "e.toml"))
