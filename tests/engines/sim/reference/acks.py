"""What TCP's sender learns from ACKs."""

from tests.engines.sim.reference.losses import RecoveringSender
from tests.engines.sim.reference.sender import CWR, INFINITE, LOSS, OPEN, RECOVERY, Segment
from tests.engines.sim.reference.timers import MS


class TcpSender(RecoveringSender):
    """The whole sender."""

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
        if self.phase != OPEN or sacked_some or echo or not advanced:
            armed = self._alert(original, advanced, sacked_some, echo)
            set_timer = set_timer and not armed
        if set_timer and not self.start_probe(True):
            self.restart_rto()
        if self.control.owns_window:
            if self.control.control(self, delivered):
                self._reduce_window(delivered, self.num_lost - lost_before, advanced)
        elif self.phase in (CWR, RECOVERY):
            self._reduce_window(delivered, self.num_lost - lost_before, advanced)
        elif advanced:
            self.control.grow(self, delivered)
        self.size_small_queue()

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

    def _alert(self, original: bool, advanced: bool, sacked_some: bool, echo: bool) -> bool:
        """An ACK that is not plain; returns whether the reordering timer was armed."""
        if (self.phase == RECOVERY and self.una >= self.high) or (self.phase == CWR and self.una > self.high):
            if self.ssthresh < INFINITE and not self.control.owns_window:
                self.cwnd = self.ssthresh
            self._set_phase(OPEN)
        if self.phase == RECOVERY:
            return self._look_for_losses()
        if self.phase == LOSS:
            self._judge_timeout(original, advanced, sacked_some)
            retransmitted = len(self.retransmitted)
            armed = self._look_for_losses()
            if self.phase != OPEN and len(self.retransmitted) >= retransmitted:
                return armed
        else:
            armed = self._look_for_losses()
        if self.lost:
            self._enter_recovery()
            self.new_first = False
            return armed
        if echo and self.phase < CWR:
            self._begin_reduction()
            self._set_phase(CWR)
        if self.phase != CWR:
            self._keep_open()
        return armed

    def _judge_timeout(self, original: bool, advanced: bool, sacked_some: bool) -> None:
        """Was the timeout spurious, is it over, or does recovery go on?"""
        recovered = self.una >= self.high
        if self.f_rto:
            if original:
                self._undo_timeout()
                return
            if self.nxt > self.high:
                if sacked_some or not advanced:
                    self.f_rto = False
            elif advanced and not recovered:
                self.high = self.nxt
                if self.nxt < self.end:
                    self.new_first = True
                    return
                self.f_rto = False
        if recovered:
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
            if not self.control.owns_window:
                self.cwnd = self.ssthresh
            self._keep_open()
        elif not advanced and not sacked_some:
            self.probe_end = 0
