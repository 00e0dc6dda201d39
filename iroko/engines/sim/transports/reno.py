"""`reno`: additive increase, multiplicative decrease.

Jacobson, Congestion Avoidance and Control, SIGCOMM 1988; RFC 5681. As Linux's `tcp_cong.c`: slow start counts segments that were
delivered, not ACKs, and the window grows only if it was what held the flow back.
"""

from iroko.engines.sim.transports._common import Transport, halve, reno_grow

TRANSPORT = Transport(grow=reno_grow, reduce=halve)
