"""What runs beside the network: the server of the kernel engine, and the command line."""

import os
import platform
import resource
from collections.abc import Iterator
from contextlib import contextmanager

from iroko.engines.kernel.engine import KernelEngine
from iroko.engines.kernel.multipath import describe_multipath
from iroko.engines.kernel.network import Fabric
from iroko.engines.remote.channel import Channel
from iroko.engines.remote.engine import serve
from iroko.topology import Topology


def _allow_descriptors() -> None:
    """A node costs three descriptors and a flow two: take what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _describe() -> dict[str, str]:
    description = {"kernel": platform.release(), "kernel_build": platform.version(), "machine": platform.machine()}
    return description | describe_multipath()


def serve_kernel(descriptor: int, virtual: bool) -> None:
    """Serve the engine on this kernel over a descriptor until the near end closes.

    Args:
        virtual: whether time stands still while nobody steps.
    """
    _allow_descriptors()
    serve(Channel(descriptor), lambda topology: KernelEngine(topology, virtual), _describe)


@contextmanager
def open_fabric(topology: Topology) -> Iterator[Fabric]:
    """A fabric without traffic, for Mininet's command line."""
    _allow_descriptors()
    fabric = Fabric(topology, 0.0 if os.path.exists("/proc/iroko_ports") else 250e-6)
    try:
        yield fabric
    finally:
        fabric.close()
