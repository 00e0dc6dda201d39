"""What TCP's sender learns from ACKs and from its timer: RACK (RFC 8985), proportional reduction (RFC 6937), F-RTO (RFC 5682)."""

from typing import Any

from tests.sim.reference.sender import CWR, DISORDER, INFINITE, LOSS, MARGIN_US, OPEN, RECOVERY, Segment, Sender
from tests.sim.reference.timers import MAX_RTO_MS, MS


class TcpSender(Sender):
    """The whole sender."""

    def __init__(self, flow: Any) -> None:
        super().__init__(flow)
        self.high = 0  # `nxt` when the phase was entered
        self.num_lost = 0
        self.rack_sent, self.rack_seq, self.rack_rtt_us, self.rack_advanced = 0, 0, 0, False
        self.prior_cwnd = self.prior_ssthresh = 0
        self.delivered_in_reduction = 0
        self.probe_end, self.probe_again = 0, False
        self.f_rto = False
        self.num_timeouts = 0
        self.ack_now = 0
        self.ack_rtt_us = -1
        self.ack_delivered = 0

    def on_ack(self, ack: int, early: tuple[int, ...], echo: bool) -> None:
        """All segments below `ack` have arrived, and of those above it the `early` ones."""
        if ack < self.una or not self.out:
            return
        delivered_before, lost_before = self.num_delivered, self.num_lost
        num_acked = ack - self.una
        self.latest: Segment | None = None
        newly_sacked = [self.out[seq] for seq in early if seq >= ack and seq not in self.sacked]
        for segment in newly_sacked:
            self._note_delivered(segment)
            if segment.seq in self.lost:
                self.lost.discard(segment.seq)
                self.retransmitted.discard(segment.seq)
            self.sacked.add(segment.seq)
        newly_acked = [self.out.pop(seq) for seq in range(self.una, ack)]
        acked_unsacked = [segment for segment in newly_acked if segment.seq not in self.sacked]
        for segment in acked_unsacked:
            self._note_delivered(segment)
        for scoreboard in (self.sacked, self.lost, self.retransmitted):
            scoreboard.difference_update(range(self.una, ack))
        self.una = ack
        advanced, sacked_some = num_acked > 0, bool(newly_sacked)
        if advanced:
            self.num_timeouts = 0
        delivered = self.num_delivered - delivered_before
        if echo:
            self.num_delivered_marked += delivered
        sacked_once = [segment for segment in newly_sacked if not segment.again]
        acked_once = [segment for segment in acked_unsacked if not segment.again]
        acked_again = [segment for segment in newly_acked if segment.again]
        original = any(segment.seq < self.high for segment in sacked_once + acked_once)
        self._measure_rtt(acked_once, acked_again, sacked_once, advanced)
        self.control.acked(self, num_acked)

        set_timer = advanced
        if not advanced and sacked_once:
            set_timer = sacked_once[0].sent < self.out[self.una].sent
        if self.probe_end:
            self._end_probe(ack, advanced, sacked_some)
        resend = ""
        if self.phase != OPEN or sacked_some or echo or not advanced:
            armed, resend = self._alert(original, advanced, sacked_some, echo)
            set_timer = set_timer and not armed
        if set_timer and not self.start_probe(True):
            self.restart_rto()
        if self.phase in (CWR, RECOVERY):
            self._reduce_window(delivered, self.num_lost - lost_before, advanced)
        elif advanced:
            self.control.grow(self, delivered)
        self.size_small_queue()
        if resend == "new first":
            self.send_new()
            if self.nxt <= self.high:
                self.f_rto = False

    def _note_delivered(self, segment: Segment) -> None:
        self.num_delivered += 1
        if self.latest is None or segment.sent >= self.latest.sent:
            self.latest = segment
        rtt_us = self.now_us - segment.sent // 1000
        if segment.again and rtt_us < self.rtt.least:
            return  # an answer to the first transmission
        self.rack_advanced = True
        self.rack_rtt_us = rtt_us
        self.rack_sent, self.rack_seq = max((self.rack_sent, self.rack_seq), (segment.sent, segment.seq))

    def _measure_rtt(self, acked_once: list[Segment], acked_again: list[Segment], sacked_once: list[Segment], advanced: bool) -> None:
        """Of segments that were sent once; of one that was sent again, what its time stamp in ms tells (RFC 7323)."""
        rtt_us = window_rtt_us = -1
        if acked_once and not acked_again:
            rtt_us, window_rtt_us = (self.now_us - segment.sent // 1000 for segment in (acked_once[0], acked_once[-1]))
        if sacked_once:
            window_rtt_us = self.now_us - sacked_once[-1].sent // 1000
            if rtt_us < 0:
                rtt_us = self.now_us - sacked_once[0].sent // 1000
        if rtt_us < 0 and advanced:
            stamp = max((segment.sent for segment in acked_again[:1] + acked_once[:1]), default=-1)
            rtt_us = window_rtt_us = max((self.now_ms - stamp // MS) * 1000, 1000)
        if rtt_us >= 0:
            self.rtt.least = min(self.rtt.least, window_rtt_us or 1000)
            self.rtt.measure(rtt_us, self.una, self.nxt)
        self.ack_now, self.ack_rtt_us = self.now, window_rtt_us
        self.ack_delivered = self.num_delivered - (self.latest.delivered_then if self.latest else 0)

    def _alert(self, original: bool, advanced: bool, sacked_some: bool, echo: bool) -> tuple[bool, str]:
        """An ACK that is not plain; returns whether the reordering timer was armed, and what to send first."""
        if self.phase != OPEN and self.una >= self.high and (self.phase == RECOVERY or (self.phase == CWR and self.una != self.high)):
            if self.ssthresh < INFINITE:
                self.cwnd = self.ssthresh
            self._set_phase(OPEN)
        if self.phase == RECOVERY:
            return self._look_for_losses(), "lost first"
        resend, armed = "", False
        if self.phase == LOSS:
            resend = self._judge_timeout(original, advanced, sacked_some)
            retransmitted = len(self.retransmitted)
            armed = self._look_for_losses()
            if self.phase != OPEN and len(self.retransmitted) >= retransmitted:
                return armed, resend
        else:
            armed = self._look_for_losses()
        if self.lost:
            self._enter_recovery()
            return armed, "lost first"
        if echo and self.phase < CWR:
            self._begin_reduction()
            self._set_phase(CWR)
        if self.phase != CWR:
            self._keep_open()
        return armed, resend

    def _judge_timeout(self, original: bool, advanced: bool, sacked_some: bool) -> str:
        """Was the timeout spurious, is it over, or does recovery go on?"""
        recovered = self.una >= self.high
        if self.f_rto:
            if original:
                self._undo_timeout()
                return ""
            if self.nxt > self.high:
                if sacked_some or not advanced:
                    self.f_rto = False
            elif advanced and not recovered:
                self.high = self.nxt
                if self.nxt < self.flow.num_segments:
                    return "new first"
                self.f_rto = False
        if recovered:
            self._set_phase(OPEN)
            return ""
        return "lost first"

    def _undo_timeout(self) -> None:
        self.lost.clear()
        self.cwnd = max(self.cwnd, self.prior_cwnd)
        self.ssthresh = max(self.ssthresh, self.prior_ssthresh)
        self.num_timeouts = 0
        self.f_rto = False
        self._set_phase(OPEN)

    def _end_probe(self, ack: int, advanced: bool, sacked_some: bool) -> None:
        """A probe that was a segment sent again, and that the ACK passes over: that segment had been lost."""
        if ack < self.probe_end:
            return
        if not self.probe_again:
            self.probe_end = 0
        elif ack > self.probe_end:
            self._begin_reduction()
            self._set_phase(CWR)
            self.cwnd = self.ssthresh
            self._keep_open()
        elif not advanced and not sacked_some:
            self.probe_end = 0

    # Losses.

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
        self.f_rto = fresh or self.num_timeouts > 0
        self.num_timeouts += 1
        if self.retransmit(self.una):
            self.rtt.rto_ms = min(2 * self.rtt.rto_ms, MAX_RTO_MS)
            self.start_timer("retransmit", self.rtt.rto_ms)
        else:
            self.start_timer("retransmit", 500)

    def _on_probe(self) -> None:
        """Send one more segment, new or the last one again, so that an ACK tells what is missing."""
        self.timer_at = self.now  # as in Linux it counts as armed yet, so that what follows counts from the first segment
        if not self.probe_end and self.out:
            self.probe_again = self.nxt >= self.flow.num_segments
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
        if self.in_flight != flying:
            if self.phase != RECOVERY:
                self._enter_recovery()
                self._reduce_window(1, self.num_lost - lost, False)
            self.send_lost()
        if self.timer_kind != "retransmit" or self.timer_at == self.now:
            self.restart_rto()
