"""Objectives of per-flow policies by name: each is a loss of the outcomes of some trials beside DCTCP's on the same flows."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from iroko.envs.flow_trials import Outcome, Trial
from iroko.metrics import jain_index
from iroko.snapshot import Floats

Objective = Callable[[Sequence[Trial], Sequence[Outcome], Sequence[Outcome]], float]
"""Takes trials, their outcomes under a policy, and those under DCTCP; gives a finite loss: lower is better, 0 is as good as DCTCP."""

CLASS_BOUNDS_BYTES = (0.0, 1e5, 1e6, np.inf)
CLASS_WEIGHTS = (0.5, 0.25, 0.25)
"""Of flows up to 100 kB, up to 1 MB, and larger."""
MIN_CLASS = 5
"""Flows that a class needs to count."""
MEASURE_WEIGHTS = (0.3, 0.4, 0.3)
"""Of the mean logarithm of slowdowns, the logarithm of their mean, and that of the mean of the worst twentieth."""
LOSING_WEIGHT = 3.0
"""How much more a class counts that is slower than under DCTCP."""
MIN_JAIN, MIN_SHARE = 0.985, 0.9525
"""Bounds for endless flows: Jain's index of their rates, and their application bytes over what the link carries. Full frames of
TCP have 0.956 of them, so a link whose flows have 0.9525 is busy for 99.6% of the time."""
CONSTRAINT_WEIGHT = 10.0
UNFINISHED_WEIGHT = 0.1


def class_measures(sizes_bytes: Floats, slowdowns: Floats) -> list[Floats | None]:
    """For each class of sizes the three logarithms that `MEASURE_WEIGHTS` weighs; None: it has fewer than `MIN_CLASS` flows."""
    measures: list[Floats | None] = []
    for least, most in pairwise(CLASS_BOUNDS_BYTES):
        own = np.sort(slowdowns[(sizes_bytes > least) & (sizes_bytes <= most)])
        worst = own[-max(3, len(own) // 20) :]
        measures.append(np.array([np.log(own).mean(), np.log(own.mean()), np.log(worst.mean())]) if len(own) >= MIN_CLASS else None)
    return measures


def completion_loss(trial: Trial, outcome: Outcome, dctcp: Outcome) -> float:
    """Weighted logarithm of slowdowns over DCTCP's by size class; a class that loses counts `LOSING_WEIGHT` times more."""
    loss = 0.0
    own, other = class_measures(trial.sizes_bytes, outcome.slowdowns), class_measures(trial.sizes_bytes, dctcp.slowdowns)
    for mine, theirs, weight in zip(own, other, CLASS_WEIGHTS, strict=True):
        if mine is None or theirs is None:
            continue
        ratio = float(np.dot(MEASURE_WEIGHTS, mine - theirs))
        loss += weight * (ratio + LOSING_WEIGHT * max(0.0, ratio, float(mine[1] - theirs[1])))
    return loss + UNFINISHED_WEIGHT * max(0, outcome.unfinished - dctcp.unfinished)


def sharing_loss(trial: Trial, outcome: Outcome, dctcp: Outcome) -> float:
    """What endless flows lack to `MIN_JAIN` and `MIN_SHARE`, or to DCTCP's where that is less, times `CONSTRAINT_WEIGHT`."""
    link_bps = min(port.rate_bps for port in trial.topology.ports)
    unfair = min(MIN_JAIN, jain_index(dctcp.rates_bps)) - jain_index(outcome.rates_bps)
    idle = min(MIN_SHARE, float(dctcp.rates_bps.sum()) / link_bps) - float(outcome.rates_bps.sum()) / link_bps
    return CONSTRAINT_WEIGHT * (max(0.0, unfair) + max(0.0, idle))


def slowdown(trials: Sequence[Trial], outcomes: Sequence[Outcome], dctcp: Sequence[Outcome]) -> float:
    """Slowdown by size class relative to DCTCP, where fairness and high bandwidth x delay are kept.

    The mean of `completion_loss` over trials whose flows have sizes, plus the sum of `sharing_loss` over the others: each is a constraint,
    and none becomes cheaper beside others.
    """
    completions, constraints = [], 0.0
    for trial, outcome, reference in zip(trials, outcomes, dctcp, strict=True):
        if trial.endless:
            constraints += sharing_loss(trial, outcome, reference)
        else:
            completions.append(completion_loss(trial, outcome, reference))
    return (float(np.mean(completions)) if completions else 0.0) + constraints


OBJECTIVES: dict[str, Objective] = {"slowdown": slowdown}
"""By name, as `--set agent.cmaes.objective=NAME` takes it."""
