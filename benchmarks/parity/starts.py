"""What is chance and what is not: a case that misses is run again with other starts of its flows, and judged over all of them.

Which of two flows finds the last place in a queue is decided by nanoseconds, and a run of some seconds holds few such decisions. Where
the engines differ for that reason alone, the difference goes as more starts are counted; where a model is wrong, it stays.
"""

from contextlib import closing
from dataclasses import replace

from benchmarks.parity.cases import Case
from benchmarks.parity.measures import Comparison, compare
from benchmarks.parity.recording import KERNEL, KernelRecorder, Recorder, Recording

STARTS = (4, 16)
"""The first among them; the second number where the first does not bring it within."""


def judge(case: Case, kernel: Recording, simulator: Recording, engine: str, fresh: bool = False) -> list[Comparison]:
    """Compare both engines in every measure; where one misses, or is known to, also over more starts.

    Args:
        kernel, simulator: the first start's recordings.
        engine: what `simulator` was recorded on. The kernel against itself is judged by the first start alone.
        fresh: record the kernel anew.
    """
    comparisons = list(compare(case, kernel, simulator))
    if engine == KERNEL or all(comparison.verdict == "ok" for comparison in comparisons):
        return comparisons
    kernels, simulators = [kernel], [simulator]
    for starts in STARTS:
        for variant in range(len(kernels), starts):
            with closing(KernelRecorder(variant, fresh)) as ours, closing(Recorder(engine, variant)) as theirs:
                kernels.append(ours.record(case))
                simulators.append(theirs.record(case))
        over_all = compare(case, Recording.pool(kernels), Recording.pool(simulators))
        comparisons = [
            first if first.verdict == "ok" else replace(first, over_starts=replace(pooled, starts=starts))
            for first, pooled in zip(comparisons, over_all, strict=True)
        ]
        if all(comparison.as_expected for comparison in comparisons):
            break
    return comparisons
