"""Open engines by name."""

import os
import platform
import sys
from collections.abc import Iterable, Sequence

from iroko.engines.base import Batch, Engine
from iroko.errors import InputError
from iroko.extras import require
from iroko.registry import check_name, list_names, show
from iroko.system.ownership import reclaim
from iroko.topology import Topology

THREADS = "IROKO_THREADS"
"""Environment variable: threads of one simulation, where several trainings share a machine. Results do not depend on it."""
ENGINES = ("guest", "mininet", "sim")


def open_batch(topologies: Sequence[Topology], workers: int | None = None) -> Batch:
    """Open simulators that step together on all cores; only the engine `sim` has this.

    Args:
        topologies: one for each; hosts and links have to be equal, rates, delays and queues may differ.
        workers: threads; None: the number in the environment variable `IROKO_THREADS`, or else one for each processor.
    """
    reclaim()
    _tell_first_use("sim")
    from iroko.engines.sim.batch import Batch as SimBatch

    return SimBatch(topologies, _threads() if workers is None else workers)


def _threads() -> int | None:
    said = os.environ.get(THREADS, "")
    if said and (not said.isascii() or not said.isdigit() or len(said) > 4 or int(said) < 1):
        raise InputError(f"environment variable {THREADS}={show(said)}: expected a whole number of threads, 1 to 9999, or none")
    return int(said) if said else None


def open_engine(name: str, topology: Topology, seed: int = 0) -> Engine:
    """Open the engine of this name for a topology; what killed runs of this user have left on the machine is undone first.

    Args:
        name: `guest` (Linux in virtual time), `mininet` (this machine's kernel, in real time, needs root), `sim` (the packet-level
            simulator).
        seed: from it the guest draws its entropy; equal seeds and calls give equal runs there. The simulator needs none.

    Raises:
        InputError: no engine has this name.
        UnsupportedError: this machine lacks what the engine needs.
    """
    check_name("engine", name, ENGINES)
    reclaim()
    if name == "sim":
        _tell_first_use(name)
        from iroko.engines.sim.engine import SimEngine

        return SimEngine(topology)
    require(f"engine {name}", "mininet")
    if name == "guest":
        from iroko.engines.guest.engine import GuestEngine

        return GuestEngine(topology, seed)
    from iroko.engines.kernel.mininet import MininetEngine

    return MininetEngine(topology)


def default_engine() -> str:
    """`guest` where it runs, on x86-64 Linux; elsewhere `sim`, which runs everywhere."""
    return "guest" if platform.system() == "Linux" and platform.machine() == "x86_64" else "sim"


def missing_transports(name: str, transports: Iterable[str]) -> dict[str, str]:
    """Which of these transports the engine of this name lacks here, each with a line that gives the remedy; for `mininet` as root."""
    transports = list(transports)
    if name == "sim":
        known = list_names("iroko.engines.sim.transports")
        line = f"engine sim has no transport {{!r}}, only {', '.join(known)}: use engine guest, which has every one of Linux"
        return {transport: line.format(transport) for transport in transports if transport not in known}
    if name == "mininet":
        from iroko.engines.kernel import missing_transports as missing_in_kernel

        return missing_in_kernel(transports)
    return {}


def first_use(name: str) -> str | None:
    """What an engine has to do before it can start for the first time, and how long that takes, in words; None: nothing.

    The caller shows it to the user; otherwise opening the engine prints it on standard error.
    """
    _asked.add(name)
    if name == "sim":
        from iroko.engines.sim.code_cache import is_compiled

        return None if is_compiled() else "compiling the simulator, once: about 15 seconds"
    return None


_asked: set[str] = set()
"""The engines whose first use has been asked for."""


def _tell_first_use(name: str) -> None:
    if name not in _asked and (work := first_use(name)) is not None:
        print(f"iroko: {work}", file=sys.stderr, flush=True)
