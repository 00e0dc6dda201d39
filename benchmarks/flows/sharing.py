"""Long flows that share a link: fairness, use of the link, coexistence with other controls, and incast."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from benchmarks.flows.cases import held_out_seed
from benchmarks.flows.schemes import REFERENCE, Schemes
from iroko.agents._flow_tasks import dumbbell, network
from iroko.envs.flow_trials import Trial, Trials
from iroko.flows import LEARNED, Flow
from iroko.metrics import jain_index, rank_percentile
from iroko.policy.format import Policy
from iroko.seeds import traffic_generator, transport_seed

FULL_SHARE = 0.956
"""Application bytes over bytes on the wire of TCP's full frames."""


@dataclass(frozen=True)
class Sharing:
    """Flows through one link of a dumbbell, whose starts are drawn from the first quarter.

    Attributes:
        num_flows: side by side.
        rate_bps: of each link.
        delay_s: of each link; the round trip has six.
        threshold: of ECN, in frames.
        end_s: how long it takes; rates are of the second half.
    """

    num_flows: int
    rate_bps: float
    delay_s: float
    threshold: int
    end_s: float

    @property
    def name(self) -> str:
        return f"{self.num_flows} x {self.rate_bps / 1e9:g}G, {self.delay_s * 6e6:g} us"

    def trial(self, seed: int) -> Trial:
        episode_seed = held_out_seed(seed)
        starts_s = traffic_generator(episode_seed).uniform(0, self.end_s / 4, self.num_flows).tolist()
        return dumbbell(
            self.num_flows, self.rate_bps, self.delay_s, self.threshold, self.end_s, starts_s, transport_seed(episode_seed) % (1 << 31)
        )


SHARINGS = (
    Sharing(2, 1e9, 3e-6, 20, 0.6), Sharing(8, 1e9, 3e-6, 20, 0.6), Sharing(32, 1e9, 3e-6, 20, 0.6), Sharing(8, 1e10, 3e-6, 65, 0.15),
    Sharing(8, 1e11, 3e-6, 130, 0.03), Sharing(2, 1e10, 5e-5, 65, 0.2), Sharing(4, 1e10, 5e-5, 65, 0.2), Sharing(8, 1e10, 5e-5, 65, 0.2),
    Sharing(1, 1e9, 5e-5, 20, 0.6), Sharing(1, 1e10, 5e-5, 65, 0.2),
)  # fmt: skip
COEXISTENCE = (Sharing(8, 1e9, 3e-6, 20, 0.6), Sharing(8, 1e10, 3e-6, 65, 0.15))
INCASTS = ((32, 20_000, 1e9, 20), (32, 100_000, 1e9, 20), (64, 64_000, 1e10, 65), (32, 1_000_000, 1e10, 65))
"""Senders, bytes of each, rate, ECN threshold in frames."""


def share(trials: Trials, schemes: Schemes, seeds: int, sharings: Sequence[Sharing] = SHARINGS) -> pd.DataFrame:
    """Jain's index of the flows' rates, and their sum over the link's rate, for each case, seed and scheme."""
    rows = []
    everyone = {REFERENCE: REFERENCE, **schemes}
    for case in sharings:
        for seed in range(seeds):
            for name, outcome in zip(everyone, trials.run(case.trial(seed), list(everyone.values())), strict=True):
                rows.append((case.name, name, seed, jain_index(outcome.rates_bps), float(outcome.rates_bps.sum()) / case.rate_bps))
    return pd.DataFrame(rows, columns=["case", "scheme", "seed", "jain", "share"])


def coexist(trials: Trials, policy: Policy, seeds: int, others: Sequence[str] = (REFERENCE, "cubic")) -> pd.DataFrame:
    """The share that every second flow gets of what all get, where the others run over another transport."""
    rows = []
    for case in COEXISTENCE:
        for other in others:
            for seed in range(seeds):
                trial = case.trial(seed)
                flows = tuple(replace(flow, transport=other if i % 2 else None) for i, flow in enumerate(trial.flows))
                mixed = replace(trial, flows=flows)
                for name, outcome in zip((LEARNED, REFERENCE), trials.run(mixed, [policy, REFERENCE]), strict=True):
                    own = float(outcome.rates_bps[::2].sum() / outcome.rates_bps.sum())
                    rows.append((case.name, name, other, seed, own, float(outcome.rates_bps.sum()) / case.rate_bps))
    return pd.DataFrame(rows, columns=["case", "scheme", "beside", "seed", "own_share", "share"])


def incast_trial(senders: int, size_bytes: int, rate_bps: float, threshold: int, seed: int) -> Trial:
    """Three waves of answers to one host of a star, over a long transfer; an answer may take three retransmission timeouts."""
    rng = traffic_generator(held_out_seed(seed))
    topology = network("star", rate_bps, 3e-6, threshold, num_hosts=senders + 2)
    hosts, wave_s = topology.hosts, senders * size_bytes * 8 / rate_bps
    flows = [Flow(hosts[0], hosts[-1], 0.0, int(rate_bps * 2e-3))]
    for wave in range(3):
        starts_s = 2e-3 + wave * 3 * wave_s + rng.uniform(0, 50e-6, senders)
        flows += [Flow(hosts[i + 1], hosts[-1], float(start_s), size_bytes) for i, start_s in enumerate(starts_s)]
    return Trial("incast", topology, tuple(flows), 0.8 + 9 * wave_s, transport_seed(held_out_seed(seed)) % (1 << 31))


def incast(trials: Trials, schemes: Schemes, seeds: int) -> pd.DataFrame:
    """Mean and 99th percentile of the answers' slowdowns, for each case, seed and scheme."""
    rows = []
    everyone = {REFERENCE: REFERENCE, **schemes}
    for senders, size_bytes, rate_bps, threshold in INCASTS:
        case = f"{senders} x {size_bytes / 1000:g} kB {rate_bps / 1e9:g}G"
        for seed in range(seeds):
            trial = incast_trial(senders, size_bytes, rate_bps, threshold, seed)
            for name, outcome in zip(everyone, trials.run(trial, list(everyone.values())), strict=True):
                answers = outcome.slowdowns[1:]
                rows.append((case, name, seed, float(np.mean(answers)), rank_percentile(answers, 99), outcome.unfinished))
    return pd.DataFrame(rows, columns=["case", "scheme", "seed", "mean", "p99", "unfinished"])
