"""The jitter of a host that sends UDP: Linux's `prandom_u32_state`, four shift registers whose words are combined."""

SHIFTS = ((6, 13, 2, 18), (2, 27, 8, 2), (13, 21, 16, 7), (3, 12, 128, 13))
"""Of each register: the taps, the least word, from which the mask follows, and the step."""


class Jitter:
    """Draws evenly from 0 to `span_ns` - 1."""

    def __init__(self, seed: int, span_ns: int) -> None:
        folded = (seed >> 32 ^ seed << 10 ^ seed) % 2**32
        self.words = [folded if folded >= least else folded + least for _, _, least, _ in SHIFTS]
        self.span_ns = span_ns

    def __call__(self) -> int:
        combined = 0
        for index, (left, right, least, step) in enumerate(SHIFTS):
            word = self.words[index]
            kept = word - word % least
            self.words[index] = (kept << step) % 2**32 ^ ((word << left) % 2**32 ^ word) >> right
            combined ^= self.words[index]
        return combined % self.span_ns
