"""Boot a guest, and end it.

The guest sees the host's files, read-only (see `iroko.engines.guest.landlock`), and runs as an ordinary process of the caller: no root, no
image, no daemon. Its kernel mixes its command line and the wall clock into its entropy, so both are the same for every guest: the script
is found in the process's working folder, the channel is its standard input, and no path of the machine is on the command line.
"""

import contextlib
import os
import platform
import pty
import re
import shlex
import subprocess
import sys
import tty
from pathlib import Path
from typing import Any

from iroko.engines.guest.build import KERNEL_NAME, kernel_path
from iroko.engines.guest.hidden import python_folders, show_hidden
from iroko.engines.guest.host import MEMORY_BYTES, choose_memory_folder, explain_refusal, has_nameless_memory, raised_limits
from iroko.engines.guest.landlock import start_confined
from iroko.engines.guest.processor import pin
from iroko.errors import UnsupportedError
from iroko.system.ownership import Claim, make_folder, start_process

_MEMORY = f"{MEMORY_BYTES >> 20}M"
"""What a guest may come to use; it takes of the host what it has used, 0.2 GB at first."""
_TCP_MEMORY_PAGES = "262144 294912 327680"
"""Above the first of these (of 4 KiB each, here 1 GiB) the kernel holds TCP's buffers back, above the last (1.25 GiB) it stops them. All
hosts share them in the guest, where machines would each have their own. The kernel's own choice is a twentieth of its memory, which hangs
on where the host placed it, and differs by a per cent from boot to boot."""
_WORKING_SET_MS = 1000
"""Pages used within this virtual time are not dropped: a guest that could go on only by dropping and reading the same pages again and
again is out of memory, and ends in a panic. Work takes no virtual time, so all pages of such a circle count."""
_SCRIPT = """#!/bin/sh
export PATH={path} HOME=/run LANG=C.UTF-8 PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={python_path} TMPDIR=/run {more}
mount -t proc proc /proc; mount -t sysfs sys /sys
{before}mount -t tmpfs run /run
mkdir -p /dev/pts /dev/shm; mount -t devpts pts /dev/pts; mount -t tmpfs shm /dev/shm
{after}[ -e /dev/dsp ] || mknod /dev/dsp c 14 3
ulimit -n 65536
echo 1 > /proc/sys/vm/panic_on_oom
echo {working_set_ms} > /sys/kernel/mm/lru_gen/min_ttl_ms
echo {tcp_memory_pages} > /proc/sys/net/ipv4/tcp_mem
cd /
{command}
halt -f
"""
_ARGUMENTS = [
    f"mem={_MEMORY}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "init=/bin/sh",
    "time-travel=inf-cpu",  # work of the processor takes no virtual time; idle time is skipped
    "time-travel-start=1700000000",
    "con=null", "console=tty0", "quiet",
]  # fmt: skip
_WITH_CHANNEL = ["con0=null,fd:1", "dsp=/proc/self/fd/0"]
_WITH_TERMINAL = ["con0=fd:0,fd:1"]
_INIT = ["--", "/proc/self/cwd/init"]
"""What the first program, the shell, gets: it reads the script, which may lie where no program may run."""
_CONSOLE_LINES = 12
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_NOISE = re.compile(
    r"\s*(\?? ?\[<[0-9a-f]+>\]|Stack:|Call Trace:|([0-9a-f]{8,16} ?)+$|check_one_sigio failed|"
    r"Failed to write wtmp|Halting\.|reboot: System halted)"
)
"""The addresses of a panic, a test of terminals that the guest may not open, and the words of the halt that follows every end."""


def check_machine() -> None:
    """Raise UnsupportedError unless guests can run here."""
    if platform.system() != "Linux" or platform.machine() != "x86_64":
        raise UnsupportedError(
            f"the guest engine needs Linux on x86-64, this is {platform.system()} on {platform.machine()}: "
            "use --engine sim, or --engine mininet (Linux, as root)"
        )
    kernel_path()


class Machine:
    """A running guest and the near end of its channel.

    Args:
        command: what it runs, with this process's Python path; when it ends, the guest halts.
        seed: of the guest's entropy: equal seeds and inputs give equal runs.
        console: a terminal to use as its console; None: keep the console's output for errors.

    Attributes:
        channel: descriptor of a raw pseudo-terminal behind the guest's `/dev/dsp`. A read of it in the guest blocks the whole guest,
            so virtual time stands still until the host answers.
    """

    def __init__(self, command: list[str], seed: int, *, console: bool = False) -> None:
        check_machine()
        kernel = kernel_path()
        self.channel = -1
        self.process: subprocess.Popen[bytes] | None = None
        self._folders: list[Claim] = []
        self._running: Claim | None = None
        try:
            self.folder = self._make_folder(None)
            self.console = self.folder / "console"
            self._boot(kernel, command, seed, console)
        except BaseException:
            self.stop()
            raise

    def _make_folder(self, parent: Path | None) -> Path:
        self._folders.append(make_folder("iroko-guest-", parent))
        return self._folders[-1].path

    def _boot(self, kernel: Path, command: list[str], seed: int, console: bool) -> None:
        python_path = os.pathsep.join(os.path.abspath(path) for path in sys.path)
        before, after = show_hidden(python_folders())
        script = _SCRIPT.format(
            path=shlex.quote(os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"), python_path=shlex.quote(python_path),
            tcp_memory_pages=_TCP_MEMORY_PAGES, working_set_ms=_WORKING_SET_MS, before=before, after=after,
            more="TERM=" + shlex.quote(os.environ.get("TERM", "dumb")), command=shlex.join(command) + ("" if console else " </dev/null"),
        )  # fmt: skip
        (self.folder / "init").write_bytes(os.fsencode(script))  # a path need not be UTF-8
        memory = self.folder
        # A named file, soon unlinked, would be written back where it lies on a disk.
        if not has_nameless_memory() and (place := choose_memory_folder(self.folder)) != self.folder:
            memory = self._make_folder(place)
        environment = {"IROKO_GUEST_SEED": str(seed), "TMPDIR": str(memory), "HOME": str(self.folder), "PATH": os.defpath}
        if console:
            self._start(kernel, _WITH_TERMINAL, environment, None, {})
            return
        self.channel, theirs = pty.openpty()
        try:
            tty.setraw(self.channel)
            tty.setraw(theirs)
            with open(self.console, "wb") as output:
                streams: dict[str, Any] = {"stdin": theirs, "stdout": output, "stderr": output, "start_new_session": True}
                self._start(kernel, _WITH_CHANNEL, environment, theirs, streams)
        finally:
            os.close(theirs)

    def _start(self, kernel: Path, ends: list[str], environment: dict[str, str], terminal: int | None, streams: dict[str, Any]) -> None:
        arguments = [KERNEL_NAME, *_ARGUMENTS, *ends, *_INIT]

        def start() -> "subprocess.Popen[bytes]":
            return subprocess.Popen(arguments, executable=kernel, cwd=self.folder, env=environment, **streams)

        def start_here() -> "subprocess.Popen[bytes]":
            with raised_limits():
                return start_confined(self.folder, Path(environment["TMPDIR"]), pin, start, terminal)

        try:
            # Where this process dies before it is on record, the guest finds its channel closed, and halts.
            self._running, self.process = start_process(start_here)
        except OSError as error:
            raise UnsupportedError(explain_refusal(kernel, error)) from error

    def console_end(self) -> str:
        """The last lines of the guest's console that say anything; a panic's first."""
        with contextlib.suppress(OSError):
            said = _COLOURS.sub("", self.console.read_text(errors="replace")).splitlines()
            lines = [line.rstrip() for line in said if line.strip() and not _NOISE.match(line)]
            panic = [line for line in lines if line.startswith("Kernel panic")]
            return "\n".join([*panic[-1:], *[line for line in lines if line not in panic][-_CONSOLE_LINES:]])
        return ""

    def stop(self, patience_s: float = 0.0) -> None:
        """End the guest and remove its folder; safe twice.

        Args:
            patience_s: how long it may take to halt by itself.
        """
        with contextlib.ExitStack() as steps:  # the next ones are done also when one of them fails
            for folder in self._folders:
                steps.callback(folder.undo)
            steps.callback(self._end, patience_s)
            steps.callback(self._close_channel)

    def _close_channel(self) -> None:
        channel, self.channel = self.channel, -1
        if channel >= 0:
            os.close(channel)

    def _end(self, patience_s: float) -> None:
        if self.process is not None and patience_s > 0:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        if self._running is not None:
            self._running.undo()
        if self.process is not None:
            self.process.wait()
