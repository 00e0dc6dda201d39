"""Run and experiment folders in which anything was changed: a result or one clear error, and nothing outside them is touched."""

import io
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from rich.console import Console

from iroko.analysis.experiment import read_results
from iroko.analysis.experiment_tables import write_tables
from iroko.analysis.score_table import print_table
from iroko.analysis.scores import score_schemes
from iroko.experiment.folder import ExperimentFolder
from iroko.experiment.jobs import make_jobs
from iroko.experiment.outputs import print_summary
from iroko.experiment.spec import read_experiment
from iroko.report import write_report
from iroko.run.command import main
from iroko.run.verification import read_complete
from iroko.rundir.folder import RunFolder, find_unfinished
from iroko.rundir.reader import read_config, read_run
from tests.faults.fuzzed import CHANGES, Change, changed, use

FEW, MANY = settings(max_examples=25), settings(max_examples=5_000)
EXPERIMENT = """
schemes = ["static"]
seeds = [1]
topology = { name = "dumbbell" }
environment = { episode_s = 0.2, interval_s = 0.1 }
run = { engine = "sim", episodes = 1 }
[[scenarios]]
name = "one"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iroko.analysis.plots.draw_all", lambda _: [])
        options = ["--topo", "dumbbell", "--agent", "static", "--baseline", "none", "--engine", "sim", "--interval", "100ms"]
        assert main([*options, "--episode", "200ms", "--episodes", "1", "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def experiment(run: Path) -> Path:
    path = run.parent / "experiment"
    (run.parent / "e.toml").write_text(EXPERIMENT)
    asked = read_experiment(run.parent / "e.toml")
    jobs = make_jobs(asked)
    folder = ExperimentFolder(path)
    folder.plan(asked, jobs)
    shutil.copytree(run, folder.job_path(jobs[0].name))
    folder.close()
    assert [job.state for job in read_results(path).jobs] == ["done"]
    return path


def look_at_run(path: Path) -> None:
    def table() -> None:
        data = read_run(path)
        print_table(data, score_schemes(data), Console(file=io.StringIO(), width=100))

    use(table)
    use(lambda: read_complete(path))
    use(lambda: write_report(path))
    use(lambda: RunFolder(path, read_config(path), resume=True).close())
    use(lambda: find_unfinished(lambda _: True, path.parent))


def look_at_experiment(path: Path) -> None:
    use(lambda: print_summary(read_results(path), Console(file=io.StringIO(), width=130)))
    use(lambda: write_tables(read_results(path), path / "tables"))
    use(lambda: write_report(path))

    def plan() -> None:
        asked = read_experiment(path / "experiment.toml")
        folder = ExperimentFolder(path)
        try:
            folder.plan(asked, make_jobs(asked))
        finally:
            folder.close()

    use(plan)


@FEW
@given(CHANGES)
def test_a_changed_run_folder(run: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[Change]) -> None:
    with changed(run, tmp_path_factory.getbasetemp() / "fuzzed-run", changes) as path:
        look_at_run(path)


@FEW
@given(CHANGES)
def test_a_changed_experiments_folder(experiment: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[Change]) -> None:
    with changed(experiment, tmp_path_factory.getbasetemp() / "fuzzed-experiment", changes) as path:
        look_at_experiment(path)


@pytest.mark.soak
@MANY
@given(CHANGES)
def test_many_changed_run_folders(run: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[Change]) -> None:
    with changed(run, tmp_path_factory.getbasetemp() / "many-runs", changes) as path:
        look_at_run(path)


@pytest.mark.soak
@MANY
@given(CHANGES)
def test_many_changed_experiments_folders(experiment: Path, tmp_path_factory: pytest.TempPathFactory, changes: list[Change]) -> None:
    with changed(experiment, tmp_path_factory.getbasetemp() / "many-experiments", changes) as path:
        look_at_experiment(path)
