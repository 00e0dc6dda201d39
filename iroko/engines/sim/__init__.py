"""The engine `sim`: a packet-level simulator of the kernel engine's network, compiled by numba. `README.md` says how it works."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iroko.engines.sim.batch import Batch as Batch
    from iroko.engines.sim.engine import SimEngine as SimEngine
    from iroko.engines.sim.jit import is_compiled as is_compiled

_PLACES = {"Batch": "batch", "SimEngine": "engine", "is_compiled": "jit"}


def __getattr__(name: str) -> Any:
    """Import on first use: the compiled event loop takes seconds to load."""
    if name not in _PLACES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"iroko.engines.sim.{_PLACES[name]}"), name)
