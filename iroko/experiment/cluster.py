"""Jobs on a Ray cluster, whose machines need not share files: run folders travel as archives, there and back.

Every machine of the cluster needs Iroko, and its guest kernel where jobs use it; a job takes one processor of the cluster.

A cluster is fully trusted: Ray sends Python objects, pickled, both ways, so a node can run code in the program that started the
experiment, and that program on every node. The checks of archives guard against broken files, not against a node.
"""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

from iroko.errors import InputError
from iroko.experiment.archive import pack, unpack
from iroko.experiment.folder import ExperimentFolder
from iroko.experiment.jobs import JOBS_FOLDER, Job
from iroko.experiment.pool import STOP_S, Event, JobProcess, request_of, worker_environment
from iroko.extras import missing
from iroko.rundir.config import Table
from iroko.rundir.manifest import Manifest
from iroko.rundir.reader import MANIFEST, read_manifest
from iroko.system.ownership import make_folder, reclaim
from iroko.system.safe_folder import SafeFolder

PREFIX = "iroko-job-"
"""Of the temporary folders of jobs."""
CONNECT_S = 60.0
"""How long the cluster may take to let this process in; Ray itself tries for minutes where a token is missing."""
FETCH_S = 600.0
"""How long what a job said, or its run folder, may take to arrive."""
AUTH_MODE = "RAY_AUTH_MODE"
"""Environment variable: `token` for a cluster that asks for one, which Ray reads from `RAY_AUTH_TOKEN`, from the file that
`RAY_AUTH_TOKEN_PATH` names, or from `~/.ray/auth_token`."""


def run_remote(name: str, request: Table, folders: dict[str, bytes]) -> Iterator[Event | bytes]:
    """Do a job in a temporary folder of the machine that this runs on.

    Args:
        folders: for paths from the experiment's folder on what is in them: the agent to score, and what a stopped run left.

    Yields:
        What the job tells; before its end the archive of its run folder, if it has one.
    """
    reclaim()
    claim = make_folder(PREFIX)
    place = claim.path
    process = files = None
    try:
        for path, data in folders.items():
            unpack(data, place / path)
        files = SafeFolder(place)
        process = JobProcess(name, request, files, "log.txt", worker_environment())
        while True:
            for event in process.read():
                if event.code is None:
                    yield event
                    continue
                run = place / JOBS_FOLDER / name
                if run.is_dir():
                    yield pack(run)
                yield event
                return
    finally:
        if process is not None:
            process.stop()
            process.wait_stopped(STOP_S)
        if files is not None:
            files.close()
        claim.undo()


def _check_reachable(address: str) -> None:
    """Ray itself tries an address for minutes before it gives up."""
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"--ray {address}: no Ray cluster there: {error}") from error


def _connect(ray: Any, address: str) -> None:
    """Join the cluster within `CONNECT_S`.

    Raises:
        InputError: there is no cluster, or it lets nobody in without the token that it was started with.
    """
    errors: list[Exception] = []

    def join() -> None:
        try:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=False)
        except Exception as error:  # of many kinds, by where in Ray it happens
            errors.append(error)

    thread = threading.Thread(target=join, name="iroko-ray", daemon=True)
    thread.start()
    thread.join(CONNECT_S)
    said = f"{type(errors[0]).__name__}: {' '.join(str(errors[0]).split())[:300]}" if errors else f"no answer within {CONNECT_S:g} s"
    if errors or thread.is_alive():
        mode = f"{AUTH_MODE}={os.environ[AUTH_MODE]}" if AUTH_MODE in os.environ else f"no {AUTH_MODE}"
        raise InputError(
            f"--ray {address}: no Ray cluster there that lets this process in: {said}; it was tried with {mode}: if the cluster was "
            f"started with a token, set {AUTH_MODE}=token and RAY_AUTH_TOKEN_PATH here as there"
        )


class RayPool:
    """Jobs as tasks of a Ray cluster.

    Args:
        address: of the cluster, such as `auto` or `192.0.2.1:6379`.
        slots: jobs at a time; None: as many as the cluster has processors.

    Raises:
        MissingExtraError: Ray is not installed.
        InputError: there is no cluster at this address.
    """

    def __init__(self, folder: ExperimentFolder, address: str, slots: int | None) -> None:
        try:
            import ray
        except ImportError as error:
            raise missing("ray", "--ray") from error
        self._ray: Any = ray
        self._folder = folder
        _check_reachable(address)
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            _connect(ray, address)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.slots = slots or max(1, int(ray.cluster_resources().get("CPU", 1)))
        self._task = ray.remote(num_cpus=1, max_retries=0, num_returns="streaming")(run_remote)
        self._running: dict[Any, Job] = {}
        self._own = Manifest(seed=0)
        self._own.describe_machine()

    def start(self, job: Job) -> None:
        folders = {}
        if job.needs:
            model = f"{JOBS_FOLDER}/{job.needs}/model"
            folders[model] = pack(self._folder.path / model)
        run = self._folder.job_path(job.name)
        if run.is_dir():
            folders[f"{JOBS_FOLDER}/{job.name}"] = pack(run)
        self._running[self._task.remote(job.name, request_of(job), folders)] = job

    def wait(self, timeout_s: float) -> list[Event]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout_s, fetch_local=False)
        events: list[Event] = []
        for generator in ready:
            events += self._take(generator, self._running[generator])
        return events

    def _take(self, generator: Any, job: Job) -> list[Event]:
        """What a task said next."""
        try:
            said = self._ray.get(next(generator), timeout=FETCH_S)
            if isinstance(said, Event):
                if said.code is not None:
                    del self._running[generator]
                return [said]
            unpack(said, self._folder.job_path(job.name))
            return self._compare(job)
        except StopIteration:
            reason, lost = "its task ended without a word", True
        except self._ray.exceptions.RayTaskError as error:
            reason, lost = f"its task failed: {' '.join(str(error).split())[-300:]}", False
        except self._ray.exceptions.RayError as error:
            reason, lost = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}", True
        except (InputError, OSError) as error:
            reason, lost = f"its run folder cannot be stored: {error}", False
            self._ray.cancel(generator, force=False)
        del self._running[generator]
        return [Event(job.name, code=1, reason=reason, lost=lost)]

    def _compare(self, job: Job) -> list[Event]:
        """Tell of a machine that works with other versions, which may give other results."""
        path = self._folder.job_path(job.name)
        if not (path / MANIFEST).is_file():
            return []
        there = read_manifest(path)
        other = [f"{name} {version}" for name, version in there.packages.items() if self._own.packages.get(name) != version]
        other += [f"Python {there.python}"] if there.python != self._own.python else []
        return [Event(job.name, note=f"warning: ran with other versions than here: {', '.join(other)}")] if other else []

    def close(self) -> None:
        for generator in self._running:
            self._ray.cancel(generator, force=False)
        self._running.clear()
        self._ray.shutdown()
