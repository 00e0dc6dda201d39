"""Iroko: learning datacenter congestion control.

    import gymnasium, iroko
    env = gymnasium.make("iroko/FatTree-v0", k=4, traffic="stride")

Importing this package loads nothing else, since it also happens inside the guest: what it offers is loaded when first used, and
the environments register themselves when Gymnasium is loaded, before or after.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iroko.env import IrokoEnv
    from iroko.scenario import Scenario
    from iroko.vector import IrokoVecEnv, make_vector

__all__ = ["IrokoEnv", "IrokoVecEnv", "Scenario", "make_vector", "register_envs"]

_LAZY = {"IrokoEnv": "iroko.env", "IrokoVecEnv": "iroko.vector", "Scenario": "iroko.scenario", "make_vector": "iroko.vector"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'iroko' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_LAZY))


def register_envs() -> None:
    """Register Iroko's environments with Gymnasium; safe twice. Gymnasium calls it as a plug-in when it is imported."""
    from gymnasium.envs.registration import register, registry

    for name, maker in (("iroko/Dumbbell-v0", "make_dumbbell"), ("iroko/FatTree-v0", "make_fattree")):
        if name not in registry:
            register(name, entry_point=f"iroko.env:{maker}")


if "gymnasium.envs.registration" in sys.modules:
    register_envs()
