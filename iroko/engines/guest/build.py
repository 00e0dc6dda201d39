"""Build the guest kernel from Linux source, once, into the user's cache folder.

The kernel is keyed by its source, configuration, patch and what is added to the source, so a change of any of them builds anew beside the
old one.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from iroko.errors import EngineError, UnsupportedError
from iroko.system.cache import cache_folder, check_cached, make_cache_folder
from iroko.system.privileges import allowed_environment

_HERE = Path(__file__).parent
CONFIG, PATCH = _HERE / "kernel.config", _HERE / "guest.patch"
SOURCE_VARIABLE = "IROKO_KERNEL_SOURCE"
_DEBIAN_SOURCES = ("linux-source-6.12.tar.xz",)
_BANNER = re.compile(rb"Linux version (\S+) \(\S+\) \(([^\n]*)\) #")
_TOOLS = {"make": "make", "gcc": "gcc", "flex": "flex", "bison": "bison", "bc": "bc", "patch": "patch", "xz": "xz-utils"}
ADDED = {
    "net/ipv4/iroko_policy.h": _HERE.parents[1] / "policy" / "policy.h",
    "net/ipv4/iroko_decision.h": _HERE.parents[1] / "policy" / "decision.h",
    **{f"net/ipv4/{name}": _HERE / name for name in ("tcp_iroko.c", "tcp_iroko.h", "tcp_iroko_proc.c")},
}
"""Files that are copied into the source: the learned congestion control, and the headers that every kernel shares."""
KERNEL_NAME = "iroko-guest"
IDENTITY = {
    "KBUILD_BUILD_TIMESTAMP": "2025-01-01 00:00:00 UTC",
    "KBUILD_BUILD_USER": "iroko",
    "KBUILD_BUILD_HOST": "iroko",
    "KBUILD_BUILD_VERSION": "1",
}
"""What a kernel records of its build. Fixed, so that equal sources and compilers give equal bytes on any machine and date."""


def find_source() -> Path:
    """The kernel source: what `IROKO_KERNEL_SOURCE` names, or Debian's package.

    Raises:
        UnsupportedError: there is none.
    """
    if named := os.environ.get(SOURCE_VARIABLE):
        if not Path(named).is_file():
            raise UnsupportedError(f"{SOURCE_VARIABLE}={named}: no such file; expected the tar archive of a Linux source, 6.10 or later")
        return Path(named)
    for name in _DEBIAN_SOURCES:
        if (path := Path("/usr/src") / name).is_file():
            return path
    raise UnsupportedError(
        f"no kernel source: install it with `apt-get install {_DEBIAN_SOURCES[0].removesuffix('.tar.xz')}`, "
        f"or set {SOURCE_VARIABLE} to the tar archive of Linux 6.10 or later"
    )


def _key(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]


def _recipe() -> str:
    added = (part for place, path in ADDED.items() for part in (place.encode(), path.read_bytes()))
    return _key(CONFIG.read_bytes(), PATCH.read_bytes(), repr(IDENTITY).encode(), *added)


def kernel_path() -> Path:
    """The built kernel for this configuration and patch.

    Raises:
        UnsupportedError: it has not been built, or another user can change it.
    """
    found = sorted(cache_folder().glob(f"*-{_recipe()}/{KERNEL_NAME}"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise UnsupportedError("no guest kernel: build it once with `make guest` or `python -m iroko.guest build` (about 3 minutes)")
    check_cached(found[-1].parent)
    return found[-1]


def describe_kernel(path: Path) -> dict[str, str]:
    """What identifies a built kernel, from its file.

    Returns:
        `key`: its source archive, configuration, patch and what is added; `sha256` of the file; `source`: the version of Linux; `compiler`:
        compiler and linker. The last two are absent where the file holds no banner of Linux.

    Raises:
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    described = {"key": path.parent.name, "sha256": hashlib.sha256(content).hexdigest()}
    if banner := _BANNER.search(content):
        described |= {"source": f"Linux {banner[1].decode()}", "compiler": banner[2].decode()}
    return described


def build(say: Callable[[str], None] = print, *, again: bool = False) -> Path:
    """Build the kernel unless it is there already.

    Args:
        say: told what happens.
        again: build even so.

    Returns:
        Path of the kernel.

    Raises:
        UnsupportedError: the source or a tool is missing.
        EngineError: the build failed; the message names the log.
    """
    if not again:
        try:
            path = kernel_path()
            say(f"guest kernel: {path}")
            return path
        except UnsupportedError:
            pass
    source = find_source()
    if absent := [package for tool, package in _TOOLS.items() if not shutil.which(tool)]:
        raise UnsupportedError(f"building the guest kernel needs {', '.join(absent)}: `apt-get install {' '.join(absent)}`")
    folder = make_cache_folder()
    with open(folder / "build.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another build of this user may be under way
        if not again:
            try:
                return kernel_path()
            except UnsupportedError:
                pass
        return _build(source, folder, say)


def _build(source: Path, folder: Path, say: Callable[[str], None]) -> Path:
    say(f"guest kernel: building from {source} into {folder}, about 3 minutes on two cores")
    name = f"{source.name.split('.tar')[0]}-{_key(str(source.stat().st_size).encode(), source.name.encode())[:6]}-{_recipe()}"
    log_path = folder / f"{name}.log"
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as work, open(log_path, "wb") as log:
        say("guest kernel: unpacking")
        with tarfile.open(source) as archive:
            archive.extractall(work, filter="data")
        tree = next(path for path in Path(work).iterdir() if (path / "Kbuild").exists())
        shutil.copy(CONFIG, tree / "iroko.config")
        for place, path in ADDED.items():
            shutil.copy(path, tree / place)
        jobs = str(len(os.sched_getaffinity(0)))
        environment = allowed_environment(IDENTITY)  # nothing that make or the compiler would take for options
        for what, command in (
            ("patching", ["patch", "-p1", "-i", str(PATCH)]),
            ("configuring", ["make", "ARCH=um", "tinyconfig"]),
            ("configuring", ["scripts/kconfig/merge_config.sh", "-m", ".config", "iroko.config"]),
            ("configuring", ["make", "ARCH=um", "olddefconfig"]),
            ("compiling", ["make", "ARCH=um", f"-j{jobs}", "linux"]),
        ):
            say(f"guest kernel: {what}")
            result = subprocess.run(command, cwd=tree, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment)
            if result.returncode:
                raise EngineError(f"building the guest kernel failed at {what}: see {log_path}")
        target = folder / name
        target.mkdir(exist_ok=True)
        staged = target / f"{KERNEL_NAME}.new"
        shutil.copy(tree / "linux", staged)
        subprocess.run(["strip", str(staged)], check=False, env=environment)  # root looks in root's folders only  # nosec B607
        staged.rename(target / KERNEL_NAME)
    say(f"guest kernel: {target / KERNEL_NAME}")
    return target / KERNEL_NAME
