"""A flow's transport: its traits and functions, read through the flow's record."""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import ask, inlined, record_at
from iroko.engines.sim.layout import Sim


@inlined
def trait(s: Sim, f: int, word: int) -> int:
    """A word of the transport of the flow whose record begins at `f`."""
    return s.transports[s.flows[f + w.TRANSPORT] + word]


@inlined
def call(s: Sim, f: int, hook: int, value: int) -> int:
    """Call a function of the flow's transport with the flow's record and a value."""
    return ask(s.transports[s.flows[f + w.TRANSPORT] + hook], record_at(s.flows, f), value)
