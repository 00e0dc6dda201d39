"""UDP's sender, as the kernel engine drives it: bursts that the host's queue takes as a whole."""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.ports import TAKEN, fits, push
from iroko.engines.sim.tcp.timers import wake_at

BURST, FULL, FEW = 44, 166, 82
"""Packets handed down at once; how many in the socket's buffer make it full, so that it takes no further burst; how few must be left
before it is filled again: half of 400 kB, of which Linux counts 2.4 kB for each packet, as they leave one by one."""


@inlined
def send_bursts(s: Sim, f: int, now: int) -> bool:
    """Fill the socket's buffer, if little enough is left in it.

    Returns:
        False: the ring of the host's port is too small, nothing has been sent.
    """
    flows = s.flows
    row = f // w.FLOW * 2
    nxt, last = flows[f + w.NXT], flows[f + w.SEGMENTS]
    if flows[f + w.QUEUED] > FEW or nxt == last:
        return True
    if not fits(s, flows[f + w.FROM], min(last - nxt, FULL + BURST)):
        return False
    while nxt < last and flows[f + w.QUEUED] < FULL:
        end = min(nxt + BURST, last)
        while nxt < end:
            word = (row << w.ROW_SHIFT) | (w.DATA << w.KIND_SHIFT) | w.RELEASE | w.FRAME
            if nxt == last - 1:
                word += flows[f + w.LAST_BYTES] + w.UDP_HEADERS - w.FRAME
            flows[f + w.QUEUED] += 1
            again = push(s, flows[f + w.FROM], word, nxt, 0, now)
            if again != TAKEN:
                # What is missing of this burst goes with the next attempt.
                flows[f + w.NXT] = nxt
                flows[f + w.QUEUED] -= 1
                flows[f + w.SEND_AT] = again
                wake_at(s, f, again)
                return True
            nxt += 1
        flows[f + w.NXT] = nxt
    return True


@inlined
def on_datagram(s: Sim, f: int, size: int, now: int) -> None:
    """A packet arrives at its destination."""
    flows = s.flows
    flows[f + w.DELIVERED] += size - w.UDP_HEADERS
    flows[f + w.RCV_NXT] += 1
    if flows[f + w.RCV_NXT] == flows[f + w.SEGMENTS]:
        flows[f + w.DONE] = now - flows[f + w.START]
