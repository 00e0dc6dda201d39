"""The comparison: every scheme of a run against the measures, from the run folder alone.

What the measures are, each of one episode and then averaged over the scored episodes (drops and marks are counted over all):

    goodput_share     application bytes received, over what the links of the receiving hosts carry in that time (headers too)
    queue_mean_bytes  mean backlog over the steps and over the switch ports on the flows' paths that carried traffic
    queue_p99_bytes   99th percentile of the same backlogs
    drops, marks      packets dropped and ECN-marked by the fabric's ports
    jain              Jain's index of the flows' rates while they are under way (`iroko.analysis.flow_rates`); none where it means nothing
    reward            reward per step

A port that a path does not use is left out, so that the acknowledgements of TCP, which keep the way back busy but its queues empty,
do not make TCP's queues look shorter than those of UDP.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from iroko.analysis.flow_rates import episode_jain
from iroko.metrics import goodput_bps, queue_percentiles
from iroko.rundir.reader import RunData
from iroko.topology import Topology

AVERAGED = ("goodput_share", "queue_mean_bytes", "queue_p99_bytes", "jain", "reward")
LOWER_IS_BETTER = ("queue_mean_bytes", "queue_p99_bytes", "drops")
HEADINGS = {
    "goodput_share": "goodput\nshare", "queue_mean_bytes": "queue (kB)\nmean", "queue_p99_bytes": "queue (kB)\n99 %",
    "drops": "drops", "marks": "marks", "jain": "Jain", "reward": "reward\nper step",
}  # fmt: skip


@dataclass(frozen=True)
class Score:
    """One scheme's measures; see the module for what they are.

    Attributes:
        jain: NaN where no episode has an index.
        deviations: for each averaged measure its standard deviation over the episodes that have it (sample, n - 1); none for one episode.
    """

    scheme: str
    goodput_share: float
    queue_mean_bytes: float
    queue_p99_bytes: float
    drops: int
    marks: int
    jain: float
    reward: float
    deviations: dict[str, float]

    def to_table(self) -> dict[str, Any]:
        """For JSON, which has no NaN: None."""
        return {"scheme": self.scheme} | {name: None if math.isnan(value) else value for name, value in self.measures.items()}

    @property
    def measures(self) -> dict[str, float]:
        """Every measure by its name, in the order of the columns."""
        return {name: getattr(self, name) for name in HEADINGS}


def score_episodes(run: RunData) -> pd.DataFrame:
    """Every measure of every scored episode of a run; see `measure_episodes`."""
    topology = run.config.scenario.fabric
    frames = [
        measure_episodes(topology, run.steps[run.steps["scheme"] == scheme], run.flows[run.flows["scheme"] == scheme], run.config.seed)
        for scheme in run.schemes
    ]
    return pd.concat(frames, ignore_index=True)


def measure_episodes(topology: Topology, steps: pd.DataFrame, flows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Measure each episode of one scheme: columns scheme, seed, episode, then the measures; the one place that computes them.

    Args:
        steps, flows: the scheme's rows, see `iroko.run.evaluate.Records`.
    """
    rows = []
    for episode, own in steps.groupby("episode"):
        head = {"scheme": own["scheme"].iloc[0], "seed": seed, "episode": episode}
        rows.append(head | _measure(topology, own, flows[flows["episode"] == episode]))
    return pd.DataFrame(rows, columns=["scheme", "seed", "episode", *HEADINGS])


def score_schemes(run: RunData) -> list[Score]:
    """Score every scheme of a run, in the order of its config."""
    return mean_scores(score_episodes(run))


def mean_scores(episodes: pd.DataFrame) -> list[Score]:
    """The scores of schemes from their episodes, in the order in which they come."""
    return [_score(str(scheme), own) for scheme, own in episodes.groupby("scheme", sort=False)]


def path_ports(topology: Topology, pairs: Iterable[tuple[str, str]]) -> list[int]:
    """The switch ports that flows between these hosts may take: those of the one static path, or of every path under `ecmp`."""
    ports: set[int] = set()
    for source, destination in set(pairs):
        if topology.routing == "static":
            ports.update(topology.static_path(source, destination))
        else:
            ports.update(topology.ecmp_shares(source, destination))
    return sorted(ports & set(topology.switch_ports))


def stack(column: "pd.Series[Any]") -> np.ndarray:
    """A column of lists of one length as an array, shape `(num_rows, length)`."""
    return np.stack([np.asarray(values) for values in column])


def path_backlogs(topology: Topology, steps: pd.DataFrame, flows: pd.DataFrame) -> np.ndarray:
    """Mean backlogs in bytes of one episode at the switch ports on its flows' paths that carried traffic.

    Returns:
        Shape `(num_steps, num_ports_on_paths)`; no columns when nothing was carried.
    """
    ports = path_ports(topology, zip(flows["source"], flows["destination"], strict=True))
    carried = stack(steps["port_bytes"]).sum(axis=0)
    return stack(steps["backlog_mean_bytes"])[:, [port for port in ports if carried[port] > 0]].astype(float)


def _score(scheme: str, episodes: pd.DataFrame) -> Score:
    values = {name: episodes[name].dropna().to_numpy(float) for name in AVERAGED}
    return Score(
        scheme=scheme,
        drops=int(episodes["drops"].sum()),
        marks=int(episodes["marks"].sum()),
        deviations={name: float(value.std(ddof=1)) for name, value in values.items() if len(value) > 1},
        **{name: float(value.mean()) if len(value) else math.nan for name, value in values.items()},
    )


def _measure(topology: Topology, steps: pd.DataFrame, flows: pd.DataFrame) -> dict[str, float]:
    time_s = float(steps["interval_s"].sum())
    receivers = [topology.host_index[name] for name in sorted(set(flows["destination"]))]
    received_bytes = stack(steps["host_received_bytes"])[:, receivers].sum()
    capacity_bps = sum(topology.host_rates_bps[host] for host in receivers)
    backlogs = path_backlogs(topology, steps, flows)
    return {
        "goodput_share": goodput_bps(received_bytes, time_s) / capacity_bps if receivers else 0.0,
        "queue_mean_bytes": float(backlogs.mean()) if backlogs.size else 0.0,
        "queue_p99_bytes": float(queue_percentiles(backlogs, (99,))[0]) if backlogs.size else 0.0,
        "drops": int(stack(steps["port_drops"]).sum()),
        "marks": int(stack(steps["port_marks"]).sum()),
        "jain": episode_jain(topology, flows, time_s),
        "reward": float(steps["reward"].mean()),
    }


def where(engine: str) -> str:
    """An engine after its preposition: `in sim`, `on guest`."""
    return "in sim" if engine == "sim" else f"on {engine}"


def rewards_by_engine(run: RunData) -> dict[str, dict[str, float]]:
    """For each engine on which schemes were scored the reward per step of each."""
    rewards = {run.config.engine: {score.scheme: score.reward for score in score_schemes(run)}}
    if run.in_training is not None:
        rewards[run.config.train_engine] = {score.scheme: score.reward for score in score_schemes(run.in_training)}
    return rewards
