"""The order of jobs, what one that fails or is lost means for others, and what the displays say of it."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from iroko.analysis.experiment import read_jobs
from iroko.experiment.folder import ExperimentFolder, Note, exit_code
from iroko.experiment.jobs import Job, make_jobs
from iroko.experiment.pool import Event
from iroko.experiment.progress import Counter, LiveWatcher, PlainWatcher
from iroko.experiment.schedule import MAX_LOSSES, Schedule
from iroko.experiment.spec import read_experiment

TEXT = """
seeds = [1]
schemes = ["maxmin", "reinforce", { name = "guest", agent = "reinforce", run = { train_engine = "guest" } }]
topology.name = "dumbbell"
[run]
engine = "sim"
[[scenarios]]
name = "a"
[[scenarios]]
name = "b"
[[transfers]]
schemes = ["reinforce"]
train = ["a"]
score = ["b"]
"""


class FakePool:
    """Ends each job when it is waited for, as `ends` says; the others with code 0."""

    slots = 2

    def __init__(self, ends: dict[str, list[Event]] | None = None, refused: str = "") -> None:
        self.ends, self.refused = ends or {}, refused
        self.started: list[str] = []
        self.running: list[str] = []
        self.most = 0

    def start(self, job: Job) -> None:
        if job.name == self.refused:
            raise OSError(11, "Resource temporarily unavailable")
        self.started.append(job.name)
        self.running.append(job.name)
        self.most = max(self.most, len(self.running))

    def wait(self, timeout_s: float) -> list[Event]:
        name = self.running.pop(0)
        ends = self.ends.get(name)
        return [Event(name, "train reinforce", 5, 10, 0.25), Event(name, note="a word"), ends.pop(0) if ends else Event(name, code=0)]

    def close(self) -> None:
        raise AssertionError("who opened it closes it")


def run(tmp_path: Path, pool: FakePool, live: bool = False) -> tuple[dict[str, Note], list[str], str]:
    (tmp_path / "e.toml").write_text(TEXT)
    experiment = read_experiment(tmp_path / "e.toml")
    jobs = make_jobs(experiment)
    folder = ExperimentFolder(tmp_path / "out")
    try:
        plan = folder.plan(experiment, jobs)
        text = io.StringIO()
        console = Console(file=text, width=200)
        counter = Counter(jobs, plan.notes, pool.slots, iter(range(10_000)).__next__)
        watcher = LiveWatcher(console, "title", counter) if live else PlainWatcher(console, "title", counter, lambda: 0.0)
        Schedule(jobs, plan.notes, folder, watcher, iter(range(10_000)).__next__).run(pool)
        watcher.close()
        return plan.notes, [f"{job.name}: {job.state}" for job in read_jobs(tmp_path / "out")], text.getvalue()
    finally:
        folder.close()


def test_what_others_need_and_what_takes_long_comes_first(tmp_path: Path) -> None:
    pool = FakePool()
    notes, _, text = run(tmp_path, pool)
    assert pool.started == [
        "a.reinforce.seed1", "a.guest.seed1", "b.guest.seed1", "b.reinforce.seed1", "a.maxmin.seed1", "b.maxmin.seed1",
        "a.to.b.reinforce.seed1",
    ]  # fmt: skip
    assert pool.most == 2 and {note.state for note in notes.values()} == {"done"} and exit_code(notes) == 0
    assert "a.maxmin.seed1 is done in" in text and "7 of 7 jobs done, 0 running" in text and "a.maxmin.seed1: a word" in text


def test_what_fails_stops_only_what_needs_it(tmp_path: Path) -> None:
    pool = FakePool({"a.reinforce.seed1": [Event("a.reinforce.seed1", code=2, reason="no guest here")]}, "b.maxmin.seed1")
    notes, _, text = run(tmp_path, pool)
    assert notes["a.reinforce.seed1"].reason == "no guest here"
    away = notes["a.to.b.reinforce.seed1"]
    assert (away.state, away.reason) == ("failed", "a.reinforce.seed1, whose agent it scores, failed")
    assert notes["b.maxmin.seed1"].reason == "cannot be started: Resource temporarily unavailable"
    assert sum(note.state == "done" for note in notes.values()) == 4
    assert exit_code(notes) == 1  # a machine that cannot start a process is no bad input
    assert "a.reinforce.seed1 failed: no guest here" in text and "3 failed" in text


def test_the_exit_code_of_what_the_machine_lacks(tmp_path: Path) -> None:
    notes, _, _ = run(tmp_path, FakePool({"a.reinforce.seed1": [Event("a.reinforce.seed1", code=2, reason="no guest here")]}))
    assert exit_code(notes) == 2


@pytest.mark.parametrize("losses", [1, MAX_LOSSES, MAX_LOSSES + 1])
def test_a_lost_job_is_run_again_a_few_times(tmp_path: Path, losses: int) -> None:
    name = "a.maxmin.seed1"
    pool = FakePool({name: [Event(name, code=1, reason="its node died", lost=True) for _ in range(losses)]})
    notes, _, text = run(tmp_path, pool)
    assert pool.started.count(name) == min(losses, MAX_LOSSES) + 1
    assert notes[name].state == ("done" if losses <= MAX_LOSSES else "failed")
    assert text.count(f"{name} was lost with its worker and is run again: its node died") == min(losses, MAX_LOSSES)


def test_a_folder_that_is_full_stops_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, writes = ExperimentFolder.write, []

    def write(self: ExperimentFolder, jobs: list[Job], notes: dict[str, Note]) -> None:
        writes.append(1)
        if len(writes) > 3:
            raise OSError(28, "No space left on device")
        real(self, jobs, notes)

    monkeypatch.setattr(ExperimentFolder, "write", write)
    notes, _, text = run(tmp_path, FakePool())
    assert {note.state for note in notes.values()} == {"done"}
    assert text.count("cannot be written: No space left on device") == 1


def test_the_live_picture_has_each_running_job_with_its_phase(tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(TEXT)
    jobs = make_jobs(read_experiment(tmp_path / "e.toml"))
    notes = {job.name: Note() for job in jobs}
    console = Console(file=io.StringIO(), width=150, force_terminal=True)
    counter = Counter(jobs, notes, 2, iter([0.0, 10.0, *[70.0] * 20]).__next__)
    watcher = LiveWatcher(console, "experiment e", counter)
    try:
        notes[jobs[0].name].state, notes[jobs[0].name].wall_s = "done", 30.0
        watcher.started(jobs[1])
        watcher.progress(Event(jobs[1].name, "train reinforce", 500, 1000, 0.5))
        plain = Console(file=io.StringIO(), width=150)
        plain.print(watcher.render())
        text = plain.file.getvalue()  # type: ignore[attr-defined]
    finally:
        watcher.close()
    assert "1 of 7 jobs done, 1 running" in text and "left" in text
    assert f"{jobs[1].name}" in text and "train reinforce, 500 of 1,000 steps, reward 0.500" in text
