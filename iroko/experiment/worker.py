"""The process of one job: a run as the main job does it, told what to do on standard input, telling its progress on standard output.

The first line of the input is one JSON object: `folder` (that of the experiment), `path` (the run folder, from there on) and `config`
(its tables, whose model is named from there on too). The output is JSON, one object a line: `{"phase", "steps", "total", "reward"}` now
and then, `{"note"}`, and as the last line `{"end": exit code, "reason"}`. When the input ends, whoever started the job is gone, and the
job stops.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

from iroko.agent import Progress
from iroko.errors import IrokoError
from iroko.run.job import prepare, work
from iroko.rundir.config import RunConfig, Table, make_config
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import COMPLETE, INCOMPLETE
from iroko.rundir.reader import CONFIG
from iroko.system.cache import keep_torch_cache
from iroko.system.command import Stopped, signals_raise

TELL_EVERY_S = 0.5
THREAD_VARIABLES = ("IROKO_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Each job keeps to one thread, alone or beside others: the sums of several threads can round otherwise."""


class PipeDisplay:
    """A run's display that writes lines for the program that started the job."""

    def __init__(self, out: TextIO, episode_steps: int) -> None:
        self._out, self._episode_steps = out, episode_steps
        self._phase, self._next_s = "", 0.0

    def say(self, **message: object) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()

    def phase(self, name: str) -> None:
        self._phase, self._next_s = name, time.monotonic() + TELL_EVERY_S
        self.say(phase=name, steps=0, total=0, reward=None)

    def progress(self, progress: Progress) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + TELL_EVERY_S
            reward = None if progress.episode_reward is None else progress.episode_reward / self._episode_steps
            self.say(phase=self._phase, steps=progress.num_steps, total=progress.total_steps, reward=reward)

    def note(self, text: str) -> None:
        self.say(note=text)

    def close(self, done: bool = True) -> None:
        return


def run_job(config: RunConfig, folder: Path, place: str, display: PipeDisplay) -> None:
    """Do what is left of a run.

    Args:
        folder: of the experiment; the run folder `place` and the config's model lie below it.

    Raises:
        IrokoError, OSError, Stopped: what a run raises; the folder says then how far it came.
    """
    path = folder / place
    resume = (path / CONFIG).is_file()
    prepared = prepare(config, display.note, folder)
    run = RunFolder(path, prepared.config, resume)
    try:
        if run.manifest.status != COMPLETE:
            work(prepared, run, display, draw=False)
    except BaseException as error:
        _mark(run, str(error) if isinstance(error, Stopped) else describe(error, folder))
        raise
    finally:
        run.close()


def _mark(folder: RunFolder, reason: str) -> None:
    try:
        folder.mark(INCOMPLETE, reason)
    except OSError:
        return  # such as a full disk, which is told already; the manifest on the disk says incomplete as it is


def describe(error: BaseException, folder: Path) -> str:
    """An error in one line, with paths from the experiment's folder on."""
    return " ".join(str(error).replace(f"{folder}{os.sep}", "").split()) or type(error).__name__


def _stop_with_parent() -> None:
    while sys.stdin.readline():
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def serve(request: Table, out: TextIO) -> int:
    """Do the job that was asked for and tell its end; returns the exit code."""
    code, reason, folder = 0, "", Path(request["folder"])
    try:
        with signals_raise():
            keep_torch_cache()
            config = make_config(request["config"])
            run_job(config, folder, request["path"], PipeDisplay(out, config.scenario.num_steps))
    except Stopped as stopped:
        code, reason = 128 + stopped.number, f"stopped by {signal.Signals(stopped.number).name}"
    except IrokoError as error:
        code, reason = error.exit_code, describe(error, folder)
    except OSError as error:
        code, reason = 1, describe(error, folder)
    except MemoryError:
        code, reason = 1, "out of memory: start fewer jobs at a time with --jobs"
    out.write(json.dumps({"end": code, "reason": reason}) + "\n")
    out.flush()
    return code


def main() -> int:
    # Whatever prints, such as a library, goes to the log and not among the messages.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        request = json.loads(sys.stdin.readline())
        threading.Thread(target=_stop_with_parent, daemon=True).start()
        return serve(request, out)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # A thread still reads the input; the interpreter's end would wait for its lock.
    os._exit(code)
