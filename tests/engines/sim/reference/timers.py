"""When Linux's timers fire, and how it measures round-trip times."""

MS = 1_000_000
MIN_RTO_US, MAX_RTO_MS = 200_000, 120_000
SLOTS_PER_LEVEL = 64


def on_wheel(now: int, ms: int) -> int:
    """When a timer of so many ms fires: at the end of a slot of the wheel, which are 1 ms wide, then 8 ms, 64 ms, and so on."""
    width = 1
    while ms // width >= SLOTS_PER_LEVEL - 1:
        width *= 8
    return ((now // MS + ms) // width + 1) * width * MS


class RoundTripTime:
    """Jacobson's estimator with Linux's scales (the average times 8, its deviation times 4, in us) and slower decay."""

    def __init__(self) -> None:
        self.average8 = 0
        self.deviation4 = 0
        self.most_deviation4 = 0  # in this round trip
        self.variation = 0
        self.round_end = 0
        self.rto_ms = 1000
        self.least = 1 << 62

    def measure(self, rtt_us: int, una: int, nxt: int) -> None:
        if self.average8:
            error = rtt_us - self.average8 // 8
            self.average8 += error
            if error < 0:
                change = -error - self.deviation4 // 4
                self.deviation4 += change // 8 if change > 0 else change
            else:
                self.deviation4 += error - self.deviation4 // 4
            if self.deviation4 > self.most_deviation4:
                self.most_deviation4 = self.deviation4
                self.variation = max(self.variation, self.most_deviation4)
            if una > self.round_end:
                if self.most_deviation4 < self.variation:
                    self.variation -= (self.variation - self.most_deviation4) // 4
                self.round_end = nxt
                self.most_deviation4 = MIN_RTO_US
        else:
            self.average8 = 8 * rtt_us
            self.deviation4 = 2 * rtt_us
            self.variation = self.most_deviation4 = max(self.deviation4, MIN_RTO_US)
            self.round_end = nxt
        self.average8 = max(1, self.average8)
        self.rto_ms = min(-(-(self.average8 // 8 + self.variation) // 1000), MAX_RTO_MS)
