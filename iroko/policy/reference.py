"""`policy.h` in plain Python, slow and obvious: what the header and its twin must agree with.

Numbers are Python's, so none overflows; where the header clamps, so does this. Windows are in segments, Q16.
"""

from dataclasses import dataclass, field

from iroko.policy.format import Policy
from iroko.policy.words import (
    FEATURES,
    HIDDEN,
    INFINITE_SSTHRESH,
    MAX_ACTIVATION,
    MAX_ALPHA,
    MAX_CWND,
    MAX_GROWTH,
    MAX_WAIT_US,
    MIN_CWND,
    ONE,
)


def log2(x: int) -> int:
    """Logarithm of base 2 in Q16: the position of the leading one, and a parabola through what follows it."""
    if x == 0:
        return 0
    whole = x.bit_length() - 1
    part = (x << 16 >> whole) - ONE
    return whole * ONE + part + (part * (ONE - part) // ONE) * 22656 // ONE


def exp2(a: int) -> int:
    """Power of 2 in Q16 for -1 <= a <= 1 in Q16: a cubic polynomial of the fraction."""
    if a >= ONE:
        return 2 * ONE
    whole, fraction = divmod(a, ONE)
    power = ONE + (45583 + (14823 + 5130 * fraction // ONE) * fraction // ONE) * fraction // ONE
    return power // 2 if whole < 0 else power


def clamp(x: int, least: int, most: int) -> int:
    return max(least, min(most, x))


@dataclass
class Round:
    """What a sender knows of the round that ended; times in us, 0 where none was measured."""

    window: int
    delivered: int
    marked: int
    lost: int
    rtt_us: int
    prior_rtt_us: int
    min_rtt_us: int
    alpha: int
    action: int
    congested: bool

    @property
    def wait_us(self) -> int:
        """Time spent in queues, at most 16 s."""
        if not self.rtt_us or not self.min_rtt_us:
            return 0
        return clamp(self.rtt_us - self.min_rtt_us, 0, MAX_WAIT_US)

    @property
    def is_calm(self) -> bool:
        return self.marked == 0 and self.lost == 0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in the way of the flow."""
        return self.is_calm and 16 * self.wait_us <= self.min_rtt_us

    def features(self) -> list[int]:
        """The ten features, Q16; `policy.h` has their ranges."""
        wait, least = self.wait_us, self.min_rtt_us or 1
        change = 0
        if self.rtt_us and self.prior_rtt_us:
            size = min(abs(self.rtt_us - self.prior_rtt_us) * ONE // self.rtt_us, ONE)
            change = size if self.rtt_us > self.prior_rtt_us else -size
        return [
            min(self.marked, self.delivered) * ONE // self.delivered if self.delivered else 0,
            self.alpha * 64,
            (log2(ONE + min(wait * ONE // least, 1024 * ONE)) - 16 * ONE) // 4,
            log2(1 + wait) // 16,
            (log2(self.window) - 16 * ONE) // 8 if self.window > ONE else 0,
            ONE if self.lost else 0,
            self.action,
            (log2(ONE + self.window * wait // (least + wait)) - 16 * ONE) // 4,
            ONE if self.congested else 0,
            change,
        ]


def network(policy: Policy, x: list[int]) -> int:
    """The action, Q16."""
    hidden = []
    for row, bias in zip(policy.hidden, policy.hidden_bias, strict=True):
        total = bias * ONE + sum(row[i] * x[i] for i in range(FEATURES))
        hidden.append(clamp(total // 1024, 0, MAX_ACTIVATION))
    out = policy.output_bias * ONE
    out += sum(policy.output[j] * hidden[j] for j in range(HIDDEN))
    out += sum(policy.skip[i] * x[i] for i in range(FEATURES))
    return clamp(out // 1024, -ONE, ONE)


def decide(policy: Policy, seen: Round) -> int:
    """The action under the rule that an idle path shrinks no window."""
    action = network(policy, seen.features())
    return max(action, 0) if seen.is_idle else action


@dataclass
class Dctcp:
    """DCTCP's window, in whole segments."""

    cwnd: int
    count: int = 0
    ssthresh: int = INFINITE_SSTHRESH
    prior_cwnd: int = 0
    prr_delivered: int = 0

    def grow(self, acked: int) -> None:
        """Slow start to the threshold, then one segment for each window of ACKs."""
        slow = clamp(self.ssthresh - self.cwnd, 0, acked)
        self.cwnd += slow
        if acked > slow and self.cwnd:
            per = self.cwnd
            if self.count >= per:  # counted under a larger window
                self.count = 0
                self.cwnd += 1
            whole, self.count = divmod(self.count + acked - slow, per)
            self.cwnd += whole
        self.cwnd = min(self.cwnd, MAX_CWND)

    def reduce(self, alpha: int) -> None:
        """A mark or loss."""
        self.prior_cwnd, self.prr_delivered, self.count = self.cwnd, 0, 0
        self.ssthresh = max(self.cwnd - self.cwnd * alpha // 2048, MIN_CWND)

    def deliver(self, delivered: int) -> None:
        """The reduction proceeds."""
        self.prr_delivered += delivered
        if self.prr_delivered >= self.prior_cwnd or self.ssthresh >= self.prior_cwnd:
            self.cwnd = self.ssthresh
        else:
            self.cwnd = self.prior_cwnd - self.prr_delivered - (-self.ssthresh * self.prr_delivered // self.prior_cwnd)

    def lose(self) -> None:
        self.ssthresh, self.count = max(self.cwnd // 2, MIN_CWND), 0


@dataclass
class FlowState:
    """One flow under a policy: the policy's window, and DCTCP's beside it."""

    policy: Policy
    dctcp: Dctcp
    window: int = 0
    gain: int = ONE
    action: int = ONE
    alpha: int = MAX_ALPHA
    congested: bool = False
    rtts_us: list[int] = field(default_factory=list)
    prior_rtt_us: int = 0
    delivered: int = 0
    marked: int = 0
    lost: int = 0

    @classmethod
    def begin(cls, policy: Policy, cwnd: int, delivered: int = 0, marked: int = 0, lost: int = 0) -> "FlowState":
        state = cls(policy, Dctcp(cwnd, prior_cwnd=cwnd), delivered=delivered, marked=marked, lost=lost)
        state.window = min(state.bounded(policy.first_window * 64, cwnd), cwnd * ONE)
        return state

    @property
    def rtt_us(self) -> int:
        """The least round-trip time of this round; 0: none."""
        return min(self.rtts_us, default=0)

    def bounded(self, window: int, cwnd: int) -> int:
        """A window within the guard's bounds around DCTCP's."""
        guard = max(self.policy.card.guard, 1024)
        window = clamp(window, MIN_CWND * ONE, MAX_CWND * ONE)
        return max(min(window, cwnd * ONE * guard // 1024), cwnd * ONE * 1024 // guard)

    def new_round(self, delivered: int, marked: int, lost: int) -> None:
        self.delivered, self.marked, self.lost = delivered, marked, lost
        self.prior_rtt_us, self.rtts_us = self.rtt_us, []

    def end_round(self, delivered: int, marked: int) -> None:
        """Take the round into alpha."""
        fresh, fresh_marked = delivered - self.delivered, marked - self.marked
        self.alpha -= self.alpha // 16 or self.alpha
        if fresh_marked:
            self.alpha = min(self.alpha + fresh_marked * 64 // max(fresh, 1), MAX_ALPHA)

    def grow(self, delivered: int, marked: int) -> None:
        if marked != self.marked:
            self.gain = 0
        self.window += self.gain * min(delivered, MAX_GROWTH)

    def act(self, delivered: int, marked: int, lost: int, min_rtt_us: int) -> Round:
        """Decide; returns what the decision was made from."""
        marks, losses = marked - self.marked, lost - self.lost
        self.congested = self.congested or marks > 0 or losses > 0
        seen = Round(self.window, delivered - self.delivered, marks, losses, self.rtt_us, self.prior_rtt_us, min_rtt_us, self.alpha,
                     self.action, self.congested)  # fmt: skip
        self.action = decide(self.policy, seen)
        target = self.window * exp2(self.action) // ONE + self.policy.step * 64
        if not seen.is_calm:
            target = min(target, self.window)
        self.gain = 0
        if target > self.window > 0:
            self.gain = min((target - self.window) * ONE // self.window, ONE)
        else:
            self.window = target
        return seen

    def lose(self) -> int:
        """Recovery begins: both windows halve; returns the policy's threshold in segments."""
        self.dctcp.lose()
        self.window = self.bounded(self.window // 2, self.dctcp.ssthresh)
        self.gain, self.action, self.congested = 0, -ONE, True
        return self.window // ONE

    def adopt(self, cwnd: int, ssthresh: int) -> None:
        """TCP itself has set the window."""
        self.dctcp.cwnd, self.dctcp.ssthresh = cwnd, min(ssthresh, INFINITE_SSTHRESH)
        self.window, self.gain = cwnd * ONE, 0
