"""The learned control's policies on which both engines are compared: one that follows marks, one that follows delay too."""

from dataclasses import replace

from iroko.flows import LEARNED
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.words import FEATURE_NAMES


def delay_averse() -> Policy:
    """`dctcp_like` that also falls by `log2(1 + wait / min_rtt) / 8`, within a guard of 4."""
    base = dctcp_like(4 * 1024)
    skip = list(base.skip)
    skip[FEATURE_NAMES.index("relative_delay")] = -512
    return replace(base, skip=tuple(skip), card=replace(base.card, name="delay_averse"))


POLICIES = {LEARNED: dctcp_like(), f"{LEARNED}-delay": delay_averse()}
"""By their names among the cases' transports."""
