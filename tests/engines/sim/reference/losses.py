"""TCP's loss recovery, and what its timer does: RACK (RFC 8985), proportional reduction (RFC 6937), F-RTO (RFC 5682)."""

from typing import Any

from tests.engines.sim.reference.sender import CWR, DISORDER, LOSS, MARGIN_US, OPEN, RECOVERY, Sender
from tests.engines.sim.reference.timers import MAX_RTO_MS


class RecoveringSender(Sender):
    """The sender with its recovery from losses."""

    def __init__(self, flow: Any) -> None:
        super().__init__(flow)
        self.num_lost = 0
        self.rack_sent, self.rack_seq, self.rack_rtt_us, self.rack_advanced = 0, 0, 0, False
        self.prior_cwnd = self.prior_ssthresh = 0
        self.delivered_in_reduction = 0
        self.probe_end, self.probe_again = 0, False
        self.num_timeouts = 0
        self.ack_now = 0
        self.ack_rtt_us = -1
        self.ack_delivered = 0

    def _mark_lost(self, seq: int) -> None:
        if seq not in self.lost or seq in self.retransmitted:
            self.num_lost += 1
        if seq in self.lost:
            self.retransmitted.discard(seq)
        self.lost.add(seq)

    def _detect_losses(self) -> int:
        """Mark what was sent before the latest arrival and long enough ago; returns after how many us to look again, or 0."""
        patience_us = min(self.rtt.least // 4, self.rtt.average8 // 8)
        if self.phase >= RECOVERY or len(self.sacked) >= 3:
            patience_us = 0
        wait_us = 0
        for seq, segment in self.out.items():
            on_its_way = seq not in self.sacked and (seq not in self.lost or seq in self.retransmitted)
            if on_its_way and not segment.judged and (segment.sent, seq) < (self.rack_sent, self.rack_seq):
                left_us = self.rack_rtt_us + patience_us - (self.now_us - segment.sent // 1000)
                if left_us <= 0:
                    self._mark_lost(seq)
                    segment.judged = True
                else:
                    wait_us = max(wait_us, left_us)
        return wait_us

    def _look_for_losses(self) -> bool:
        """After an ACK; returns whether the reordering timer was armed."""
        if not self.rack_advanced:
            return False
        self.rack_advanced = False
        wait_us = self._detect_losses()
        if wait_us:
            self.start_timer("reorder", -(-(wait_us + MARGIN_US) // 1000))
        return wait_us > 0

    def _set_phase(self, phase: int) -> None:
        self.control.change_phase(self, phase)
        self.phase = phase

    def _begin_reduction(self) -> None:
        self.high = self.nxt
        self.probe_end = 0
        self.control.count = 0
        self.prior_cwnd = self.cwnd
        self.delivered_in_reduction = self.sent_in_reduction = 0
        self.ssthresh = self.control.reduce(self, CWR)
        self.announce = self.control.ecn

    def _reduce_window(self, delivered: int, lost: int, advanced: bool) -> None:
        """Send in proportion to what arrives, until the window is at its new size."""
        if delivered <= 0:
            return
        flying = self.in_flight
        self.delivered_in_reduction += delivered
        if flying > self.ssthresh:
            share = -(-self.ssthresh * self.delivered_in_reduction // self.prior_cwnd)
            may_send = share - self.sent_in_reduction
        else:
            may_send = max(self.delivered_in_reduction - self.sent_in_reduction, delivered)
            if advanced and not lost:
                may_send += 1
            may_send = min(self.ssthresh - flying, may_send)
        self.cwnd = flying + max(may_send, 0 if self.sent_in_reduction else 1)

    def _enter_recovery(self) -> None:
        if self.phase != CWR:
            self._begin_reduction()
        self._set_phase(RECOVERY)

    def _keep_open(self) -> None:
        """Disorder while anything is missing, else open."""
        phase = DISORDER if self.sacked or self.lost or self.retransmitted else OPEN
        if phase != self.phase:
            self._set_phase(phase)
            self.high = self.nxt

    def _undo_timeout(self) -> None:
        self.lost.clear()
        self.cwnd = max(self.cwnd, self.prior_cwnd)
        if self.prior_ssthresh > self.ssthresh:
            self.ssthresh = self.prior_ssthresh
            self.announce = False
        self.num_timeouts = 0
        self.f_rto = False
        for segment in self.out.values():
            segment.judged = segment.judged and segment.again
        self._set_phase(OPEN)

    # Timers.

    def on_timer(self) -> None:
        if self.timer_kind == "probe":
            self._on_probe()
        elif self.timer_kind == "reorder":
            self._on_reorder()
        else:
            self.timer_at = None
            self._on_timeout()

    def _on_timeout(self) -> None:
        """What is out counts as lost, the window starts from one, the timeout doubles."""
        if not self.out:
            return
        fresh = self.phase < RECOVERY
        for seq, segment in self.out.items():
            long_ago = self.rack_rtt_us <= self.now_us - segment.sent // 1000
            if seq not in self.sacked and (seq == self.una or long_ago):
                self._mark_lost(seq)
        if self.phase <= DISORDER or self.high <= self.una or (self.phase == LOSS and not self.num_timeouts):
            self.prior_ssthresh, self.prior_cwnd = self.ssthresh, self.cwnd
            self.ssthresh = self.control.reduce(self, LOSS)
        self.cwnd = self.in_flight + 1
        self.control.count = 0
        self._set_phase(LOSS)
        self.high = self.nxt
        self.probe_end = 0
        self.announce = self.control.ecn
        self.f_rto = fresh or self.num_timeouts > 0
        self.num_timeouts += 1
        self.retransmit(self.una)
        self.rtt.rto_ms = min(2 * self.rtt.rto_ms, MAX_RTO_MS)
        self.start_timer("retransmit", self.rtt.rto_ms)

    def _on_probe(self) -> None:
        """Send one more segment, new or the last one again, so that an ACK tells what is missing."""
        self.timer_at = self.now  # as in Linux it counts as armed yet, so that what follows counts from the first segment
        if not self.probe_end and self.out:
            self.probe_again = self.nxt >= self.end
            probed = self.retransmit(self.nxt - 1) if self.probe_again else self.transmit(self.nxt)
            self.probe_again = self.probe_again and probed
            if probed:
                self.probe_end = self.nxt
                self.timer_at = None
        self.restart_rto()

    def _on_reorder(self) -> None:
        """Reordering had its time."""
        flying, lost = self.in_flight, self.num_lost
        self.timer_at = self.now
        self._detect_losses()
        if self.in_flight != flying and self.phase != RECOVERY:
            self._enter_recovery()
            self._reduce_window(1, self.num_lost - lost, False)
        if self.timer_kind != "retransmit" or self.timer_at == self.now:
            self.restart_rto()
