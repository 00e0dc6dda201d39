"""How each of Iroko's programs begins and ends: a clean environment, signals that close everything, and one line for an error.

With IROKO_TRACEBACK in the environment all that Python knows of the error comes before the line: for who writes an agent.

Exit codes: 0 done; 1 an engine failed; 2 bad input, or this machine lacks something; 129 SIGHUP; 130 Ctrl-C; 141 whoever read the output
has gone, as in `... | head -1` (128 + SIGPIPE, as a shell reports of other programs); 143 SIGTERM.

A signal that is ignored when a program starts stays ignored, such as SIGHUP under `nohup`.
"""

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

import typer

from iroko.errors import EngineError, InputError, IrokoError, MissingExtraError, UnsupportedError
from iroko.extras import explain_import
from iroko.registry import printable, show
from iroko.system.cache import hand_over_cache, keep_torch_cache
from iroko.system.children import ignore_settings_here
from iroko.system.output import UNREAD_CODE, discard_output, is_broken_pipe, is_unread
from iroko.system.privileges import clean_environment

DOCTOR = "python -m iroko.doctor"
TRACEBACK = "IROKO_TRACEBACK"
_STOPPING = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else []))
_LIMITS = {
    errno.EMFILE: "raise the limit of open files with `ulimit -n`", errno.EFBIG: "raise the limit of a file's size with `ulimit -f`",
}  # fmt: skip
"""What to do where a limit of this process is the cause."""
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
def signals_raise(*, at_end_default: bool = False) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal raise `Stopped`, once: while everything is being closed, further ones are ignored.

    Signals that are ignored already stay so. Outside the main thread, where Python handles no signals, nothing changes.

    Args:
        at_end_default: afterwards the signals end the process at once, without a traceback; otherwise what was there before is restored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _STOPPING}
    # None is a handler that Python did not install and could not restore.
    before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}

    def stop(number: int, _: FrameType | None) -> NoReturn:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    for number in before:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if at_end_default else handler)


def run_command(app: typer.Typer, program: str, arguments: list[str] | None) -> int:
    """Run a program with these arguments, or those of the command line; returns the exit code."""
    clean_environment()
    with suppress(IrokoError, RuntimeError):  # without a cache folder, which is an error for what needs it
        keep_torch_cache()
    ignore_settings_here()
    try:
        with signals_raise(at_end_default=arguments is None):
            result = app(arguments, prog_name=program, standalone_mode=False)
            sys.stdout.flush()
            return result if isinstance(result, int) else 0
    except (BrokenPipeError, SystemExit) as error:
        if not is_broken_pipe(error):
            raise
        if not is_unread(sys.stdout) and not is_unread(sys.stderr):
            _complain(f"another process has closed its end of a pipe: {error.__context__ or error}", error)
            return 1
        discard_output()
        return UNREAD_CODE
    except Stopped as stopped:
        _complain(str(stopped), stopped)
        return 128 + stopped.number
    except IrokoError as error:
        if isinstance(error, (UnsupportedError, EngineError)) and not isinstance(error, MissingExtraError):
            error.__notes__ = [f"what works here says {DOCTOR}", *getattr(error, "__notes__", [])]
        _complain(str(error), error)
        return error.exit_code
    except ImportError as error:
        if (explained := explain_import(error, program)) is None:
            raise
        _complain(str(explained), error)
        return explained.exit_code
    except typer.TyperException as error:
        _complain(f"{getattr(error, 'format_message', error.__str__)()} See {program} --help", error)
        return InputError.exit_code
    except OSError as error:
        if error.errno in _LIMITS:
            error.add_note(_LIMITS[error.errno])
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
    notes = printable("".join(f"; {note}" for note in getattr(error, "__notes__", ())))
    line = printable(" ".join(message.split()))
    if len(line) > MOST_MESSAGE:  # a path can be that long
        line = f"{line[: MOST_MESSAGE // 2]} ... {line[-MOST_MESSAGE // 2 :]}"
    with suppress(OSError):  # the terminal is gone
        print(f"iroko: {line}{notes}", file=sys.stderr, flush=True)
