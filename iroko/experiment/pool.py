"""Where jobs run: what a pool of workers offers, and the local one, of processes."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import PurePath
from typing import IO, Protocol

from iroko.experiment.folder import ExperimentFolder
from iroko.experiment.jobs import JOBS_FOLDER, Job
from iroko.experiment.worker import THREAD_VARIABLES
from iroko.registry import printable
from iroko.rundir.config import Table
from iroko.system.children import NEUTRAL_FOLDER, child_environment, python_command
from iroko.system.ownership import start_process
from iroko.system.processes import count_processors
from iroko.system.safe_folder import SafeFolder

STOP_S = 20.0
"""How long a job that was asked to stop may take for it."""
LOG_END_BYTES = 16_384
JOB_BYTES = 1_200_000_000
"""Memory to have for each job: Python with torch, a guest, and the frames of the scores."""


@dataclass(frozen=True)
class Event:
    """Something that a job did.

    Attributes:
        job: its name.
        phase, steps, total, reward: how far it is; see `iroko.experiment.worker`.
        note: something to tell the user.
        code: its exit code, when it has ended.
        reason: why it failed.
        lost: it ended with the machine or process that it ran on, by no fault of its own.
    """

    job: str
    phase: str = ""
    steps: int = 0
    total: int = 0
    reward: float | None = None
    note: str = ""
    code: int | None = None
    reason: str = ""
    lost: bool = False


class Pool(Protocol):
    """Workers that do jobs."""

    @property
    def slots(self) -> int:
        """How many jobs it does at a time."""
        ...

    def start(self, job: Job) -> None:
        """Begin a job; its run folder is in the experiment's folder when it ends, finished or not."""
        ...

    def wait(self, timeout_s: float) -> list[Event]:
        """What happened, at the latest after this time."""
        ...

    def close(self) -> None:
        """Stop every job that still runs, and wait until it has; safe twice."""
        ...


def default_slots() -> int:
    """As many jobs as there are processors, and memory for them."""
    return max(1, min(count_processors(), _free_bytes() // JOB_BYTES))


def _free_bytes() -> int:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return sys.maxsize


def worker_environment() -> dict[str, str]:
    """A job's environment: one thread, and the modules that this process sees."""
    return child_environment(dict.fromkeys(THREAD_VARIABLES, "1"))


def request_of(job: Job) -> Table:
    """What a worker is told to do; `JobProcess` adds where."""
    return {"path": f"{JOBS_FOLDER}/{job.name}", "config": job.config.to_table()}


class JobProcess:
    """One job as a process.

    Args:
        folder: holds `jobs/`; open as long as the process runs.
        log: place in that folder of the file that takes its standard error.
    """

    def __init__(self, job: str, request: Table, folder: SafeFolder, log: str, environment: dict[str, str]) -> None:
        self.job, self._folder, self._log = job, folder, PurePath(log)
        self._rest = b""
        self._end: tuple[int, str] | None = None
        with open(folder.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as stderr:
            # In a session of its own, so that Ctrl-C reaches the experiment alone, which then stops its jobs.
            self._running, self._process = start_process(lambda: subprocess.Popen(
                python_command("iroko.experiment.worker"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
                cwd=NEUTRAL_FOLDER, env=environment, start_new_session=True,
            ))  # fmt: skip
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request | {"folder": str(folder.path.resolve())}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return  # it is gone already; its exit code says why

    @property
    def stdout(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def read(self) -> list[Event]:
        """What the process said since the last call; blocks when it said nothing. The last event has the exit code."""
        data = os.read(self.stdout.fileno(), 65536)
        if not data:
            return [self._finish()]
        *lines, self._rest = (self._rest + data).split(b"\n")
        events = []
        for line in lines:
            message = json.loads(line)
            if "end" in message:
                self._end = (int(message["end"]), str(message["reason"]))
            else:
                events.append(Event(self.job, **message))
        return events

    def _finish(self) -> Event:
        code = self._process.wait()
        self._running.release()
        self._close_pipes()
        said = last_line(self._folder, self._log)
        if not said:
            with self._folder.folder(self._log.parent) as logs:
                logs.remove(self._log.name)
        if self._end is not None:
            return Event(self.job, code=self._end[0], reason=self._end[1])
        if code < 0:
            name = signal.Signals(-code).name
            return Event(self.job, code=1, reason=f"killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}")
        return Event(self.job, code=code or 1, reason=f"ended with code {code}: {said or 'it said nothing'}")

    def stop(self) -> None:
        """Ask it to stop."""
        if self._process.poll() is None:
            self._process.terminate()

    def wait_stopped(self, timeout_s: float) -> None:
        """Wait until it has stopped; end it when it does not."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._running.release()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


def last_line(folder: SafeFolder, log: PurePath) -> str:
    """The end of the last line of a log that says anything; empty: there is none."""
    try:
        with open(folder.open(log, os.O_RDONLY), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_END_BYTES))
            lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return printable(lines[-1].strip()[:500]) if lines else ""


class LocalPool:
    """Jobs as processes of this machine."""

    def __init__(self, folder: ExperimentFolder, slots: int) -> None:
        self.slots = slots
        self._folder = folder
        self._environment = worker_environment()
        self._selector = selectors.DefaultSelector()
        self._processes: dict[str, JobProcess] = {}

    def start(self, job: Job) -> None:
        process = JobProcess(job.name, request_of(job), self._folder.files, self._folder.log_place(job.name), self._environment)
        self._processes[job.name] = process
        self._selector.register(process.stdout, selectors.EVENT_READ, process)

    def wait(self, timeout_s: float) -> list[Event]:
        events: list[Event] = []
        for key, _ in self._selector.select(timeout_s):
            process = key.data
            stdout = process.stdout
            said = process.read()
            if said and said[-1].code is not None:
                self._selector.unregister(stdout)
                del self._processes[process.job]
            events += said
        return events

    def close(self) -> None:
        deadline = time.monotonic() + STOP_S
        for process in self._processes.values():
            process.stop()
        for process in self._processes.values():
            process.wait_stopped(max(0.1, deadline - time.monotonic()))
        self._processes.clear()
        self._selector.close()
