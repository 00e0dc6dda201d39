"""How each of Iroko's programs begins and ends: a clean environment, signals that close everything, and one line for an error.

With IROKO_TRACEBACK in the environment all that Python knows of the error comes before the line: for who writes an agent.

Exit codes: 0 done; 1 an engine failed; 2 bad input, or this machine lacks something; 130 Ctrl-C; 143 SIGTERM.
"""

import errno
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import typer

from iroko.cache import hand_over_cache
from iroko.errors import EngineError, InputError, IrokoError, UnsupportedError
from iroko.names import show
from iroko.privileges import clean_environment

DOCTOR = "python -m iroko.doctor"
TRACEBACK = "IROKO_TRACEBACK"
MOST_MESSAGE = 1200
"""Characters of an error on the terminal."""


class Stopped(BaseException):
    """A signal asked the program to stop; it passes through everything, so that everything closes what it opened."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}"


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal raise `Stopped`, once: while all is being closed, further ones are ignored."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, _: FrameType | None) -> NoReturn:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_command(app: typer.Typer, program: str, arguments: list[str] | None) -> int:
    """Run a program with these arguments, or those of the command line; returns the exit code."""
    clean_environment()
    try:
        with signals_raise():
            result = app(arguments, prog_name=program, standalone_mode=False)
            return result if isinstance(result, int) else 0
    except Stopped as stopped:
        _complain(str(stopped), stopped)
        return 128 + stopped.number
    except IrokoError as error:
        if isinstance(error, (UnsupportedError, EngineError)):
            error.__notes__ = [f"what works here says {DOCTOR}", *getattr(error, "__notes__", [])]
        _complain(str(error), error)
        return error.exit_code
    except typer.TyperException as error:
        _complain(f"{getattr(error, 'format_message', error.__str__)()} See {program} --help", error)
        return InputError.exit_code
    except OSError as error:
        _complain(str(error), error)
        return InputError.exit_code if error.errno in (errno.ENAMETOOLONG, errno.ELOOP) else 1
    except UnicodeEncodeError as error:  # of a path's bytes that are not UTF-8, which Python keeps as surrogates
        if not any("\udc80" <= sign <= "\udcff" for sign in error.object):
            raise
        _complain(f"{show(error.object)} is not UTF-8: rename it, or work in a folder with another name", error)
        return InputError.exit_code
    except MemoryError as error:
        _complain(f"out of memory{f': {error}' if str(error) else ''}; ask for fewer environments, a smaller fabric or fewer steps", error)
        return 1
    finally:
        with suppress(IrokoError, OSError):
            hand_over_cache()


def _complain(message: str, error: BaseException) -> None:
    if os.environ.get(TRACEBACK):
        traceback.print_exception(error)
    notes = "".join(f"; {note}" for note in getattr(error, "__notes__", ()))
    line = " ".join(message.split())
    if len(line) > MOST_MESSAGE:  # a path can be that long
        line = f"{line[: MOST_MESSAGE // 2]} ... {line[-MOST_MESSAGE // 2 :]}"
    print(f"iroko: {line}{notes}", file=sys.stderr)
