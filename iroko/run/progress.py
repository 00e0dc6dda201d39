"""What a run shows while it works: a live display on a terminal, plain lines now and then elsewhere; both on standard error."""

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from typing import Protocol

from rich.console import Console, Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from iroko.agent import Progress
from iroko.run.display import LivePicture, PlainLines, format_duration

PLAIN_EVERY_S = 10.0
SPEED_OVER_S = 15.0
"""The stretch of time that the shown speed is the mean of."""
SPARKS = "▁▂▃▄▅▆▇█"
SPARK_WIDTH = 30


class Display(Protocol):
    """Where a run says what it does. Phases follow one another; progress and notes belong to the last one."""

    def phase(self, name: str) -> None:
        """A new phase begins."""
        ...

    def progress(self, progress: Progress) -> None:
        """The phase has come this far; called after every step, so it must cost little."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know, such as a warning; it stays to be read."""
        ...

    def close(self, done: bool = True) -> None:
        """The last phase is done, or broken off; safe twice."""
        ...


def open_display(console: Console, title: str, phases: list[str], episode_steps: int, live: bool) -> Display:
    """A display for a run of these phases.

    Args:
        episode_steps: steps of an episode, by which the reward of one is divided.
        live: whether the console is a terminal that may be redrawn.
    """
    return LiveDisplay(console, title, phases, episode_steps) if live else PlainDisplay(console, title, episode_steps)


class Meter:
    """What can be said of one phase: how far, how fast, how long still, and how the reward goes.

    Attributes:
        rewards: per step, of the episodes that ended last, at most 1,000 of them evenly thinned.
    """

    def __init__(self, episode_steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._episode_steps = clock, episode_steps
        self._start_s = clock()
        self._marks: deque[tuple[float, int]] = deque()
        self.last: Progress | None = None
        self.rewards: list[float] = []
        self._shown: float | None = None

    def update(self, progress: Progress) -> None:
        now = self._clock()
        if not self._marks or now - self._marks[-1][0] >= SPEED_OVER_S / 50:
            self._marks.append((now, progress.num_steps))
            while now - self._marks[0][0] > SPEED_OVER_S and len(self._marks) > 2:
                self._marks.popleft()
        if progress.episode_reward is not None and progress.episode_reward != self._shown:
            self._shown = progress.episode_reward
            self.rewards.append(progress.episode_reward / self._episode_steps)
            if len(self.rewards) > 1000:
                self.rewards = self.rewards[::2]
        self.last = progress

    @property
    def elapsed_s(self) -> float:
        return self._clock() - self._start_s

    @property
    def speed(self) -> float | None:
        """Steps per second of late; None while there is too little to say."""
        if self.last is None or len(self._marks) < 2:
            return None
        (since, from_step), (until, to_step) = self._marks[0], self._marks[-1]
        return (to_step - from_step) / (until - since) if until > since and to_step > from_step else None

    @property
    def left_s(self) -> float | None:
        """Time that the phase will still take at its present speed."""
        speed = self.speed
        return None if speed is None or self.last is None else (self.last.total_steps - self.last.num_steps) / speed

    @property
    def reward(self) -> float | None:
        """Mean reward per step of the last few episodes."""
        recent = self.rewards[-5:]
        return sum(recent) / len(recent) if recent else None

    def pace(self) -> str:
        """How far, how fast and how long still, in words, as far as it is known."""
        if self.last is None:
            return ""
        facts = [f"{self.last.num_steps:,} of {self.last.total_steps:,} steps"]
        if (speed := self.speed) is not None:
            facts.append(f"{speed:,.0f} steps/s" if speed >= 10 else f"{speed:.1f} steps/s")
        if (left_s := self.left_s) is not None:
            facts.append(f"{format_duration(left_s)} left")
        return ", ".join(facts)

    def time_ratio(self) -> str:
        """How virtual time runs against real time, in words."""
        if self.last is None or self.last.real_s <= 0 or self.last.virtual_s <= 0:
            return ""
        return f"virtual time {self.last.virtual_s / self.last.real_s:.1f}x real time"

    def reward_in_words(self) -> str:
        return "" if self.reward is None else f"reward {self.reward:.3f} per step"


def sparkline(values: list[float], width: int = SPARK_WIDTH) -> str:
    """Values as a row of bars between their least and their greatest, the mean of each stretch when there are more than `width`."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [index * len(values) // count for index in range(count + 1)]
    means = [sum(values[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    scale = (len(SPARKS) - 1) / (high - low) if high > low else 0.0
    return "".join(SPARKS[round((value - low) * scale)] for value in means)


class PlainDisplay(PlainLines):
    """A line when a phase begins, a line every few seconds, and a line when it is over."""

    def __init__(self, console: Console, title: str, episode_steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, title, PLAIN_EVERY_S, clock)
        self._episode_steps = episode_steps
        self._name = ""
        self._meter: Meter | None = None

    def phase(self, name: str) -> None:
        self.close()
        self._name, self._meter = name, Meter(self._episode_steps, self._clock)
        self.restart()
        self.note(name)

    def progress(self, progress: Progress) -> None:
        assert self._meter is not None
        self._meter.update(progress)
        if self.is_due():
            facts = (self._meter.pace(), self._meter.reward_in_words(), self._meter.time_ratio())
            self.note(f"{self._name}: {', '.join(fact for fact in facts if fact)}")

    def close(self, done: bool = True) -> None:
        if self._meter is not None and done:
            facts = f": {self._meter.last.num_steps:,} steps" if self._meter.last else ""
            self.note(f"{self._name} took {format_duration(self._meter.elapsed_s)}{facts}")
        self._meter = None


class LiveDisplay(LivePicture):
    """All phases one below the other: those that are over, the one under way with its measures, and those to come."""

    def __init__(self, console: Console, title: str, phases: list[str], episode_steps: int) -> None:
        self._title, self._phases, self._episode_steps = title, phases, episode_steps
        self._took_s: dict[str, float] = {}
        self._name = ""
        self._meter: Meter | None = None
        super().__init__(console, self.render)

    def phase(self, name: str) -> None:
        self._finish()
        self._name, self._meter = name, Meter(self._episode_steps)

    def progress(self, progress: Progress) -> None:
        assert self._meter is not None
        self._meter.update(progress)

    def close(self, done: bool = True) -> None:
        if done:
            self._finish()
        self.stop()

    def _finish(self) -> None:
        if self._meter is not None:
            self._took_s[self._name] = self._meter.elapsed_s
            self._meter = None

    def render(self) -> Group:
        """The display as it is now."""
        rows = Table.grid(padding=(0, 2))
        rows.add_column(no_wrap=True)
        rows.add_column(no_wrap=True, overflow="ellipsis")
        for name in dict.fromkeys([*self._phases, *([self._name] if self._name else [])]):
            if name in self._took_s:
                rows.add_row(Text(f"✓ {name}", style="green"), Text(format_duration(self._took_s[name]), style="dim"))
            elif name == self._name and self._meter is not None:
                rows.add_row(Text(f"▶ {name}", style="bold"), Text(format_duration(self._meter.elapsed_s)))
                for line in self._measures(self._meter):
                    rows.add_row("", line)
            else:
                rows.add_row(Text(f"  {name}", style="dim"), "")
        return Group(Text(self._title, style="bold"), rows)

    @staticmethod
    def _measures(meter: Meter) -> list[ProgressBar | Text]:
        if meter.last is None:
            return []
        lines: list[ProgressBar | Text] = [ProgressBar(meter.last.total_steps, meter.last.num_steps, width=50), Text(meter.pace())]
        if ratio := meter.time_ratio():
            lines.append(Text(ratio))
        if reward := meter.reward_in_words():
            lines.append(Text(f"{reward}  ") + Text(sparkline(meter.rewards), style="cyan"))
        return lines
