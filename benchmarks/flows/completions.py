"""Completion times of finite flows: every scheme on the network of tuned DCTCP, ratios on the same flows."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.flows.cases import LOADS, TUNING_EPISODES, TUNING_LOADS, Case, held_out_seed, tuning_seed, with_threshold
from benchmarks.flows.schemes import REFERENCE, Schemes
from benchmarks.flows.srpt import srpt_slowdowns
from iroko.agents._flow_objective import CLASS_BOUNDS_BYTES
from iroko.envs.flow_trials import Trial, Trials
from iroko.metrics import rank_percentile
from iroko.snapshot import Floats

MEASURES = ("small p99", "small mean", "medium mean", "large mean")
"""Of slowdowns: of flows up to 100 kB, up to 1 MB, and larger."""
BOUND = "srpt bound"
COLUMNS = ("case", "threshold", "scheme", "load", "seed", *MEASURES, "unfinished", "flows")


def measure(trial: Trial, slowdowns: Floats) -> Floats:
    """`MEASURES` of the slowdowns of a trial's flows; NaN without flows of a class."""
    sizes = trial.sizes_bytes
    _, small_bytes, medium_bytes, _ = CLASS_BOUNDS_BYTES
    small, large = sizes <= small_bytes, sizes > medium_bytes
    medium = ~small & ~large
    means = [float(slowdowns[own].mean()) if own.any() else np.nan for own in (small, medium, large)]
    return np.array([rank_percentile(slowdowns[small], 99), *means])


def tune(trials: Trials, case: Case) -> dict[int, float]:
    """For each threshold the mean logarithm of DCTCP's measures over the best threshold's, on training seeds: the best one has 0."""
    sums = dict.fromkeys(case.thresholds, 0.0)
    for load_share in TUNING_LOADS:
        for episode in range(TUNING_EPISODES):
            drawn = case.trial(load_share, case.thresholds[0], tuning_seed(episode))
            for threshold in case.thresholds:
                trial = with_threshold(drawn, threshold)
                sums[threshold] += float(np.nanmean(np.log(measure(trial, trials.run(trial, [REFERENCE])[0].slowdowns))))
    episodes = len(TUNING_LOADS) * TUNING_EPISODES
    return {threshold: (total - min(sums.values())) / episodes for threshold, total in sums.items()}


def score(trials: Trials, case: Case, threshold: int, schemes: Schemes, seeds: int, loads: Sequence[float] = LOADS) -> pd.DataFrame:
    """The measures of every scheme, load and held-out seed, one row each, with columns `COLUMNS`."""
    rows = []
    everyone = {REFERENCE: REFERENCE, **schemes}
    for seed in range(seeds):
        for load_share in loads:
            trial = case.trial(load_share, threshold, held_out_seed(seed))
            found = {name: (outcome.slowdowns, outcome.unfinished)
                     for name, outcome in zip(everyone, trials.run(trial, list(everyone.values())), strict=True)}  # fmt: skip
            found[BOUND] = srpt_slowdowns(trial), 0
            for name, (slowdowns, unfinished) in found.items():
                rows.append((case.name, threshold, name, load_share, seed, *measure(trial, slowdowns), unfinished, len(trial.flows)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def ratios(table: pd.DataFrame, loads: Sequence[float]) -> pd.DataFrame:
    """For each case, scheme and seed the geometric mean over loads of each measure over the reference's on the same flows.

    Columns: `case`, `scheme`, `seed`, the measures, and `unfinished`, the flows more than the reference left in all.
    """
    chosen = table[table["load"].isin(loads)].set_index(["case", "scheme", "load", "seed"])
    reference = chosen.xs(REFERENCE, level="scheme")
    logs, more = np.log(chosen[list(MEASURES)]), chosen["unfinished"]
    logs = logs.sub(np.log(reference[list(MEASURES)])).reorder_levels(["case", "scheme", "load", "seed"])
    more = more.sub(reference["unfinished"]).reorder_levels(["case", "scheme", "load", "seed"])
    by = ["case", "scheme", "seed"]
    return np.exp(logs.groupby(by, sort=False).mean()).join(more.groupby(by, sort=False).sum()).reset_index()
