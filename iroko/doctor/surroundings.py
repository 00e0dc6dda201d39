"""What a check asks of the machine, in one place, so that a test can put another machine there. Everything here only looks."""

import importlib.metadata
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from iroko.system.children import NEUTRAL_FOLDER, child_environment, python_command
from iroko.system.ownership import temporary_folder
from iroko.system.privileges import allowed_environment

SOURCE = Path(__file__).resolve().parents[2]
"""Of a checkout: where `constraints.txt` is."""
TRIAL_S = 90.0
"""Real time after which an engine that is tried counts as hung."""


class Surroundings:
    """This machine."""

    def read(self, path: str) -> str:
        """Text of a file.

        Raises:
            OSError: it cannot be read.
        """
        return Path(path).read_text(errors="replace")

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def which(self, tool: str) -> str | None:
        """Where a program is; the folders of the administrator's programs are looked through for every user."""
        return shutil.which(tool, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")

    def variable(self, name: str) -> str:
        return os.environ.get(name, "")

    def system(self) -> tuple[str, str, str]:
        """Operating system, kernel's release and processor architecture."""
        return platform.system(), platform.release(), platform.machine()

    def python(self) -> tuple[int, int, int]:
        return sys.version_info[:3]

    def version(self, package: str) -> str | None:
        """Installed version of a Python package; None: it is not installed."""
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            return None

    def requirements(self) -> list[str]:
        """What Iroko requires of Python packages, as it was installed, or as its checkout says."""
        try:
            return importlib.metadata.requires("iroko-net") or []
        except importlib.metadata.PackageNotFoundError:
            import tomllib

            return list(tomllib.loads(self.read(str(SOURCE / "pyproject.toml")))["project"]["dependencies"])

    def constraints(self) -> str:
        """The tested versions; empty where Iroko was installed without its checkout."""
        path = SOURCE / "constraints.txt"
        return self.read(str(path)) if path.is_file() else ""

    def user(self) -> int:
        return os.geteuid()

    def cores(self) -> int:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    def cache(self) -> Path:
        from iroko.system.cache import cache_folder

        return cache_folder()

    def results(self) -> Path:
        return Path("results/runs")

    def writable(self, folder: Path) -> bool:
        """Whether a file can be made in a folder, or in the nearest one above it that exists; tried with a file without a name."""
        while not folder.exists():
            folder = folder.parent
        try:
            with tempfile.TemporaryFile(dir=folder):
                return True
        except OSError:
            return False

    def free_bytes(self, folder: Path) -> int:
        while not folder.exists():
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def is_noexec(self, folder: Path) -> bool:
        """Whether no program may run from a folder, or from the nearest one above it that exists."""
        while not folder.exists():
            folder = folder.parent
        return bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)

    def temporary(self) -> Path:
        return Path(tempfile.gettempdir())

    def has_nameless_memory(self) -> bool:
        """See `iroko.engines.guest.host.has_nameless_memory`."""
        from iroko.engines.guest import has_nameless_memory

        return has_nameless_memory()

    def why_unfit_for_memory(self, folder: Path) -> str | None:
        """See `iroko.engines.guest.host.why_unfit`."""
        from iroko.engines.guest import why_unfit

        return why_unfit(folder)

    def why_limits_refuse(self) -> str:
        """Why the hard limits of this process allow no guest; "": they do."""
        from iroko.engines.guest import raised_limits
        from iroko.errors import UnsupportedError

        try:
            with raised_limits():
                return ""
        except UnsupportedError as error:
            return str(error)

    def landlock_version(self) -> int:
        """See `iroko.engines.guest.landlock.landlock_version`."""
        from iroko.engines.guest import landlock_version

        return landlock_version()

    def has_seccomp(self) -> bool:
        """See `iroko.engines.guest.syscalls.has_seccomp`."""
        from iroko.engines.guest import has_seccomp

        return has_seccomp()

    def can_pin(self) -> bool:
        """Whether a process may choose its processors; tried with those that it has."""
        try:
            os.sched_setaffinity(0, os.sched_getaffinity(0))
            return True
        except OSError:
            return False

    def can_trace(self) -> bool:
        """Whether a process here may let its parent trace it, as the guest kernel's processes do."""
        child = "import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0)"
        command = [sys.executable, "-I", "-c", child]
        return subprocess.run(command, capture_output=True, timeout=30, check=False, env=allowed_environment()).returncode == 0

    def open_terminal(self) -> None:
        """Open and close a pseudo-terminal.

        Raises:
            OSError: there is none.
        """
        for descriptor in os.openpty():
            os.close(descriptor)

    def kernel_path(self) -> Path:
        """See `iroko.engines.guest.build.kernel_path`."""
        from iroko.engines.guest import kernel_path

        return kernel_path()

    def describe_kernel(self, path: Path) -> dict[str, str]:
        """See `iroko.engines.guest.build.describe_kernel`."""
        from iroko.engines.guest import describe_kernel

        return describe_kernel(path)

    def why_not_deploy(self) -> str:
        """Why `iroko deploy` cannot load a policy here, were it root; empty: it can."""
        from iroko.errors import UnsupportedError
        from iroko.policy.bpf.support import choose_object

        try:
            choose_object()
        except UnsupportedError as error:
            return str(error)
        return ""

    def missing_capabilities(self) -> list[str]:
        """See `iroko.policy.bpf.support.missing_capabilities`."""
        from iroko.policy.bpf.support import missing_capabilities

        return missing_capabilities()

    def is_compiled(self) -> bool:
        """Whether the simulator's compiled code is in the cache."""
        from iroko.engines.sim import is_compiled

        return is_compiled()

    def try_engine(self, engine: str, transports: list[str]) -> dict[str, Any]:
        """Open an engine on a small dumbbell in a process of its own, let every transport carry traffic, and close it.

        Returns:
            `transports`: for each "" or why it does not run; `engine`: what the engine says of itself; `seconds` to the first
            snapshot. Or `error`: why the engine does not run.
        """
        with temporary_folder("iroko-doctor-") as folder:
            environment = child_environment({"TMPDIR": str(folder)})
            command = python_command("iroko.doctor.trial", engine, *transports)
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                       cwd=NEUTRAL_FOLDER, env=environment, start_new_session=True, text=True)  # fmt: skip
            try:
                said, complaint = process.communicate(timeout=TRIAL_S)
            except subprocess.TimeoutExpired:
                return {"error": f"it did not answer in {TRIAL_S:g} s"}
            finally:
                _end(process)
        try:
            answer: dict[str, Any] = json.loads(said)
            return answer
        except ValueError:
            lines = complaint.strip().splitlines()
            return {"error": lines[-1] if lines else f"it ended with code {process.returncode} and said nothing"}


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
