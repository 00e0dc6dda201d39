"""How an engine in a process of its own ends: by `close`, or when the last reference to it goes without that."""

import os
import warnings
import weakref
from collections.abc import Callable

from iroko.errors import EngineError


class Lifetime:
    """Ends an engine's far end once, in the process that opened it.

    Args:
        engine: ended with a ResourceWarning when it is dropped; at the exit of the program `iroko.system.ownership` ends its processes.
        end: called at the end; must hold no reference to the engine.
    """

    def __init__(self, engine: object, end: Callable[[], None]) -> None:
        self._end, self._pid = end, os.getpid()
        self._finalizer = weakref.finalize(engine, _end_dropped, end, self._pid, type(engine).__name__)
        self._finalizer.atexit = False

    def finish(self) -> None:
        """End it; safe twice, and again after an exception; in a forked child, whose parent goes on with it, nothing happens."""
        if os.getpid() == self._pid and self._finalizer.alive:
            self._end()
            self._finalizer.detach()

    def check_process(self) -> None:
        """Raise EngineError in a forked child: two processes on one channel would take each other's answers."""
        if os.getpid() != self._pid:
            raise EngineError(
                f"the engine belongs to process {self._pid}, and this is its forked child {os.getpid()}: open an engine or make an "
                "environment in the child, for example with start_method='spawn'"
            )


def _end_dropped(end: Callable[[], None], pid: int, name: str) -> None:
    if os.getpid() != pid:
        return
    end()
    warnings.warn(f"a {name} was dropped without close(): its process was ended", ResourceWarning, stacklevel=2)
