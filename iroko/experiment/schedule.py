"""Doing the jobs: each once what it needs is done, as many at a time as the pool has slots; what fails stops nothing else."""

from collections.abc import Callable
from typing import Protocol

from iroko.analysis.experiment import DONE, FAILED, UNFINISHED, WAITING
from iroko.experiment.folder import ExperimentFolder, Note
from iroko.experiment.jobs import Job
from iroko.experiment.pool import Event, Pool

WAIT_S = 0.5
MAX_LOSSES = 2
"""How often a job that was lost with its worker is run again."""


class Watcher(Protocol):
    """Who is told how the jobs go."""

    def started(self, job: Job) -> None: ...

    def progress(self, event: Event) -> None: ...

    def ended(self, job: Job, note: Note) -> None: ...

    def note(self, text: str) -> None: ...

    def refresh(self) -> None: ...


class Schedule:
    """The jobs of an experiment and how far each is.

    Args:
        notes: by job; they are brought up to date, and written to the folder at every change.
    """

    def __init__(self, jobs: list[Job], notes: dict[str, Note], folder: ExperimentFolder, watcher: Watcher,
                 clock: Callable[[], float]) -> None:  # fmt: skip
        self._jobs, self._notes, self._folder, self._watcher, self._clock = jobs, notes, folder, watcher, clock
        self._by_name = {job.name: job for job in jobs}
        self._starts_s: dict[str, float] = {}
        self._losses: dict[str, int] = {}
        self._told_unwritten = False
        needed = {job.needs for job in jobs}
        # The longest first, so that no long one is left at the end; what others need before all.
        self._waiting = sorted((job for job in jobs if notes[job.name].state != DONE), key=lambda job: (
            job.name not in needed, not (job.learns and job.config.train_engine != "sim"), not job.learns,
        ))  # fmt: skip

    def run(self, pool: Pool) -> None:
        """Do what is left. Nothing that a job does ends this, only what is raised in this process."""
        for job in self._waiting:
            self._notes[job.name] = Note()
        while self._waiting or self._starts_s:
            self._start_ready(pool)
            if self._starts_s:
                for event in pool.wait(WAIT_S):
                    self._take(event)
            self._watcher.refresh()

    def _start_ready(self, pool: Pool) -> None:
        for job in list(self._waiting):
            needed = self._notes[job.needs] if job.needs else None
            if needed is not None and needed.state == FAILED:
                self._waiting.remove(job)
                self._end(job, FAILED, f"{job.needs}, whose agent it scores, failed", needed.code)
            elif len(self._starts_s) < pool.slots and (needed is None or needed.state == DONE):
                self._waiting.remove(job)
                self._starts_s[job.name] = self._clock()
                self._notes[job.name].state = UNFINISHED
                self._write()
                try:
                    pool.start(job)
                except OSError as error:
                    del self._starts_s[job.name]
                    self._end(job, FAILED, f"cannot be started: {error.strerror or error}", 1)
                else:
                    self._watcher.started(job)

    def _take(self, event: Event) -> None:
        job = self._by_name[event.job]
        if event.note:
            self._watcher.note(f"{job.name}: {event.note}")
        elif event.code is None:
            self._watcher.progress(event)
        else:
            self._notes[job.name].wall_s += round(self._clock() - self._starts_s.pop(job.name), 3)
            if event.lost and self._losses.get(job.name, 0) < MAX_LOSSES:
                self._losses[job.name] = self._losses.get(job.name, 0) + 1
                self._notes[job.name].state = WAITING
                self._waiting.insert(0, job)
                self._watcher.note(f"{job.name} was lost with its worker and is run again: {event.reason}")
            else:
                self._end(job, DONE if event.code == 0 else FAILED, event.reason, event.code)

    def _end(self, job: Job, state: str, reason: str, code: int) -> None:
        note = self._notes[job.name]
        note.state, note.reason, note.code = state, reason, code
        self._write()
        self._watcher.ended(job, note)

    def _write(self) -> None:
        try:
            self._folder.write(self._jobs, self._notes)
        except OSError as error:
            # Such as a full disk: the run folders themselves say what is done, so the other jobs go on.
            if not self._told_unwritten:
                self._told_unwritten = True
                self._watcher.note(f"warning: {self._folder.path} cannot be written: {error.strerror or error}")
