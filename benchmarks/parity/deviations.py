"""The misses that are known: where the simulator differs from the kernel by more than the tolerance, and why that is left so."""

from functools import cache

from benchmarks.parity.cases import Case, find_cases

_PHASE = "who loses a packet at a full queue hangs on nanoseconds: the kernel against itself, its flows starting elsewhere, differs as much"
_LATE = "flows that read the queue's delay share by what each saw first: other starts move the kernel's own numbers as far"

KNOWN: dict[tuple[str, str], str] = {
    ("dumbbell-2 cubic 10M changing", "drops"): _PHASE,
    ("dumbbell-2 reno 1G", "Jain"): _PHASE,
    ("stride reno 1G fixed", "queue"): _PHASE,
    ("dumbbell-8 vegas 10M", "drops"): "all losses are of eight slow starts that meet: 32 packets against 15, none later on either engine",
    ("dumbbell-8 vegas 1G", "drops"): "all losses are of eight slow starts that meet; the kernel itself loses 3 or 44 as they start",
    ("dumbbell-8 vegas 1G", "Jain"): _LATE,
    ("dumbbell-8 nv 1G", "Jain"): _LATE,
    ("permutation nv 1G fixed", "queue"): _LATE,
    ("stride vegas 1G", "goodput"): _LATE,
    ("stride nv 1G changing", "drops"): _LATE,
    (
        "incast nv 1G",
        "99% completion",
    ): "one timeout of 200 ms is the whole of it; the kernel has it too when flows start elsewhere",
}
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
