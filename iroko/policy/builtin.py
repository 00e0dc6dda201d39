"""Policies that need no training: one written by hand, and those in `trained/`, each a file with its card."""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from iroko.policy.format import Card, Policy, read_policy
from iroko.policy.words import FEATURE_NAMES, FEATURES, HIDDEN

_MARKED, _ALPHA, _CONGESTED = (FEATURE_NAMES.index(name) for name in ("marked_share", "alpha", "congested"))


@lru_cache
def dctcp_like(guard: int = 2 * 1024) -> Policy:
    """A policy close to DCTCP's law, from which training starts: double until the first mark, then fall by alpha / 2 per marked round.

    The action is `-0.72 (alpha - relu(alpha - 16 marked_share))`, plus 1 until the flow is congested: in a marked round about
    `log2(1 - alpha / 2)`, which is -1 at alpha = 1, where this is -0.72; in a round without marks 0, so that the step alone acts.

    Args:
        guard: factor of the card, Q10.
    """
    hidden = [[0] * FEATURES for _ in range(HIDDEN)]
    hidden[0][_ALPHA], hidden[0][_MARKED] = 1024, -16 * 1024
    output, skip = [0] * HIDDEN, [0] * FEATURES
    output[0], skip[_ALPHA] = 737, -737
    skip[_CONGESTED] = -1024
    card = Card("dctcp_like", training="none: written by hand after RFC 8257", guard=guard)
    return Policy((0,) * HIDDEN, tuple(map(tuple, hidden)), tuple(output), tuple(skip), 1024, card)


TRAINED = Path(__file__).parent / "trained"

SHIPPED = "iroko1"
"""The trained policy that the scheme `iroko` uses unless a run names another."""
_read = lru_cache(read_policy)

BUILTIN: dict[str, Callable[[], Policy]] = {
    "dctcp_like": dctcp_like,
    **{path.stem: partial(_read, path) for path in sorted(TRAINED.glob("*.json"))},
}
"""The built-in policies by name."""
