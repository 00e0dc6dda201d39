"""The phases in the life of an environment, and the error of a call that comes in the wrong one."""

from iroko.errors import ClosedError

NEW, READY, STEPPING, OVER, CLOSED = "new", "ready", "stepping", "over", "closed"
HANDED_OVER = "handed over"
"""The phase of an environment that a vector environment steps."""

_REASONS = {
    NEW: "before reset: call reset first",
    READY: "before begin_step: call begin_step first",
    STEPPING: "in the middle of a step: call finish_step first",
    OVER: "after the end of the episode: call reset first",
    CLOSED: "after close: make a new environment",
    HANDED_OVER: "of one environment of a vector environment: step the vector environment",
}


def expect_phase(phase: str, call: str, *allowed: str) -> None:
    """Refuse a call in a phase that does not allow it.

    Raises:
        ClosedError: the phase is none of `allowed`; the message names the remedy.
    """
    if phase not in allowed:
        raise ClosedError(f"{call} {_REASONS[phase]}")
