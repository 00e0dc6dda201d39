"""The learned control: `iroko.policy.reference` in the place of TCP's own windows."""

from iroko.policy.format import Policy
from iroko.policy.reference import FlowState
from iroko.policy.words import ONE
from tests.engines.sim.reference.acks import TcpSender
from tests.engines.sim.reference.reno import Reno
from tests.engines.sim.reference.sender import CWR, LOSS, RECOVERY


class Learned(Reno):
    """A policy's window within its guard, beside DCTCP's; TCP's own reduction acts in recovery only.

    Args:
        policy: what decides.
        least_rtts: the least round-trip times between this flow's two hosts, of all their flows so far.
    """

    ecn = True
    owns_window = True

    def __init__(self, random: int, policy: Policy, least_rtts: list[int]) -> None:
        super().__init__(random)
        self.policy, self.least_rtts = policy, least_rtts

    def begin(self, tcp: TcpSender) -> None:
        self.state = FlowState.begin(self.policy, tcp.cwnd)
        self.round_end = tcp.nxt
        self.round_over = False
        tcp.cwnd = self.state.window // ONE

    def acked(self, tcp: TcpSender, num_acked: int) -> None:
        self.num_acked = num_acked
        if tcp.ack_rtt_us >= 0:
            self.state.rtts_us.append(max(tcp.ack_rtt_us, 1))
        if tcp.una >= self.round_end:
            self.state.end_round(tcp.num_delivered, tcp.num_delivered_marked)
            self.round_over = True

    @property
    def is_pinned(self) -> bool:
        """Whether the guard leaves no choice."""
        return self.policy.card.guard == 1024

    def _take_reduced(self, tcp: TcpSender) -> None:
        if self.is_pinned and tcp.phase in (CWR, RECOVERY):
            self.state.dctcp.cwnd = tcp.cwnd

    def control(self, tcp: TcpSender, delivered: int) -> bool:
        """An ACK has been dealt with: set the window, or leave it to TCP's reduction; returns whether."""
        state = self.state
        reduced = tcp.phase == RECOVERY or (tcp.phase == CWR and self.is_pinned)
        if self.round_over and state.rtt_us and tcp.num_delivered - state.delivered > 1:
            self.least_rtts.append(state.rtt_us)
        if tcp.phase == RECOVERY or not reduced:
            self._follow_dctcp(tcp, delivered)
        if tcp.phase == LOSS:
            state.window = state.dctcp.cwnd * ONE
            tcp.cwnd = state.dctcp.cwnd
        elif not reduced:
            fast = state.gain > ONE // 2 and tcp.cwnd < 2 * tcp.most_out
            if self.num_acked and (tcp.limited or fast):
                state.grow(delivered, tcp.num_delivered_marked)
            if self.round_over:
                state.act(tcp.num_delivered, tcp.num_delivered_marked, tcp.num_lost, min(self.least_rtts, default=0))
            state.window = state.bounded(state.window, state.dctcp.cwnd)
            tcp.cwnd = state.window // ONE
        if self.round_over:
            self.round_over = False
            self.round_end = tcp.nxt
            state.new_round(tcp.num_delivered, tcp.num_delivered_marked, tcp.num_lost)
        return reduced

    def _follow_dctcp(self, tcp: TcpSender, delivered: int) -> None:
        dctcp = self.state.dctcp
        if tcp.phase in (CWR, RECOVERY):
            dctcp.deliver(delivered)
            if tcp.phase == CWR:
                tcp.delivered_in_reduction += delivered
        elif self.num_acked and (tcp.limited or (dctcp.cwnd < dctcp.ssthresh and dctcp.cwnd < 2 * tcp.most_out)):
            dctcp.grow(delivered)

    def reduce(self, tcp: TcpSender, reason: int) -> int:
        self._take_reduced(tcp)
        if reason == LOSS:
            self.state.dctcp.lose()
            self.state.congested, self.state.action = True, -ONE
        else:
            self.state.dctcp.reduce(self.state.alpha)
        return self.state.dctcp.ssthresh

    def change_phase(self, tcp: TcpSender, phase: int) -> None:
        state = self.state
        self._take_reduced(tcp)
        if phase == RECOVERY and tcp.phase != RECOVERY:
            tcp.ssthresh = state.lose()
        elif phase == LOSS:
            state.adopt(tcp.cwnd, state.dctcp.ssthresh)
            tcp.ssthresh = state.dctcp.ssthresh
        elif tcp.phase == LOSS and phase != RECOVERY:
            state.adopt(tcp.cwnd, tcp.ssthresh)
        elif tcp.phase in (CWR, RECOVERY) and phase < CWR:
            state.dctcp.cwnd = tcp.ssthresh = state.dctcp.ssthresh
            state.window = state.bounded(state.window, state.dctcp.cwnd)
            tcp.cwnd = state.window // ONE
