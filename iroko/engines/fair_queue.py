"""The settings of a host's fair queue, equal in every engine: Linux's `fq` (`net/sched/sch_fq.c`) without pacing.

Each flow has a queue, and the queues are served in turn, deficit round robin: a turn is worth a quantum of bytes, a flow's first turn
more. A flow that has been away is served before those that were there. Up to eight packets wait in one queue for all as long as
no flow has its own queue, so that an idle host sorts nothing. Shreedhar, Varghese: Efficient Fair Queuing using Deficit Round Robin, 1995.

Pacing is off (`TCA_FQ_RATE_ENABLE` 0). With it `fq` spreads every TCP's packets at 1.2 to 2 times the window per round-trip time, which
is a part of the transport and not of the queue. A transport that paces itself (`bbr`) does so in TCP, over either queue.
"""

FRAME_BYTES = 1514
QUANTUM_BYTES, FIRST_QUANTUM_BYTES = 2 * FRAME_BYTES, 10 * FRAME_BYTES
"""Linux's defaults for Ethernet."""
REFILL_MS = 40
"""A flow that was away for longer begins with at least one quantum."""
SHARED_PACKETS = 8
"""How many packets may wait in the queue for all."""


def limit_packets(queue_bytes: int) -> int:
    """How many packets may wait in all flows' queues, and in one's: as many full frames as the port's queue holds.

    Linux's own limit of 100 packets a flow would drop what a UDP socket hands down.
    """
    return max(1, queue_bytes // FRAME_BYTES)
