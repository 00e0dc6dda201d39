"""Hostile policies under the guard: random and hostile weights over many scenarios, beside DCTCP on the same flows."""

from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.flows.cases import CASES, tuning_seed
from benchmarks.flows.schemes import REFERENCE
from benchmarks.flows.sharing import SHARINGS, incast_trial
from iroko.envs.flow_trials import Trial, Trials
from iroko.metrics import rank_percentile
from iroko.policy.format import MAX_STEP, MAX_WEIGHT, MIN_FIRST_WINDOW, Card, Policy
from iroko.policy.words import FEATURE_NAMES, FEATURES, HIDDEN
from iroko.seeds import benchmark_generator

GUARD = 2 * 1024
NUM_POLICIES = 200
SHORTER = 8
"""By how much arrivals are shortened against the scored cases: 200 policies run each."""


def _filled(output_bias: int, skip: dict[str, int], step: int, first_window: int = 10 * 1024) -> Policy:
    """A policy of its skip connection and bias alone."""
    weights = [skip.get(name, 0) for name in FEATURE_NAMES]
    nothing = ((0,) * FEATURES,) * HIDDEN
    return Policy((0,) * HIDDEN, nothing, (0,) * HIDDEN, tuple(weights), output_bias, Card("hostile", guard=GUARD), step, first_window)


def hostile_policies() -> list[Policy]:
    """Policies that someone who means harm would write: greedy, idle, the opposite of DCTCP, and such that swing."""
    swing = {"last_action": -MAX_WEIGHT}
    return [
        _filled(MAX_WEIGHT, {}, MAX_STEP), _filled(-MAX_WEIGHT, {}, 0, MIN_FIRST_WINDOW), _filled(0, {}, 0), _filled(0, {}, MAX_STEP),
        _filled(0, {"marked_share": MAX_WEIGHT, "alpha": MAX_WEIGHT}, MAX_STEP), _filled(0, {"loss": MAX_WEIGHT}, MAX_STEP),
        _filled(1024, swing, 0), _filled(1024, swing, MAX_STEP),
        _filled(-1024, {"window": MAX_WEIGHT}, MAX_STEP), _filled(1024, {"window": -MAX_WEIGHT}, 0),
        _filled(0, {"relative_delay": MAX_WEIGHT, "own_queue": MAX_WEIGHT}, MAX_STEP), _filled(0, {"rtt_change": MAX_WEIGHT}, 1024),
    ]  # fmt: skip


def random_policy(rng: np.random.Generator) -> Policy:
    """Weights of a magnitude drawn from 2^-4 to 2^5 each time, step and first window over their whole ranges."""
    scale = 1024 * 2.0 ** rng.uniform(-4, 5)
    weights = np.clip(np.rint(rng.normal(0, scale, HIDDEN * (FEATURES + 2) + FEATURES + 1)), -MAX_WEIGHT, MAX_WEIGHT).astype(int).tolist()
    rows, rest = weights[: HIDDEN * FEATURES], weights[HIDDEN * FEATURES :]
    return Policy(
        tuple(rest[:HIDDEN]), tuple(tuple(rows[i * FEATURES : (i + 1) * FEATURES]) for i in range(HIDDEN)),
        tuple(rest[HIDDEN : 2 * HIDDEN]), tuple(rest[2 * HIDDEN : 2 * HIDDEN + FEATURES]), rest[-1], Card("random", guard=GUARD),
        int(rng.integers(0, MAX_STEP + 1)), int(rng.integers(MIN_FIRST_WINDOW, 10 * 1024 + 1)),
    )  # fmt: skip


def policies(number: int = NUM_POLICIES) -> list[Policy]:
    """The hostile policies, and random ones up to this number."""
    rng = benchmark_generator(1)
    hostile = hostile_policies()[:number]
    return hostile + [random_policy(rng) for _ in range(number - len(hostile))]


def scenarios() -> list[tuple[str, Trial]]:
    """Twenty: four workloads at three loads, seven dumbbells and an incast."""
    found = []
    for case in (CASES[0], CASES[1], CASES[3], CASES[4]):
        short = replace(case, arrival_s=case.arrival_s / SHORTER, drain_s=case.drain_s / 2)
        found += [(f"{case.name} {load_share:.0%}", short.trial(load_share, case.thresholds[1], tuning_seed(50))) for load_share in
                  (0.3, 0.5, 0.8)]  # fmt: skip
    found += [(sharing.name, replace(sharing, end_s=sharing.end_s / 2).trial(50)) for sharing in (*SHARINGS[1:3], *SHARINGS[5:])]
    return [*found, ("incast 32 x 100 kB 1G", incast_trial(32, 100_000, 1e9, 20, 50))]


def stress(trials: Trials, number: int = NUM_POLICIES) -> pd.DataFrame:
    """For each scenario and policy its goodput, and the 99th percentile of slowdowns where flows are finite, over DCTCP's."""
    tested = policies(number)
    rows = []
    for name, trial in scenarios():
        reference, *outcomes = trials.run(trial, [REFERENCE, *tested])
        for index, outcome in enumerate(outcomes):
            goodput = float(outcome.delivered_bytes.sum() / reference.delivered_bytes.sum())
            p99 = np.nan if trial.endless else rank_percentile(outcome.slowdowns, 99) / rank_percentile(reference.slowdowns, 99)
            rows.append((name, index, goodput, p99))
    return pd.DataFrame(rows, columns=["case", "policy", "goodput", "p99"])
