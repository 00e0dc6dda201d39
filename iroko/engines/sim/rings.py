"""A port's word RING: where its ring begins in `packets`, how many packets it holds, and the port's kind."""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import inlined


@inlined
def ring_start(ring: int) -> int:
    """Return the offset of the ring's first packet."""
    return ring >> w.RING_SHIFT


@inlined
def ring_size(ring: int) -> int:
    """Return how many packets a ring holds."""
    return 1 << (ring >> w.RING_SIZE_SHIFT & w.RING_SIZE_MASK)


@inlined
def ring_slot(ring: int, index: int) -> int:
    """Return the offset of packet number `index` of a port."""
    return ring_start(ring) + (index & (ring_size(ring) - 1)) * w.PACKET


@inlined
def kind_of(ring: int) -> int:
    """Return the offset of the port's kind in `kinds`."""
    return (ring & w.KIND_OF_PORT_MASK) * w.KIND
