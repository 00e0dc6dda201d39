"""The misses that are known: where the simulator differs from the kernel by more than the tolerance over several starts, and why that is
left so."""

from functools import cache

from benchmarks.parity.cases import Case, find_cases

_EDGE = "a knife edge: of 2,560 flows 25 time out on the kernel and 32 in the simulator, and the percentile is that of the 26th"

KNOWN: dict[tuple[str, str], str] = {("incast nv 1G", "99% completion"): _EDGE}
"""From a case and a measure to a sentence that says why. The case is a name, or a pattern as in `find_cases`; each case that it fits has
to miss, so that an entry goes when its reason has gone."""


def known_deviation(case: Case, measure: str) -> str | None:
    """Why this case is known to miss in this measure; None: it is not."""
    for (pattern, key), reason in KNOWN.items():
        if key == measure and case in _fitting(pattern):
            return reason
    return None


@cache
def _fitting(pattern: str) -> frozenset[Case]:
    return frozenset(find_cases([pattern]))
