"""What a careless user writes: values of every wrong kind, and what an answer to them has to be."""

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from hypothesis import strategies as st

from iroko.errors import InputError, IrokoError, UnsupportedError
from iroko.registry import MOST_SHOWN

MOST_MESSAGE = 4 * MOST_SHOWN + 600
"""Characters of a message: some values, and the names that are known in their place."""
MOST_S = 20
"""What no answer may take, also on a loaded machine."""

QUANTITIES = st.sampled_from([
    "0", "-1", "1e-12", "1e15", "1e400", "-0", "nan", "inf", "-inf", "10X", "10 M", "1e", "0x10", "1_0", "", " ", "none", "10Mbit", "1GB",
    "100ms", "1us", "20us", "64k", "1.5", "\u0661", "10\n20", "\x00", "\ud800", "🦆", "9" * 400,
])  # fmt: skip
NUMBERS = st.one_of(
    st.integers(-3, 12), st.integers(), st.floats(), st.sampled_from([10**9, 10**12, 2**63, -(2**63), 10**400, 1e-12, 1e15, 1e308]),
    st.sampled_from([0.0, -0.0, float("nan"), float("inf"), -float("inf"), 5e-324, 1e-9, 0.5, 1.0, 1.0000001]),
)  # fmt: skip
OTHERS = st.one_of(
    st.none(), st.booleans(), st.text(max_size=8), st.binary(max_size=4),
    st.lists(st.one_of(st.integers(), st.text(max_size=3)), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2), st.just([[[[["deep"]]]]]), st.just(object()),
)  # fmt: skip
GARBAGE = st.one_of(QUANTITIES, NUMBERS, OTHERS)
_NESTED: list[Any] = []
for _ in range(100_000):
    _NESTED = [_NESTED]
HUGE: dict[str, Any] = {
    "digits": "1" * 200_000 + "!", "text": "x" * 1_000_000, "spaces": " " * 100_000 + "x", "integer": 1 << 20_000,
    "bytes": b"\xff" * 100_000, "list": [0] * 1_000_000, "nested": _NESTED,
}  # fmt: skip
"""Values that take long to look at."""


@contextlib.contextmanager
def soon(what: object) -> Iterator[None]:
    """Fail where something hangs."""

    def fail(number: int, _: FrameType | None) -> NoReturn:
        raise AssertionError(f"no answer after {MOST_S} s: {str(what)[:300]}")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(MOST_S)
    started_s = time.monotonic()
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - started_s < MOST_S, f"{time.monotonic() - started_s:.0f} s: {str(what)[:300]}"


def check_error(error: IrokoError, *names: str) -> None:
    """An error that a user can do something with: one line, not endless, the exit code of bad input, and one of these names in it."""
    message = str(error)
    assert isinstance(error, (InputError, UnsupportedError)) and error.exit_code == 2, repr(error)
    assert message and len(message.splitlines()) == 1, repr(message)
    assert len(message) <= MOST_MESSAGE, f"{len(message)} characters: {message[:200]}"
    assert not names or any(name in message for name in names), f"{message!r} names none of {names}"


def check_lines(err: str, code: int, *names: str) -> None:
    """What a program printed where it was given bad input: one line, and its exit code."""
    assert code == 2, f"exit code {code}: {err[-600:]}"
    lines = [line for line in err.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("iroko: "), err[-600:]
    assert "Traceback" not in err and len(lines[0]) <= MOST_MESSAGE + 200
    assert not names or any(name in lines[0] for name in names), f"{lines[0]!r} names none of {names}"


def fields_of(table: dict[str, Any]) -> list[tuple[str, str]]:
    """Every (section, key) of a scenario's tables."""
    return [(section, key) for section, keys in table.items() for key in keys]
