"""The log of decisions: for each, the flow's state before it, the totals at the end of its round, and the outcome."""

import numpy as np
import numpy.typing as npt

from iroko.policy.words import FEATURES

_STATE = [
    ("window", "<u8"), ("gain", "<u4"), ("last_action", "<i4"), ("alpha", "<u4"), ("rtt_us", "<u4"), ("prior_rtt_us", "<u4"),
    ("delivered_then", "<u4"), ("marked_then", "<u4"), ("lost_then", "<u4"), ("congested", "<u4"), ("dctcp_cwnd", "<u4"),
    ("dctcp_cwnd_cnt", "<u4"), ("dctcp_ssthresh", "<u4"), ("dctcp_prior_cwnd", "<u4"), ("dctcp_prr_delivered", "<u4"),
]  # fmt: skip
STATE_NAMES = tuple(name for name, _ in _STATE)
"""The members of `struct iroko_flow`, in the order of `words`."""
DECISION = np.dtype([
    ("number", "<u8"), ("at_us", "<u8"), ("source", ">u4"), ("destination", ">u4"), ("source_port", "<u2"), ("destination_port", "<u2"),
    ("policy", "<u4"), *_STATE, ("delivered", "<u4"), ("marked", "<u4"), ("lost", "<u4"), ("min_rtt_us", "<u4"),
    ("features", "<i4", (FEATURES,)), ("action", "<i4"), ("gain_after", "<u4"), ("window_after", "<u8"),
])  # fmt: skip
"""One decision, `struct iroko_decision` of `decision.h`.

`number` counts the kernel's decisions, so that gaps show; `at_us` is its clock at the ACK; `source` to `destination_port` name the flow;
`policy` is the number of its policy in the episode. Then follow the state before the decision, with alpha of this round (`STATE_NAMES`),
the totals now, the least round-trip time between the hosts, the features, and the outcome: the action, the growth per segment, and the
window within the guard's bounds. Windows, features, actions and growth are in Q16.
"""
assert DECISION.itemsize == 168

Decisions = npt.NDArray[np.void]
"""An array of `DECISION`."""
