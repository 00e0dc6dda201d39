"""Experiments from end to end in the simulator: resumed, repeated, broken in every way."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from iroko.analysis.experiment import read_results
from iroko.rundir.manifest import COMPLETE
from iroko.rundir.reader import read_manifest
from iroko.topologies.dumbbell import dumbbell

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-m", "iroko.experiment"]
HEAD = """
topology.name = "dumbbell"
[environment]
interval_s = 0.1
episode_s = 1
[run]
engine = "sim"
steps = 300
envs = 2
episodes = 1
"""
SMALL = f'seeds = [1, 2]\nschemes = ["maxmin", "random"]\n{HEAD}'
LEARN = f"""
seeds = [1]
schemes = ["reinforce", "random"]
{HEAD}
[[scenarios]]
name = "pairs"
[[scenarios]]
name = "stride"
traffic.name = "stride"
[[transfers]]
schemes = ["reinforce"]
train = ["pairs"]
score = ["stride"]
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def compiled_simulator() -> None:
    """Compile the simulator before the first test, where it is not."""
    from iroko.engines.open import open_engine

    open_engine("sim", dumbbell()).close()


def write(folder: Path, text: str) -> Path:
    path = folder / "e.toml"
    path.write_text(text)
    return path


def run(file: Path, *options: str, **extra: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, str(file), *options], capture_output=True, text=True, timeout=500, cwd=ROOT, stdin=subprocess.DEVNULL,
                          **extra)  # type: ignore[call-overload, no-any-return]  # fmt: skip


def tables(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((folder / "tables").iterdir())}


def steps(folder: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(folder.glob("jobs/*/steps.parquet"))}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An experiment with a learner and a transfer, done in one go."""
    place = tmp_path_factory.mktemp("whole")
    result = run(write(place, LEARN), "--out", str(place / "out"), "--publish", str(place / "published"))
    assert result.returncode == 0, result.stderr
    assert "5 of 5 jobs are done" in result.stdout and "pairs.reinforce.seed1 is done" in result.stderr
    return place / "out"


def test_an_experiment_leaves_runs_tables_figures_and_a_report(whole: Path) -> None:
    results = read_results(whole)
    assert results.scenarios == ("pairs", "stride") and results.schemes == ("reinforce", "random")
    assert {job.state for job in results.jobs} == {"done"}
    assert all(read_manifest(job.path).status == COMPLETE for job in results.jobs)
    assert len(results.measures) == 4 and set(results.measures["seed"]) == {1}
    assert list(zip(results.transfers["trained_on"], results.transfers["scenario"], strict=True)) == [
        ("pairs", "pairs"), ("pairs", "stride")
    ]  # fmt: skip
    assert set(results.learning["scheme"]) == {"reinforce"}
    assert {"measures.csv", "summary.csv", "summary.tex", "transfers.tex"} <= set(tables(whole))
    drawn = {"reward-pairs.pdf", "learning-stride.png", "goodput-queue-pairs.png", "transfer-reinforce.png"}
    assert drawn <= set(os.listdir(whole / "figures"))
    assert (whole / "report.html").stat().st_size > 10_000 and not list((whole / "logs").iterdir())
    assert {"e-summary.csv", "e-summary.tex", "e-reward-pairs.png"} <= set(os.listdir(whole.parent / "published"))
    agent = json.loads((whole / "jobs/pairs.reinforce.seed1/model/reinforce/agent.json").read_text())
    assert agent["num_steps_done"] >= 300


def test_a_second_run_has_nothing_to_do_and_the_same_tables(whole: Path) -> None:
    before = tables(whole)
    result = run(whole.parent / "e.toml", "--out", str(whole))
    assert result.returncode == 0 and "all 5 jobs are done already" in result.stderr
    assert tables(whole) == before


def test_another_run_of_it_gives_the_same_tables_digit_for_digit(whole: Path, tmp_path: Path) -> None:
    result = run(whole.parent / "e.toml", "--out", str(tmp_path / "again"), "--jobs", "3")
    assert result.returncode == 0, result.stderr
    assert tables(tmp_path / "again") == tables(whole) and steps(tmp_path / "again") == steps(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_resumed_experiment_equals_an_uninterrupted_one(whole: Path, tmp_path: Path, number: int) -> None:
    out = tmp_path / "out"
    command = [*RUN, str(whole.parent / "e.toml"), "--out", str(out), "--jobs", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
        _wait_for(lambda: any((out / "jobs").glob("*/checkpoint/*")) or any((out / "jobs").glob("stride.*/config.toml")))
        process.send_signal(number)
        _, words = process.communicate(timeout=120)
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number), words
    if number != signal.SIGKILL:
        assert words.splitlines()[-1].startswith("iroko: stopped by SIG") and "go on with: python -m iroko.experiment" in words
    _wait_for(lambda: not _jobs_in(out))  # also after SIGKILL the jobs stop by themselves
    assert any(job.state != "done" for job in read_results(out).jobs)
    finished = {job.name for job in read_results(out).jobs if job.state == "done"}
    result = run(whole.parent / "e.toml", "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert not any(f"{name} begins" in result.stderr for name in finished)
    assert tables(out) == tables(whole) and steps(out) == steps(whole)


def _wait_for(condition: object, timeout_s: float = 300) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _jobs_in(folder: Path) -> list[int]:
    """The processes of jobs that log into this folder."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/fd/2").startswith(f"{folder}/logs/"):
                found.append(int(name))
        except OSError:
            continue
    return found


def test_a_killed_job_fails_alone_and_is_done_at_the_next_start(tmp_path: Path) -> None:
    text = LEARN.replace("steps = 300", "steps = 20000").replace('["reinforce", ', '[{ name = "reinforce", scenarios = ["pairs"] }, ', 1)
    file, out = write(tmp_path, text), tmp_path / "out"
    command = [*RUN, str(file), "--out", str(out), "--jobs", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
        _wait_for(lambda: any((out / "jobs").glob("pairs.reinforce.seed1/checkpoint/*")))
        for pid in _jobs_in(out):
            os.kill(pid, signal.SIGKILL)
        _, words = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "pairs.reinforce.seed1 failed: killed by SIGKILL (out of memory?)" in words
    states = {job.name: job.state for job in read_results(out).jobs}
    assert states.pop("pairs.reinforce.seed1") == states.pop("pairs.to.stride.reinforce.seed1") == "failed"
    assert set(states.values()) == {"done"}
    result = run(file, "--out", str(out), "--set", "run.steps=300")
    assert result.returncode == 0, result.stderr
    assert "pairs.reinforce.seed1 runs anew: run.steps is 20000 there and 300 here" in result.stderr
    assert "the old run is replaced/pairs.reinforce.seed1-1" in result.stderr and (out / "replaced/pairs.reinforce.seed1-1").is_dir()


def test_a_changed_file_runs_only_what_it_changes(tmp_path: Path) -> None:
    file, out = write(tmp_path, SMALL), tmp_path / "out"
    assert run(file, "--out", str(out)).returncode == 0
    kept = (out / "jobs/dumbbell.random.seed1/steps.parquet").stat().st_mtime_ns
    write(tmp_path, SMALL.replace('"maxmin"', '{ name = "maxmin", agent = "maxmin", environment = { interval_s = 0.2 } }')
          .replace("seeds = [1, 2]", "seeds = [1, 3]"))  # fmt: skip
    result = run(file, "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert "dumbbell.maxmin.seed1 runs anew: environment.interval_s is 0.1 there and 0.2 here" in result.stderr
    assert "left as they are: dumbbell.maxmin.seed2, dumbbell.random.seed2" in result.stderr
    assert (out / "jobs/dumbbell.random.seed1/steps.parquet").stat().st_mtime_ns == kept
    assert set(read_results(out).measures["seed"]) == {1, 3}


def test_a_scenario_that_cannot_run_fails_alone(tmp_path: Path) -> None:
    text = SMALL.replace("seeds = [1, 2]", "seeds = [1]").replace('"random"]', '"bbr"]')
    result = run(write(tmp_path, text), "--out", str(tmp_path / "out"))
    assert result.returncode == 2
    assert "dumbbell.bbr.seed1 failed: engine sim has no transport 'bbr'" in result.stderr
    assert "failed: dumbbell.bbr.seed1: engine sim has no transport 'bbr'" in result.stdout and "1 of 2 jobs are done" in result.stdout
    results = read_results(tmp_path / "out")
    assert list(results.measures["scheme"]) == ["maxmin"] and [job.state for job in results.jobs] == ["done", "failed"]


def test_a_full_disk_fails_what_does_not_fit(tmp_path: Path) -> None:
    # A limit on the size of files stands for a disk with little room: the long episode's steps do not fit, the short one's do.
    text = f"""seeds = [1]\nschemes = ["random"]\n{HEAD}
    [[scenarios]]
    name = "short"
    [[scenarios]]
    name = "long"
    environment.episode_s = 600
    """

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    result = run(write(tmp_path, text), "--out", str(tmp_path / "out"), preexec_fn=limit)
    assert result.returncode == 1
    assert "long.random.seed1 failed: [Errno 27]" in result.stderr and "File too large" in result.stderr
    assert "Traceback" not in result.stderr
    states = {job.name: job.state for job in read_results(tmp_path / "out").jobs}
    assert states == {"short.random.seed1": "done", "long.random.seed1": "failed"}
    again = run(tmp_path / "e.toml", "--out", str(tmp_path / "out"))
    assert again.returncode == 0 and "short.random.seed1 begins" not in again.stderr


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    place = Path("/proc/iroko")  # where even root cannot write
    if os.geteuid() != 0:
        place = tmp_path / "readonly/out"
        place.parent.mkdir(mode=0o555)
    for out, words in ((place, "cannot be written"), (ROOT / "iroko", "is no folder of an experiment")):
        result = run(write(tmp_path, SMALL), "--out", str(out))
        assert result.returncode == 2 and result.stderr.count("\n") == 1 and words in result.stderr


def test_two_starts_at_a_time_in_one_folder(tmp_path: Path) -> None:
    file, out = write(tmp_path, LEARN.replace("steps = 300", "steps = 1000000")), tmp_path / "out"
    with subprocess.Popen([*RUN, str(file), "--out", str(out)], stderr=subprocess.DEVNULL, cwd=ROOT, stdin=subprocess.DEVNULL) as process:
        _wait_for(lambda: (out / "jobs.json").is_file())
        second = run(file, "--out", str(out))
        process.send_signal(signal.SIGINT)
        process.wait(120)
    assert second.returncode == 2 and second.stderr.count("\n") == 1
    assert second.stderr.startswith(f"iroko: experiment {out} is in use by process {process.pid} since 20")
    _wait_for(lambda: not _jobs_in(out))


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
def test_jobs_are_scored_in_the_guest_and_show_what_is_lost_on_the_way(tmp_path: Path) -> None:
    text = LEARN.replace('engine = "sim"', 'engine = "guest"').partition("[[scenarios]]")[0]
    result = run(write(tmp_path, text), "--out", str(tmp_path / "out"))
    assert result.returncode == 0, result.stderr
    results = read_results(tmp_path / "out")
    by_scheme = results.measures.set_index("scheme")
    assert by_scheme.loc["reinforce", "reward_in_training"] == pytest.approx(by_scheme.loc["reinforce", "reward"], rel=0.05)
    gaps = pd.read_csv(tmp_path / "out/tables/gaps.csv")
    assert gaps["scheme"].tolist() == ["reinforce"] and (tmp_path / "out/figures/gap.pdf").is_file()


def test_a_broken_manifest_is_a_run_to_do_anew(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "out")
    (tmp_path / "out/jobs/stride.random.seed1/manifest.json").write_text("{")
    result = run(whole.parent / "e.toml", "--out", str(tmp_path / "out"))
    assert result.returncode == 0 and "stride.random.seed1 runs anew: its config or manifest cannot be read" in result.stderr
    assert tables(tmp_path / "out") == tables(whole)
