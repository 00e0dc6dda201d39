"""What a run could leave on the machine, and what belongs to others and has to stay."""

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines.test_contract import children

_SUBREAPER = 36


def settings() -> dict[str, str]:
    """Every network setting of the machine that can be read, less what the kernel itself counts."""
    found = {}
    for path in sorted(Path("/proc/sys/net").rglob("*")):
        try:
            if path.is_file():
                found[str(path)] = path.read_text()
        except OSError:
            continue
    return found


def adopt_orphans() -> None:
    """From here on processes whose parent dies become children of this process, and so are seen by `children`."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def reap() -> None:
    """Take leave of adopted processes that have ended; not of those that `subprocess` waits for."""
    known = {process.pid for process in getattr(subprocess, "_active", [])}
    for pid in children_with_zombies() - known:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def children_with_zombies() -> set[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return {int(word) for word in file.read().split()}


def named_namespaces() -> list[str]:
    """Namespaces that have a name, and would outlive their processes."""
    with open("/proc/self/mountinfo") as file:
        return sorted(line.split()[4] for line in file if " - nsfs " in line)


def memory_folders(runtime: Path) -> set[str]:
    """Guests' folders in shared memory, less those that are on record elsewhere: other runs' of this machine."""
    found = {str(path) for path in Path("/dev/shm").glob("iroko-guest-*")}
    others: set[str] = set()
    for place in (Path("/run/iroko"), Path(f"/run/user/{os.geteuid()}/iroko"), Path(f"/tmp/iroko-{os.geteuid()}")):
        if place != runtime and place.is_dir():
            for record in place.glob("*/*.json"):
                with contextlib.suppress(OSError, ValueError):
                    others.add(json.loads(record.read_text()).get("path", ""))
    return found - others


class Machine:
    """The machine as it is now, less what other programs do on it.

    Args:
        temporary: the temporary folder of the runs to come.
        runtime: where they keep their records.
    """

    def __init__(self, temporary: Path, runtime: Path) -> None:
        self.temporary, self.runtime = temporary, runtime
        self.interfaces = sorted(os.listdir("/sys/class/net"))
        self.settings = settings()
        self.namespaces = named_namespaces()
        self.processes = children()
        self.files = set(temporary.iterdir())

    def leftovers(self) -> list[str]:
        """What is there and was not."""
        reap()
        found = [f"process {pid}: {_command(pid)}" for pid in children() - self.processes]
        found += [f"file {path}" for path in set(self.temporary.iterdir()) - self.files if path.name.startswith("iroko")]
        found += [f"memory {path}" for path in memory_folders(self.runtime)]
        found += [f"record {path}" for path in self.runtime.glob("*/*")]
        found += [f"namespace {name}" for name in named_namespaces() if name not in self.namespaces]
        return found

    def check_unchanged(self, timeout_s: float = 20.0) -> None:
        """Nothing of a run is there, at the latest when the time is over, and nothing else has changed."""
        deadline = time.monotonic() + timeout_s
        while (found := self.leftovers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found == []
        assert sorted(os.listdir("/sys/class/net")) == self.interfaces
        assert settings() == self.settings


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return "?"


PLAIN_MININET = """
import sys
from mininet.net import Mininet
net = Mininet(controller=None, build=False)
h0, h1 = net.addHost("h0", ip="10.0.0.1/8"), net.addHost("h1", ip="10.0.0.2/8")
net.addLink(h0, h1)
net.build()
print("ready", flush=True)
for line in sys.stdin:
    print("0% packet loss" in h0.cmd("ping -c 1 -W 5 10.0.0.2").replace(" 0%", "0%"), flush=True)
net.stop()
"""


@contextmanager
def bystanders(temporary: Path) -> Iterator[None]:
    """A process, a folder and, as root, a namespace with names like ours; at the end all have to be as they were."""
    folder = temporary / f"iroko-guest-{'0123456789abcdef'}"
    folder.mkdir()
    (folder / "console").write_text("mine")
    unshare = ["unshare", "-n"] if os.geteuid() == 0 and shutil.which("unshare") else []
    process = subprocess.Popen([*unshare, "sleep", "1000"], cwd=folder)
    like_guest = subprocess.Popen(["iroko-guest", "1000"], executable=shutil.which("sleep"), start_new_session=True, cwd=folder)
    try:
        yield
        assert process.poll() is None and like_guest.poll() is None, "a process of somebody else was ended"
        assert (folder / "console").read_text() == "mine"
    finally:
        for each in (process, like_guest):
            each.kill()
            each.wait()
        shutil.rmtree(folder)


@contextmanager
def plain_mininet() -> Iterator[None]:
    """A network of Mininet's own classes, as `mn` makes it: two hosts and a link; at the end its packets still have to pass."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PLAIN_MININET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield
        process.stdin.write("ping\n")
        process.stdin.flush()
        assert process.stdout.readline() == "True\n", "a network of Mininet's own no longer works"
    finally:
        process.stdin.close()
        process.stdout.close()
        process.wait(30)
