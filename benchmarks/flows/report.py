"""Tables of the comparison, as Markdown."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from benchmarks.flows.cases import AIMED_LOADS, LOADS
from benchmarks.flows.completions import BOUND, MEASURES, ratios
from benchmarks.flows.schemes import REFERENCE
from iroko.analysis.intervals import mean_interval

AIMS = {"small p99": 0.60, "small mean": 0.75, "medium mean": 0.80, "large mean": 1.02}
"""At most these ratios to tuned DCTCP, geometric mean over `AIMED_LOADS`."""
MIN_JAIN, MIN_LONE_SHARE = 0.98, 0.95
"""Of long flows in every case, and of a lone flow at 10 Gbit/s and 300 us."""
MIN_GOODPUT, MAX_P99 = 0.95, 1.25
"""Of hostile policies under the guard, over DCTCP's."""
LONE = "1 x 10G, 300 us"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [" | ".join(each) for each in (head, ["---"] * len(head), *rows)]
    return "".join(f"| {line} |\n" for line in lines)


def with_interval(values: Sequence[float]) -> str:
    """Geometric mean and 95% interval of some ratios."""
    mean, low, high = np.exp(mean_interval(np.log(np.asarray(values, dtype=float))))
    return f"{mean:.2f} [{low:.2f}, {high:.2f}]"


def completion_table(table: pd.DataFrame, loads: Sequence[float]) -> str:
    """Ratios to the reference by case and scheme: means over loads and seeds, with intervals over seeds."""
    found = ratios(table, loads)
    rows = []
    for (case, scheme), group in found.groupby(["case", "scheme"], sort=False):
        if scheme == REFERENCE:
            continue
        more = "" if scheme == BOUND else f"{int(group['unfinished'].sum()):+d}"
        rows.append([str(case), str(scheme), *(with_interval(group[measure].to_list()) for measure in MEASURES), more])
    return markdown(["case", "scheme", *MEASURES, "unfinished"], rows)


def seed_table(table: pd.DataFrame, scheme: str, loads: Sequence[float]) -> str:
    """The ratios of one scheme, one row for each case and seed."""
    found = ratios(table, loads)
    own = found[found["scheme"] == scheme]
    rows = [[str(row["case"]), str(row["seed"]), *(f"{row[measure]:.2f}" for measure in MEASURES), f"{int(row['unfinished']):+d}"]
            for _, row in own.iterrows()]  # fmt: skip
    return markdown(["case", "seed", *MEASURES, "unfinished"], rows)


def wide_table(table: pd.DataFrame, value: str, how: str, digits: int) -> str:
    """One row for each case and one column for each scheme: the `how` of a value over seeds."""
    wide = table.pivot_table(value, "case", "scheme", how, sort=False)
    rows = [[str(case), *(f"{number:.{digits}f}" for number in row)] for case, row in zip(wide.index, wide.to_numpy(), strict=True)]
    return markdown(["case", *map(str, wide.columns)], rows)


def guard_table(table: pd.DataFrame) -> str:
    """Worst goodput and 99th percentile of all policies over DCTCP's, by scenario."""
    worst = table.groupby("case", sort=False).agg(goodput=("goodput", "min"), p99=("p99", "max"))
    rows = [[str(case), f"{row['goodput']:.3f}", "" if np.isnan(row["p99"]) else f"{row['p99']:.2f}"] for case, row in worst.iterrows()]
    return markdown(["case", "worst goodput", "worst p99"], rows)


def verdicts(
    completions: pd.DataFrame, sharing: pd.DataFrame, incasts: pd.DataFrame, guard: pd.DataFrame
) -> Iterator[tuple[str, str, bool]]:
    """Every aim: its text, the figure, and whether it is reached."""
    found = ratios(completions, AIMED_LOADS)
    own = found[found["scheme"] == "iroko"]
    for measure, aim in AIMS.items():
        for case, group in own.groupby("case", sort=False):
            mean = float(np.exp(np.log(group[measure]).mean()))
            yield f"{measure} <= {aim:.2f}, {case}", f"{mean:.2f}", mean <= aim
    long = sharing[sharing["scheme"] == "iroko"]
    for case, group in long.groupby("case", sort=False):
        if not str(case).startswith("1 x"):
            least = float(group["jain"].min())
            yield f"Jain's index >= {MIN_JAIN}, {case}, worst seed", f"{least:.3f}", least >= MIN_JAIN
    share = float(long[long["case"] == LONE]["share"].min())
    yield f"a lone flow's share of its link >= {MIN_LONE_SHARE}, {LONE}, worst seed", f"{share:.3f}", share >= MIN_LONE_SHARE
    for case, group in incasts.groupby("case", sort=False):
        means = group.groupby("scheme")["mean"].mean()
        rivals = means[[name for name in (REFERENCE, "nv", "cubic") if name in means]].min()
        yield (
            f"incast no worse than the best rival, {case}, mean slowdown",
            f"{means['iroko']:.1f} of {rivals:.1f}",
            means["iroko"] <= rivals,
        )
    total = ratios(completions, LOADS)
    more = int(total[total["scheme"] == "iroko"]["unfinished"].sum())
    yield "flows that DCTCP finishes and iroko does not, in all", f"{more:+d}", more <= 0
    if len(guard):
        goodput, p99 = float(guard["goodput"].min()), float(guard["p99"].max())
        yield f"goodput of hostile policies under the guard >= {MIN_GOODPUT} of DCTCP's", f"{goodput:.3f}", goodput >= MIN_GOODPUT
        yield f"their p99 <= {MAX_P99} of DCTCP's", f"{p99:.2f}", p99 <= MAX_P99


def aim_table(*tables: pd.DataFrame) -> str:
    rows = [[text, figure, "reached" if reached else "**missed**"] for text, figure, reached in verdicts(*tables)]
    return markdown(["aim", "figure", ""], rows)
