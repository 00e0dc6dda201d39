"""`reno`: additive increase, multiplicative decrease.

Jacobson, Congestion Avoidance and Control, SIGCOMM 1988; RFC 5681. As Linux's `tcp_cong.c`: slow start counts segments that were
delivered, not ACKs, and the window grows only if it was what held the flow back.
"""

from iroko.sim.layout import Hooks
from iroko.sim.transports._window import halve, nothing, reno_grow

ECN = False
HOOKS = Hooks(begin=nothing, acked=nothing, grow=reno_grow, reduce=halve, phase=nothing, restart=nothing)
