"""What this process makes outside itself, on record, so that it can be undone when the process dies before it could undo it.

Each process that owns something has a folder in the user's run-time folder, named by its id and start time, with a lock that it holds
while it lives and one small file for each thing: a process by its id, start time, namespace and boot; a file or folder by a name that
is drawn at random. The file is there before the thing is made (a process: at once after), and goes when the thing is gone. `reclaim`,
which the start of every engine calls, undoes what the records of dead processes name, and nothing else.

Network namespaces, interfaces, queues and network settings need no record: they have no name, live in a process that has one, and
the kernel ends them with it.
"""

import atexit
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from iroko.system.processes import is_running, kill_session, run_whole, start_time, surroundings
from iroko.system.runtime_folder import is_ours, places, runtime_folder

if sys.platform != "win32":  # where nothing of this can be made: see `runtime_folder`
    import fcntl

_LOCK = "lock"


class Claim:
    """One thing on record.

    Attributes:
        path: of the file or folder that it is about.
    """

    def __init__(self, record: Path, what: dict[str, Any]) -> None:
        self.path = Path(what.get("path", ""))
        self._record, self._what, self._pid = record, what, os.getpid()

    def undo(self) -> None:
        """End the process, or remove the file or folder, and take it off the record; safe twice, and of no effect in a forked child."""
        if self._pid == os.getpid() and _undo(self._what):
            self.release()

    def release(self) -> None:
        """Take it off the record: it is gone, or meant to stay; safe twice."""
        if self._pid == os.getpid():  # what a fork's parent owns stays the parent's
            _owner.forget(self._record)


def claim_path(parent: Path, prefix: str, suffix: str = "") -> Claim:
    """Put a file or folder that is to be made on record; its name between prefix and suffix is random, so that it is ours alone."""
    return _owner.claim({"kind": "path", "path": str(parent.absolute() / f"{prefix}{secrets.token_hex(8)}{suffix}")})


def make_folder(prefix: str, parent: Path | None = None) -> Claim:
    """Make a folder that nobody else may enter, by default in the temporary folder of the machine."""
    claim = claim_path(parent or Path(tempfile.gettempdir()), prefix)
    try:
        claim.path.mkdir(mode=0o700)
    except BaseException:
        claim.undo()
        raise
    return claim


@contextlib.contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A folder that is removed at the end, also when this process is killed before."""
    claim = make_folder(prefix, parent)
    try:
        yield claim.path
    finally:
        claim.undo()


def start_process(start: Callable[[], "subprocess.Popen[bytes]"]) -> tuple[Claim, "subprocess.Popen[bytes]"]:
    """Start a process and put it on record, as one act that Ctrl-C does not divide; when that comes meanwhile, the process is ended.

    The process should end by itself when this one is gone, since it is not on record in its first moment.
    """
    started: list[tuple[Claim, subprocess.Popen[bytes]]] = []

    def run() -> None:
        process = start()
        try:
            started.append((_owner.claim(_describe_process(process.pid)), process))
        except BaseException:
            process.kill()
            process.wait()
            raise

    try:
        run_whole(run)
    except BaseException:
        for claim, process in started:
            claim.undo()
            process.wait()
        raise
    return started[0]


def reclaim() -> list[str]:
    """Undo what is on record of this user's processes that have died; returns what that was, a line each.

    Safe beside other processes that do the same. What cannot be undone (a folder without permission) stays on record.
    """
    return _go_through(_undo)


def leftovers() -> list[str]:
    """What `reclaim` would undo, a line each."""
    return _go_through(lambda _: False)


class _Owner:
    """This process's records; the folder exists while there is one."""

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        self._records: set[Path] = set()
        self._folder: Path | None = None
        self._lock = -1
        self._count = 0
        self._claiming = False

    def claim(self, what: dict[str, Any]) -> Claim:
        with self._mutex:
            record = self._next_record()
            try:
                descriptor = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    os.write(descriptor, json.dumps(what).encode())  # in one piece: a record is whole, or empty and of nothing yet
                finally:
                    os.close(descriptor)
            except BaseException:
                self.forget(record)
                raise
            return Claim(record, what)

    def _next_record(self) -> Path:
        self._claiming = True  # a finalizer that comes in between may forget the last other record, and the folder has to stay
        try:
            if self._folder is None:
                self._open()
            assert self._folder is not None
            self._count += 1
            record = self._folder / f"{self._count}.json"
            self._records.add(record)
            return record
        finally:
            self._claiming = False

    def forget(self, record: Path) -> None:
        with self._mutex:
            if record not in self._records:
                return
            record.unlink(missing_ok=True)
            self._records.discard(record)
            if not self._records and not self._claiming:
                self._close()

    def undo_all(self) -> None:
        """At the end of the process: what an exception at a bad moment has left on record."""
        with self._mutex:
            for record in sorted(self._records, key=lambda path: int(path.stem), reverse=True):
                if _undo(_read(record)):
                    self.forget(record)
            if self._folder is not None and not self._records:
                self._close()  # an exception had come in its middle

    def leave_to_parent(self) -> None:
        """In the child of a fork: the records and the lock are the parent's."""
        if self._lock >= 0:
            os.close(self._lock)
        self.__init__()  # type: ignore[misc]

    def _open(self) -> None:
        folder = runtime_folder() / f"{os.getpid()}-{start_time(os.getpid())}"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._folder = folder

    def _close(self) -> None:
        assert self._folder is not None
        _remove_owner(self._folder)
        lock, self._folder, self._lock = self._lock, None, -1
        os.close(lock)


_owner = _Owner()
atexit.register(lambda: _owner.undo_all())
if sys.platform != "win32":
    os.register_at_fork(after_in_child=lambda: _owner.leave_to_parent())


def _go_through(deal: Callable[[dict[str, Any]], bool]) -> list[str]:
    """Call `deal` for each record of a dead process; where it says that the thing is gone, the record goes too."""
    said = []
    for place in filter(is_ours, places()):
        for folder in sorted(place.iterdir()):
            with contextlib.suppress(OSError):  # another process goes through them too, or the owner has just come
                said += _go_through_one(folder, deal)
    return said


def _go_through_one(folder: Path, deal: Callable[[dict[str, Any]], bool]) -> list[str]:
    pid, _, start = folder.name.partition("-")
    if not (pid.isdigit() and start.isdigit()) or is_running(int(pid), int(start)):
        return []
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    said = []
    try:
        # Who is dead here may live in another namespace of processes: then it holds its lock.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        records = {record: _read(record) for record in folder.glob("*.json")}
        # Processes first: they could still write into the folders.
        for record in sorted(records, key=lambda record: records[record].get("kind") != "process"):
            what = records[record]
            if what and _is_there(what):
                said.append(_in_words(what, pid))
                if not deal(what):
                    continue
            record.unlink()
        if not any(folder.glob("*.json")):
            _remove_owner(folder)
    finally:
        os.close(lock)
    return said


def _remove_owner(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not empty: somebody looks at it at this moment
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()


def _read(record: Path) -> dict[str, Any]:
    try:
        what = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # its owner was killed before it was written, and so before the thing was made
    return what if isinstance(what, dict) else {}


def _in_words(what: dict[str, Any], owner: str) -> str:
    if what["kind"] == "process":
        return f"process {what['pid']} and its group, started by process {owner}, which was killed"
    return f"{what['path']}, made by process {owner}, which was killed"


def _is_there(what: dict[str, Any]) -> bool:
    if what.get("kind") == "process":
        return _is_here(what) and is_running(int(what["pid"]), int(what["start"]))
    return what.get("kind") == "path" and os.path.lexists(what["path"])


def _undo(what: dict[str, Any]) -> bool:
    """Undo one thing; returns whether it is gone."""
    if what.get("kind") == "process" and _is_there(what):
        return kill_session(int(what["pid"]), int(what["start"]))
    if what.get("kind") == "path":
        _remove(Path(what["path"]))
    return not _is_there(what)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _describe_process(pid: int) -> dict[str, Any]:
    return {"kind": "process", "pid": pid, "start": start_time(pid), **surroundings()}


def _is_here(what: dict[str, Any]) -> bool:
    return all(what.get(key) == value for key, value in surroundings().items())
