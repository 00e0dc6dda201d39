"""How work in progress is shown: a picture that is redrawn on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text


def format_duration(time_s: float) -> str:
    """Write a duration as a clock shows it: `42 s`, `3:07 min`, `1:03:07 h`."""
    whole = round(time_s)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d} h"


class PlainLines:
    """Prints a line for each event; `is_due` times the lines on progress between them.

    Args:
        every_s: from one such line to the next.
    """

    def __init__(self, console: Console, title: str, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._every_s, self._clock = console, every_s, clock
        self._next_s = clock() + every_s
        self.note(title)

    def note(self, text: str) -> None:
        """Print a line, which stays to be read."""
        self._console.print(f"iroko: {text}", markup=False, highlight=False, soft_wrap=True)

    def restart(self) -> None:
        """Let the next line be due a whole period from now."""
        self._next_s = self._clock() + self._every_s

    def is_due(self) -> bool:
        """Whether the line is due; if it is, the next period begins."""
        if self._clock() < self._next_s:
            return False
        self.restart()
        return True


class LivePicture:
    """Redraws what `render` gives, four times a second."""

    def __init__(self, console: Console, render: Callable[[], RenderableType]) -> None:
        self._live = Live(console=console, refresh_per_second=4, get_renderable=render, transient=False)
        self._live.start()

    def note(self, text: str) -> None:
        """Print a line above the picture, which stays to be read."""
        self._live.console.print(Text(text, style="yellow"), soft_wrap=True)

    def stop(self) -> None:
        """Draw for the last time; safe twice."""
        self._live.stop()
