"""What an experiment shows while it works: one live display for all jobs on a terminal, plain lines elsewhere; on standard error."""

import time
from collections.abc import Callable

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from iroko.analysis.experiment import DONE, FAILED, WAITING
from iroko.experiment.folder import Note
from iroko.experiment.jobs import Job
from iroko.experiment.pool import Event
from iroko.run.display import LivePicture, PlainLines, format_duration

PLAIN_EVERY_S = 30.0


class Counter:
    """How many jobs are where, and how long the rest will take.

    The time of a job is that of others of its scheme and scenario, or else the mean of all that ended; nothing is said before one has.
    """

    def __init__(self, jobs: list[Job], notes: dict[str, Note], slots: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs, self.notes, self._slots, self._clock = jobs, notes, slots, clock
        self.running: dict[str, float] = {}
        self.latest: dict[str, Event] = {}
        self._start_s = clock()

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start_s

    def since_s(self, name: str) -> float:
        """How long a running job has been running."""
        return self._clock() - self.running[name]

    def begin(self, name: str) -> None:
        self.running[name] = self._clock()

    def end(self, name: str) -> None:
        self.running.pop(name, None)
        self.latest.pop(name, None)

    def count(self, state: str) -> int:
        return sum(note.state == state for note in self.notes.values())

    def expected_s(self, job: Job) -> float | None:
        """The time that a job is expected to take in all."""
        done = [(other, self.notes[other.name].wall_s) for other in self.jobs if self.notes[other.name].state == DONE]
        done = [(other, wall_s) for other, wall_s in done if wall_s > 0]
        alike = [wall_s for other, wall_s in done if (other.scenario, other.scheme, other.needs != "") ==
                 (job.scenario, job.scheme, job.needs != "")]  # fmt: skip
        near = alike or [wall_s for other, wall_s in done if other.learns == job.learns] or [wall_s for _, wall_s in done]
        return sum(near) / len(near) if near else None

    @property
    def left_s(self) -> float | None:
        """The time until all are done; None: too little is known."""
        left_s = 0.0
        for job in self.jobs:
            if self.notes[job.name].state != WAITING and job.name not in self.running:
                continue
            expected_s = self.expected_s(job)
            if expected_s is None:
                return None
            left_s += max(0.0, expected_s - (self.since_s(job.name) if job.name in self.running else 0.0))
        return left_s / self._slots

    def words(self) -> str:
        """The state of all jobs in a line."""
        facts = [f"{self.count(DONE)} of {len(self.jobs)} jobs done", f"{len(self.running)} running"]
        if bad := self.count(FAILED):
            facts.append(f"{bad} failed")
        facts.append(format_duration(self.elapsed_s))
        if (left_s := self.left_s) is not None and (self.running or self.count(WAITING)):
            facts.append(f"about {format_duration(left_s)} left")
        return ", ".join(facts)


class PlainWatcher(PlainLines):
    """A line when a job begins and ends, and a line on all of them now and then."""

    def __init__(self, console: Console, title: str, counter: Counter, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, title, PLAIN_EVERY_S, clock)
        self._counter = counter

    def started(self, job: Job) -> None:
        self._counter.begin(job.name)
        self.note(f"{job.name} begins")

    def progress(self, event: Event) -> None:
        self._counter.latest[event.job] = event

    def ended(self, job: Job, note: Note) -> None:
        self._counter.end(job.name)
        self.note(end_line(job, note))

    def refresh(self) -> None:
        if self.is_due():
            running = "; ".join(f"{name}: {pace(self._counter.latest[name])}" for name in self._counter.running if
                                name in self._counter.latest)  # fmt: skip
            self.note(f"{self._counter.words()}{f' ({running})' if running else ''}")

    def close(self) -> None:
        self.note(self._counter.words())


class LiveWatcher(LivePicture):
    """All jobs in one picture: how many are done, and each running one with its phase and bar."""

    def __init__(self, console: Console, title: str, counter: Counter) -> None:
        self._title, self._counter = title, counter
        super().__init__(console, self.render)

    def started(self, job: Job) -> None:
        self._counter.begin(job.name)

    def progress(self, event: Event) -> None:
        self._counter.latest[event.job] = event

    def ended(self, job: Job, note: Note) -> None:
        self._counter.end(job.name)
        if note.state == FAILED:
            self.note(end_line(job, note))

    def refresh(self) -> None:
        return  # the picture is redrawn by itself

    def close(self) -> None:
        self.stop()

    def render(self) -> Group:
        """The display as it is now."""
        rows = Table.grid(padding=(0, 2))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True, width=24)
        rows.add_column(no_wrap=True, overflow="ellipsis")
        for name in list(self._counter.running):
            event = self._counter.latest.get(name)
            bar = ProgressBar(event.total, event.steps, width=24) if event is not None and event.total else Text("")
            words = pace(event) if event is not None else "starting"
            rows.add_row(Text(f"▶ {name}", style="bold"), bar, Text(f"{words}, {format_duration(self._counter.since_s(name))}"))
        ended = self._counter.count(DONE) + self._counter.count(FAILED)
        whole = ProgressBar(len(self._counter.jobs), ended, width=60)
        return Group(Text(self._title, style="bold"), whole, Text(self._counter.words()), rows)


def pace(event: Event) -> str:
    """Where a job is, in words."""
    facts = [event.phase]
    if event.total:
        facts.append(f"{event.steps:,} of {event.total:,} steps")
    if event.reward is not None:
        facts.append(f"reward {event.reward:.3f}")
    return ", ".join(facts)


def end_line(job: Job, note: Note) -> str:
    """How a job ended, in a line."""
    return f"{job.name} failed: {note.reason}" if note.state == FAILED else f"{job.name} is done in {format_duration(note.wall_s)}"
