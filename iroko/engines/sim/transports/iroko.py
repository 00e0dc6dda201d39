"""`iroko`: a learned policy sets the window once a round trip, within the bounds of a guard.

The arithmetic is that of `iroko/policy/policy.h`, by its twin, so that a flow decides as it does in Linux. As with Linux's `cong_control`,
the transport owns the window: `_acked` takes in what an ACK reports before losses are looked for (Linux's `in_ack_event`), `_control` sets
the window when the ACK is done with. In recovery TCP's proportional rate reduction leads the window to its half; after a timeout the window
grows as DCTCP's does until what was lost has arrived. Under a guard of 1 the policy decides nothing, and TCP's reduction acts upon marks
too: such a flow is a `dctcp` flow, to the packet.

The least round-trip time is kept for each pair of hosts and shared by their flows. Rounds that deliver one segment do not count: it may be
a short one, which is faster than a full frame.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import hook, inlined, record_at
from iroko.engines.sim.transports._common import Flow, Transport
from iroko.policy import twin
from iroko.policy.words import ACTION, CONGESTED, GAIN, GUARD, ONE, RTT_US, SCRATCH, STATE
from iroko.policy.words import CWND as DCTCP_CWND
from iroko.policy.words import DELIVERED_THEN as DELIVERED_BEFORE
from iroko.policy.words import SSTHRESH as DCTCP_SSTHRESH
from iroko.policy.words import WINDOW as POLICY_WINDOW

ROUND_END, ROUND_OVER, ADVANCED = range(w.PRIVATE + STATE, w.PRIVATE + STATE + 3)
"""Behind the words of the policy's state."""


def _begin(flow: Flow, value: int) -> int:
    f = record_at(flow, w.PRIVATE)
    twin.begin(f, record_at(flow, flow[w.POLICY]), flow[w.CWND], flow[w.DELIVERED_COUNT], flow[w.DELIVERED_CE], flow[w.LOST_COUNT])
    flow[w.CWND] = f[POLICY_WINDOW] >> 16
    flow[ROUND_END] = flow[w.NXT]
    return 0


def _acked(flow: Flow, value: int) -> int:
    f = record_at(flow, w.PRIVATE)
    flow[ADVANCED] = value
    if flow[w.ACK_RTT] >= 0:
        twin.note_rtt(f, flow[w.ACK_RTT])
    if flow[w.UNA] >= flow[ROUND_END]:
        twin.end_round(f, flow[w.DELIVERED_COUNT], flow[w.DELIVERED_CE])
        flow[ROUND_OVER] = 1
    return 0


@inlined
def _is_pinned(p: Flow) -> bool:
    """Whether the guard leaves no choice: the window is DCTCP's."""
    return p[GUARD] <= 1024


@inlined
def _take_reduced(flow: Flow, f: Flow) -> None:
    """Where TCP's reduction led the window, DCTCP's window follows it."""
    if (flow[w.PHASE] == w.CWR or flow[w.PHASE] == w.RECOVERY) and _is_pinned(record_at(flow, flow[w.POLICY])):
        f[DCTCP_CWND] = flow[w.CWND]


@inlined
def _follow_dctcp(flow: Flow, f: Flow, delivered: int) -> None:
    """Move DCTCP's window as its own sender would."""
    if flow[w.PHASE] == w.CWR or flow[w.PHASE] == w.RECOVERY:
        twin.dctcp_deliver(f, delivered)
        if flow[w.PHASE] == w.CWR:
            flow[w.PRR_DELIVERED] += delivered  # should recovery begin, its reduction goes on from here
    elif flow[ADVANCED]:
        starting = f[DCTCP_CWND] < f[DCTCP_SSTHRESH]
        if flow[w.CWND_LIMITED] or (starting and f[DCTCP_CWND] < 2 * flow[w.MAX_OUT]):
            twin.dctcp_grow(f, delivered)


@inlined
def _learn_rtt(flow: Flow, f: Flow) -> int:
    """Take the round's least round-trip time in; returns the least between these hosts, 0: none."""
    least = record_at(flow, flow[w.PAIR])
    if f[RTT_US] and flow[w.DELIVERED_COUNT] - f[DELIVERED_BEFORE] > 1 and (least[0] == 0 or f[RTT_US] < least[0]):
        least[0] = f[RTT_US]
    return least[0]


def _control(flow: Flow, value: int) -> int:
    f, p = record_at(flow, w.PRIVATE), record_at(flow, flow[w.POLICY])
    reduced = flow[w.PHASE] == w.RECOVERY or (flow[w.PHASE] == w.CWR and _is_pinned(p))
    least = _learn_rtt(flow, f) if flow[ROUND_OVER] else 0
    if flow[w.PHASE] == w.RECOVERY or not reduced:
        _follow_dctcp(flow, f, value)
    if flow[w.PHASE] < w.RECOVERY and not reduced:
        fast = f[GAIN] > ONE // 2 and flow[w.CWND] < 2 * flow[w.MAX_OUT]
        if flow[ADVANCED] and (flow[w.CWND_LIMITED] or fast):
            twin.grow(f, value, flow[w.DELIVERED_CE])
        if flow[ROUND_OVER]:
            twin.act(f, p, flow[w.DELIVERED_COUNT], flow[w.DELIVERED_CE], flow[w.LOST_COUNT], least, record_at(p, SCRATCH))
        f[POLICY_WINDOW] = twin.bound(p, f[POLICY_WINDOW], f[DCTCP_CWND])
        flow[w.CWND] = f[POLICY_WINDOW] >> 16
    elif flow[w.PHASE] == w.LOSS:
        f[POLICY_WINDOW] = f[DCTCP_CWND] << 16
        flow[w.CWND] = f[DCTCP_CWND]
    if flow[ROUND_OVER]:
        flow[ROUND_OVER] = 0
        flow[ROUND_END] = flow[w.NXT]
        twin.new_round(f, flow[w.DELIVERED_COUNT], flow[w.DELIVERED_CE], flow[w.LOST_COUNT])
    return 1 if reduced else 0


def _reduce(flow: Flow, value: int) -> int:
    f = record_at(flow, w.PRIVATE)
    _take_reduced(flow, f)
    if value == w.LOSS:
        twin.dctcp_lose(f)
        f[CONGESTED], f[ACTION] = 1, -ONE
    else:
        twin.dctcp_reduce(f)
    return f[DCTCP_SSTHRESH]


def _phase(flow: Flow, value: int) -> int:
    f, p, before = record_at(flow, w.PRIVATE), record_at(flow, flow[w.POLICY]), flow[w.PHASE]
    _take_reduced(flow, f)
    if value == w.RECOVERY:
        if before != w.RECOVERY:
            flow[w.SSTHRESH] = twin.lose(f, p)
    elif value == w.LOSS:
        twin.adopt(f, flow[w.CWND], f[DCTCP_SSTHRESH])
        flow[w.SSTHRESH] = f[DCTCP_SSTHRESH]
    elif before == w.LOSS:
        twin.adopt(f, flow[w.CWND], flow[w.SSTHRESH])  # the timeout may have been undone
    elif before >= w.CWR and value < w.CWR:
        f[DCTCP_CWND] = f[DCTCP_SSTHRESH]
        flow[w.SSTHRESH] = f[DCTCP_SSTHRESH]
        f[POLICY_WINDOW] = twin.bound(p, f[POLICY_WINDOW], f[DCTCP_CWND])
        flow[w.CWND] = f[POLICY_WINDOW] >> 16
    return 0


TRANSPORT = Transport(
    ecn=True, owns_window=True, begin=hook(_begin), acked=hook(_acked), grow=hook(_control), reduce=hook(_reduce), phase=hook(_phase)
)
