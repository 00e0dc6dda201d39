"""What a guest takes of its host: memory, descriptors, a large file; and the true reason where the host refuses one."""

import contextlib
import errno
import os
import resource
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from iroko.errors import UnsupportedError

GUEST_BYTES = 200_000_000
"""What a small guest takes of its memory's place."""
MEMORY_BYTES = 2048 << 20
"""What a guest may come to use; its memory is one sparse file of this size."""
_FILES = 256
"""Descriptors that a guest needs: one for each file of the host that is open or in its cache."""
_MFD_EXEC = 0x10
_SHARED_MEMORY = Path("/dev/shm")
_limits = threading.Lock()


def has_nameless_memory() -> bool:
    """Whether the host gives memory that lies in no folder (memfd_create) and may hold programs; the guest kernel prefers it."""
    for flags in (os.MFD_CLOEXEC | _MFD_EXEC, os.MFD_CLOEXEC):
        try:
            os.close(os.memfd_create("iroko-guest", flags))
            return True
        except OSError as error:
            if error.errno != errno.EINVAL:  # kernels before 6.3 do not know the first flag
                return False
    return False


def choose_memory_folder(own: Path) -> Path:
    """The folder for a guest's memory where the host gives none without a folder: shared memory, or else the guest's own folder.

    Args:
        own: the guest's folder, in TMPDIR.

    Raises:
        UnsupportedError: programs may not run from either, or neither has space.
    """
    refusals = []
    for folder in (_SHARED_MEMORY, own):
        if (refusal := why_unfit(folder)) is None:
            return folder
        refusals.append(f"{folder if folder == _SHARED_MEMORY else f'TMPDIR ({own.parent})'} {refusal}")
    raise UnsupportedError(
        f"no place for the guest's memory: {'; '.join(refusals)}; set TMPDIR to a folder with {GUEST_BYTES / 1e6:.0f} MB "
        "on a file system that is not mounted noexec"
    )


def why_unfit(folder: Path) -> str | None:
    """Why a guest's memory cannot lie in a folder; None: it can."""
    if not folder.is_dir():
        return "is missing"
    if not os.access(folder, os.W_OK):
        return "cannot be written"
    if is_noexec(folder):
        return "is mounted noexec"
    free = shutil.disk_usage(folder).free
    return None if free >= GUEST_BYTES else f"has {free / 1e6:.0f} MB free of {GUEST_BYTES / 1e6:.0f} MB"


def is_noexec(folder: Path) -> bool:
    """Whether no program may run from a folder's file system."""
    return bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)


@contextlib.contextmanager
def raised_limits() -> Iterator[None]:
    """Let what is started meanwhile have as many descriptors and as large files as the hard limits allow.

    Raises:
        UnsupportedError: a hard limit is too low for a guest.
    """
    before = {}
    with _limits:  # they are the process's; another thread that starts a guest would take the raised ones for what was before
        try:
            for limit, needed, option, unit in (
                (resource.RLIMIT_NOFILE, _FILES, "-n", 1), (resource.RLIMIT_FSIZE, MEMORY_BYTES, "-f", 1024),
            ):  # fmt: skip
                soft, hard = resource.getrlimit(limit)
                if hard != resource.RLIM_INFINITY and hard < needed:
                    raise UnsupportedError(
                        f"ulimit {option} is {hard // unit}: a guest needs {needed // unit}; raise the hard limit, or use --engine sim"
                    )
                before[limit] = soft, hard
                resource.setrlimit(limit, (hard, hard))
            yield
        finally:
            for limit, values in before.items():
                resource.setrlimit(limit, values)


def explain_refusal(kernel: Path, error: OSError) -> str:
    """Why the guest kernel did not start, with the remedy."""
    reason = error.strerror or str(error)
    if error.errno == errno.EACCES and is_noexec(kernel.parent):
        return f"{kernel.parent} is mounted noexec: set XDG_CACHE_HOME to a folder that is not, and run `make guest` again"
    remedies = {
        errno.EMFILE: "raise `ulimit -n`", errno.ENFILE: "too many files are open on this machine",
        errno.EAGAIN: "raise `ulimit -u`, the number of processes", errno.ENOMEM: "free memory, or raise `ulimit -v`",
        errno.EACCES: f"{kernel} has to be readable and executable for this user",
        errno.ENOEXEC: "build it anew with `python -m iroko.guest build --again`",
        errno.ENOENT: "build it anew with `python -m iroko.guest build --again`",
    }  # fmt: skip
    remedy = remedies.get(error.errno or 0, "see `python -m iroko.doctor`")
    return f"guest kernel {kernel}: {reason}: {remedy}"
