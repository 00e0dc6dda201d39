"""Iroko: learning datacenter congestion control.

    import gymnasium, iroko
    env = gymnasium.make("iroko/FatTree-v0", k=4, traffic="stride")
    envs = gymnasium.make_vec("iroko/FatTree-v0", num_envs=16, k=4, traffic="stride")

Importing this package loads nothing else, since it also happens inside the guest: what it offers is loaded when first used, and
the environments register themselves when Gymnasium is loaded, before or after.
"""

import os
import sys

__version__ = "0.1.0"


def others_write_under_sudo(path: str) -> bool:
    """Whether this process runs under sudo, and users beside root and the caller can write a file or folder."""
    caller = os.environ.get("SUDO_UID", "")
    if sys.platform == "win32" or not caller.isdecimal() or os.geteuid() != 0:
        return False
    found, groups = os.stat(path), ("0", os.environ.get("SUDO_GID", ""))
    if found.st_uid not in (0, int(caller)) or found.st_mode & 0o002:
        return True
    return bool(found.st_mode & 0o020) and str(found.st_gid) not in groups


def _leave_working_folder() -> None:
    """Take the working folder off Python's path while a program of Iroko begins that was not found there.

    `python -m iroko.run` puts it first, before the installed packages, and it can be a folder of data from elsewhere. Under sudo, a
    folder that others can write is refused even if Iroko is in it. Only what Python has loaded already is used here.
    """
    if sys.flags.safe_path or sys.argv[:1] != ["-m"] or not sys.path:
        return
    try:
        here = os.getcwd()
    except OSError:
        return
    if sys.path[0] not in ("", here):
        return
    if others_write_under_sudo(here):
        sys.stderr.write(
            f"iroko: {here} can be written by another user, and Python would run what is in it as root: "
            "start in a folder of your own, or with sudo python -P -m\n"
        )
        raise SystemExit(2)
    if os.path.realpath(__file__).rpartition(os.sep)[0].rpartition(os.sep)[0] != os.path.realpath(here):
        del sys.path[0]


_leave_working_folder()

import importlib  # noqa: E402
import importlib.util  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from importlib.machinery import ModuleSpec  # noqa: E402
from types import ModuleType  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

if TYPE_CHECKING:
    from iroko.analysis.tidy import read_run
    from iroko.envs.environment import IrokoEnv
    from iroko.envs.gym_vector import IrokoVectorEnv
    from iroko.envs.sb3_vector import BatchVecEnv
    from iroko.envs.vector import IrokoVecEnv, make_vector
    from iroko.run.compare import compare
    from iroko.scenario import Scenario

__all__ = [
    "BatchVecEnv", "IrokoEnv", "IrokoVecEnv", "IrokoVectorEnv", "Scenario", "__version__", "compare", "make_vector", "read_run",
    "register_envs",
]  # fmt: skip

_LAZY = {
    "BatchVecEnv": "iroko.envs.sb3_vector", "IrokoEnv": "iroko.envs.environment", "IrokoVecEnv": "iroko.envs.vector",
    "IrokoVectorEnv": "iroko.envs.gym_vector", "Scenario": "iroko.scenario", "compare": "iroko.run.compare",
    "make_vector": "iroko.envs.vector", "read_run": "iroko.analysis.tidy",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'iroko' has no attribute {name!r}")
    from iroko.extras import naming_extras

    with naming_extras(f"iroko.{name}"):
        return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))


def register_envs() -> None:
    """Register Iroko's environments with Gymnasium; safe twice."""
    from gymnasium.envs.registration import register, registry

    for name, maker in (("iroko/Dumbbell-v0", "make_dumbbell"), ("iroko/FatTree-v0", "make_fattree")):
        if name not in registry:
            register(name, entry_point=f"iroko.envs.makers:{maker}", vector_entry_point=f"iroko.envs.makers:{maker}s")


class _RegisterLater:
    """An import finder that lets Gymnasium load as ever and registers the environments right after.

    Gymnasium has had no entry points for plug-ins since 1.0, and loading it here would slow every start of the guest.
    """

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != "gymnasium.envs":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_register(module: ModuleType) -> None:
                load(module)
                register_envs()

            spec.loader.exec_module = load_and_register  # type: ignore[method-assign]
        return spec


if "gymnasium.envs" in sys.modules:
    register_envs()
else:
    sys.meta_path.insert(0, _RegisterLater())
