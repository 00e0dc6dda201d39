"""Processes by id and start time, so that an id that was given to another process is never taken for the first one."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import TypeVar

_END_S = 10.0  # how long a killed process may take to be gone
Result = TypeVar("Result")


def count_processors() -> int:
    """Processors that this process may use, where the system says so; else all of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_whole(action: Callable[[], Result]) -> Result:
    """Do something in a thread of its own and wait for its end in every case; a signal's exception comes after it."""
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(action())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="iroko-whole")
    try:
        thread.start()
        thread.join()
    except BaseException:
        while thread.is_alive():
            with contextlib.suppress(BaseException):  # a second Ctrl-C
                thread.join()
        raise
    if errors:
        raise errors[0]
    return results[0]


def surroundings() -> dict[str, str]:
    """What an id and a start time count in: this boot of the machine and this namespace of processes."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return {"boot": file.read().strip(), "namespace": os.readlink("/proc/self/ns/pid")}


def start_time(pid: int) -> int:
    """When a process started, in ticks of the machine's clock; 0 where the system does not say."""
    try:
        return int(_stat(pid)[19])
    except OSError:
        return 0


def is_running(pid: int, start: int) -> bool:
    """Whether that very process runs; one that has ended and was not waited for does not."""
    try:
        fields = _stat(pid)
        return int(fields[19]) == start and fields[0] not in "ZX"
    except OSError:
        return start == 0 and not os.path.isdir("/proc/self") and _answers(pid)


def kill_session(pid: int, start: int) -> bool:
    """Kill that very process and, if it leads a session, all in it; returns whether it is gone.

    Each is held by a descriptor before it is looked at again and killed, so that no other one of its id is ever hit.
    """
    handles = _open_session(pid)
    try:
        if is_running(pid, start):  # so the session is still its own, and the descriptors are of what belongs to it
            for handle in handles:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        for handle in handles:
            os.close(handle)
    deadline = time.monotonic() + _END_S
    while is_running(pid, start):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _open_session(leader: int) -> list[int]:
    handles: list[int] = []
    for pid in [leader, *(int(name) for name in os.listdir("/proc") if name.isdigit())]:
        if pid == os.getpid() or (pid == leader and handles):
            continue
        try:
            if pid != leader and os.getsid(pid) != leader:
                continue
            handle = os.pidfd_open(pid)
            handles.append(handle)
            if pid != leader and os.getsid(pid) != leader:
                os.close(handles.pop())
        except ProcessLookupError:
            continue
    return handles


def _stat(pid: int) -> list[str]:
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rpartition(")")[2].split()


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
