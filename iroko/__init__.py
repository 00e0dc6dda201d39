"""Iroko: learning datacenter congestion control.

    import gymnasium, iroko
    env = gymnasium.make("iroko/FatTree-v0", k=4, traffic="stride")
    envs = gymnasium.make_vec("iroko/FatTree-v0", num_envs=16, k=4, traffic="stride")

Importing this package loads nothing else, since it also happens inside the guest: what it offers is loaded when first used, and
the environments register themselves when Gymnasium is loaded, before or after.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iroko.env import IrokoEnv
    from iroko.gym_vector import IrokoVectorEnv
    from iroko.sb3_vector import BatchVecEnv
    from iroko.scenario import Scenario
    from iroko.vector import IrokoVecEnv, make_vector

__all__ = ["BatchVecEnv", "IrokoEnv", "IrokoVecEnv", "IrokoVectorEnv", "Scenario", "make_vector", "register_envs"]

_LAZY = {
    "BatchVecEnv": "iroko.sb3_vector", "IrokoEnv": "iroko.env", "IrokoVecEnv": "iroko.vector", "IrokoVectorEnv": "iroko.gym_vector",
    "Scenario": "iroko.scenario", "make_vector": "iroko.vector",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'iroko' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))


def register_envs() -> None:
    """Register Iroko's environments with Gymnasium; safe twice."""
    from gymnasium.envs.registration import register, registry

    for name, maker in (("iroko/Dumbbell-v0", "make_dumbbell"), ("iroko/FatTree-v0", "make_fattree")):
        if name not in registry:
            register(name, entry_point=f"iroko.makers:{maker}", vector_entry_point=f"iroko.gym_vector:{maker}")


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
