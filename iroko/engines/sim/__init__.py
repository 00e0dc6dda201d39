"""The engine `sim`: a packet-level simulator of the kernel engine's network, compiled by numba. `README.md` says how it works."""

from typing import TYPE_CHECKING

from iroko.engines.lazy import offer

if TYPE_CHECKING:
    from iroko.engines.sim.batch import Batch as Batch
    from iroko.engines.sim.code_cache import is_compiled as is_compiled
    from iroko.engines.sim.engine import SimEngine as SimEngine

__getattr__ = offer(__name__, {
    "Batch": "batch", "SimEngine": "engine", "is_compiled": "code_cache",
})  # fmt: skip
