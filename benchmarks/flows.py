"""Per-flow policies beside tuned rivals: `python -m benchmarks.flows --policy NAME_OR_FILE`, in the simulator.

k=4 fat-tree, 1 Gbit/s, ECMP, hosts with one FIFO each. DCTCP's threshold is tuned on training seeds by the sum of the logarithms of all
measures; every scheme then runs on that network, on the same held-out flows. Ratios are to DCTCP, paired by seed: for each seed the
geometric mean over loads, then mean and 95% interval of their logarithms over seeds.
"""

import argparse
from dataclasses import replace

import numpy as np

from iroko.agents._flow_tasks import FRAME_BYTES, dumbbell, network, poisson
from iroko.analysis.intervals import mean_interval
from iroko.envs.flow_trials import Outcome, Trial, Trials
from iroko.metrics import jain_index, rank_percentile
from iroko.policy.choice import load_policy
from iroko.policy.format import Policy
from iroko.scenario import Scenario
from iroko.seeds import scored_episode_seed, traffic_generator, training_section_seed, transport_seed
from iroko.snapshot import Floats

SEED = 2026
WORKLOADS = {"websearch": (0.4, 0.4), "hadoop": (0.08, 0.12), "datamining": (0.6, 0.6)}
"""Seconds in which flows arrive, and more to finish."""
LOADS = (0.3, 0.5, 0.7)
RATE_BPS, DELAY_S = 1e9, 3e-6
THRESHOLDS = (5, 10, 20)
TUNING_SEEDS = 2
MEASURES = ("small p99", "small mean", "medium mean", "large mean")


def make_trial(workload: str, load_share: float, episode_seed: int, threshold: int) -> Trial:
    topology = network("fattree", RATE_BPS, DELAY_S, threshold, k=4)
    return poisson(traffic_generator(episode_seed), topology, workload, load_share, *WORKLOADS[workload], transport_seed(episode_seed))


def with_threshold(trial: Trial, threshold: int) -> Trial:
    """The same flows on switches that mark from another length of queue on."""
    ports = tuple(replace(port, ecn_bytes=None if port.ecn_bytes is None else threshold * FRAME_BYTES) for port in trial.topology.ports)
    return replace(trial, topology=replace(trial.topology, ports=ports))


def measures(trial: Trial, outcome: Outcome) -> Floats:
    """`MEASURES` of slowdowns: flows up to 100 kB, up to 1 MB, larger; NaN without flows of a class."""
    sizes, slowdowns = trial.sizes_bytes, outcome.slowdowns
    small, large = sizes <= 1e5, sizes > 1e6
    medium = ~small & ~large
    means = [float(slowdowns[own].mean()) if own.any() else np.nan for own in (small, medium, large)]
    return np.array([rank_percentile(slowdowns[small], 99), *means])


def tune(trials: Trials, workload: str) -> int:
    """DCTCP's best threshold of a workload, on training seeds."""
    sums = dict.fromkeys(THRESHOLDS, 0.0)
    for load_share in LOADS:
        for number in range(TUNING_SEEDS):
            drawn = make_trial(workload, load_share, training_section_seed(SEED, number), THRESHOLDS[0])
            for threshold in THRESHOLDS:
                trial = with_threshold(drawn, threshold)
                sums[threshold] += float(np.nansum(np.log(measures(trial, trials.run(trial, ["dctcp"])[0]))))
    return min(sums, key=lambda threshold: sums[threshold])


def compare(trials: Trials, workload: str, schemes: dict[str, Policy | str], seeds: int) -> None:
    """Print every seed's ratios of a workload, and their means with intervals."""
    threshold = tune(trials, workload)
    print(f"\n### {workload}, DCTCP K={threshold} frames (of {THRESHOLDS} on training seeds)\n", flush=True)
    print(f"| scheme | seed | {' | '.join(MEASURES)} | unfinished |\n|---|---|{'---|' * (len(MEASURES) + 1)}", flush=True)
    logs: dict[str, list[Floats]] = {name: [] for name in schemes}
    for seed in range(seeds):
        found: dict[str, list[Floats]] = {name: [] for name in schemes}
        unfinished = dict.fromkeys(schemes, 0)
        for load_share in LOADS:
            trial = make_trial(workload, load_share, scored_episode_seed(SEED, seed), threshold)
            first, *outcomes = trials.run(trial, ["dctcp", *schemes.values()])
            for name, outcome in zip(schemes, outcomes, strict=True):
                found[name].append(np.log(measures(trial, outcome)) - np.log(measures(trial, first)))
                unfinished[name] += outcome.unfinished - first.unfinished
        for name in schemes:
            logs[name].append(np.nanmean(found[name], axis=0))
            cells = " | ".join(f"{value:.2f}" for value in np.exp(logs[name][-1]))
            print(f"| {name} | {seed} | {cells} | {unfinished[name]:+d} |", flush=True)
    for name in schemes:
        ends = [np.exp(mean_interval(column)) for column in np.array(logs[name]).T]
        print(f"| **{name}** | all | " + " | ".join(f"**{mean:.2f}** [{low:.2f}, {high:.2f}]" for mean, low, high in ends) + " | |")


def share(trials: Trials, schemes: dict[str, Policy | str]) -> None:
    """Print Jain's index and the used share of long flows on dumbbells, over the second half."""
    schemes = {"dctcp": "dctcp", **schemes}
    print("\n### Long flows: Jain's index, application bytes over what the link carries (full: 0.956)\n")
    print(f"| flows | {' | '.join(schemes)} |\n|---|{'---|' * len(schemes)}", flush=True)
    for num, rate_bps, delay_s, threshold, end_s in ((8, 1e9, 3e-6, 20, 0.4), (8, 1e10, 3e-6, 65, 0.1), (4, 1e10, 5e-5, 65, 0.1),
                                                     (1, 1e10, 5e-5, 65, 0.1)):  # fmt: skip
        starts_s = traffic_generator(scored_episode_seed(SEED, num)).uniform(0, end_s / 4, num).tolist()
        outcomes = trials.run(dumbbell(num, rate_bps, delay_s, threshold, end_s, starts_s, 1), list(schemes.values()))
        cells = [f"{jain_index(each.rates_bps):.3f}, {each.rates_bps.sum() / rate_bps:.3f}" for each in outcomes]
        print(f"| {num} x {rate_bps / 1e9:g}G, {delay_s * 6e6:.0f} us | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--policy", required=True, help="a built-in policy's name, or a file")
    parser.add_argument("--workloads", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--rivals", nargs="*", default=["nv", "cubic"])
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    schemes: dict[str, Policy | str] = {"iroko": load_policy(arguments.policy), **{name: name for name in arguments.rivals}}
    trials = Trials(Scenario(), len(schemes) + 1, SEED)
    share(trials, schemes)
    for workload in arguments.workloads:
        compare(trials, workload, schemes, arguments.seeds)


if __name__ == "__main__":
    main()
