"""How a policy and the state of a flow lie in memory, and the constants of `policy.h`.

A policy is `WORDS` integers in the order of `struct iroko_policy`; behind them the simulator keeps the features of the last decision, so
that no call allocates. A flow's state is `STATE` integers in the order of `struct iroko_flow`. Windows are in segments, Q16.
"""

MAGIC, VERSION = 0x306B7249, 1
FEATURES = HIDDEN = 10
ONE = 1 << 16
"""1 in Q16: features, actions, windows."""
WEIGHT_BITS = 10
"""Weights, biases, the guard's factor and the step are Q10."""
MAX_ACTIVATION = 1 << 24
MAX_ALPHA, ALPHA_SHIFT = 1024, 4
MIN_CWND, MAX_CWND = 2, 1 << 20
MAX_WAIT_US = 1 << 24
INFINITE_SSTHRESH = 0x7FFFFFFF
MAX_GROWTH = 65535
"""Segments that count when a window grows by one ACK."""

# A policy.
(MAGIC_AT, VERSION_AT, GUARD, FIRST_WINDOW, STEP, HIDDEN_BIAS) = range(6)
HIDDEN_WEIGHTS = HIDDEN_BIAS + HIDDEN
OUTPUT = HIDDEN_WEIGHTS + HIDDEN * FEATURES
SKIP = OUTPUT + HIDDEN
OUTPUT_BIAS = SKIP + FEATURES
WORDS = OUTPUT_BIAS + 1
SCRATCH = WORDS
RECORD = 152
"""Words of a policy in the simulator's memory, the features of its last decision included; a multiple of 8."""

# The state of a flow.
(WINDOW, GAIN, ACTION, ALPHA, RTT_US, PRIOR_RTT_US, DELIVERED_THEN, MARKED_THEN, LOST_THEN, CONGESTED,
 CWND, CWND_CNT, SSTHRESH, PRIOR_CWND, PRR_DELIVERED) = range(15)  # fmt: skip
STATE = 15

FEATURE_NAMES = (
    "marked_share", "alpha", "relative_delay", "delay", "window", "loss", "last_action", "own_queue", "congested", "rtt_change",
)  # fmt: skip
