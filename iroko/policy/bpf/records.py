"""The records that the program shares with user space, as `shared.h` lays them out."""

import time

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.policy.format import Card, Policy
from iroko.policy.words import FEATURES, FIRST_WINDOW, GUARD, HIDDEN, HIDDEN_BIAS, HIDDEN_WEIGHTS, OUTPUT, OUTPUT_BIAS, SKIP, STEP, WORDS

CARD = np.dtype([("loaded_ns", "<u8"), ("pid", "<u4"), ("logging", "<u4"), ("name", "S128")])
"""A deployment: when and by which process it was loaded, whether decisions are logged, and the policy's name."""
_MAX_NAME_BYTES = 127
COUNTS = np.dtype([(name, "<u8") for name in ("opened", "fallbacks", "decisions", "guarded", "timeouts", "unlogged")])
"""Since the program was loaded, for each processor."""
FLOW = np.dtype([
    ("source", ">u4", (4,)), ("destination", ">u4", (4,)), ("source_port", "<u2"), ("destination_port", "<u2"), ("family", "<u2"),
    ("state", "<u2"), ("net_cookie", "<u8"), ("window", "<u8"), ("dctcp_cwnd", "<u4"), ("action", "<i4"), ("alpha", "<u4"),
    ("rtt_us", "<u4"), ("min_rtt_us", "<u4"), ("policy", "<u4"), ("decisions", "<u4"), ("guarded", "<u4"),
])  # fmt: skip
"""A flow at its last decision; windows and actions in Q16, alpha in Q10."""
assert (CARD.itemsize, COUNTS.itemsize, FLOW.itemsize) == (144, 48, 88)


def name_policy(card: npt.NDArray[np.void], policy: Policy) -> None:
    """Write into a `CARD` which policy decides, and that it does from now on."""
    card["loaded_ns"], card["name"] = time.clock_gettime_ns(time.CLOCK_BOOTTIME), policy.card.name.encode()[:_MAX_NAME_BYTES]


def policy_from_bytes(data: bytes, name: str) -> Policy:
    """The policy of a `struct iroko_policy`.

    Raises:
        InputError: it holds none.
    """
    words = [int(word) for word in np.frombuffer(data, "<i4")]
    if len(words) != WORDS:
        raise InputError(f"policy {name}: {len(words)} words: expected {WORDS}")
    rows = np.reshape(words[HIDDEN_WEIGHTS:OUTPUT], (HIDDEN, FEATURES)).tolist()
    return Policy(
        tuple(words[HIDDEN_BIAS:HIDDEN_WEIGHTS]), tuple(map(tuple, rows)), tuple(words[OUTPUT:SKIP]), tuple(words[SKIP:OUTPUT_BIAS]),
        words[OUTPUT_BIAS], Card(name, guard=words[GUARD]), words[STEP], words[FIRST_WINDOW],
    )  # fmt: skip
