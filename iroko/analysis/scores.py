"""The comparison: every scheme of a run against the measures, from the run folder alone.

What the measures are, each of one episode and then averaged over the scored episodes (drops and marks are counted over all):

    goodput_share     application bytes received, over what the links of the receiving hosts carry in that time (headers too)
    queue_mean_bytes  mean backlog over the steps and over the switch ports on the flows' paths that carried traffic
    queue_p99_bytes   99th percentile of the same backlogs
    drops, marks      packets dropped and ECN-marked by the fabric's ports
    jain              Jain's index of the flows' rates while they are under way; none where it means nothing, see
    `iroko.analysis.flow_rates` reward            reward per step

A port that a path does not use is left out, so that the acknowledgements of TCP, which keep the way back busy but its queues empty,
do not make TCP's queues look shorter than those of UDP.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.text import Text

from iroko.analysis.completion_table import print_completions
from iroko.analysis.completions import score_completions
from iroko.analysis.flow_rates import episode_jain
from iroko.analysis.text_table import print_columns
from iroko.errors import InputError
from iroko.metrics import goodput_bps, queue_percentiles
from iroko.rundir.reader import RunData, read_manifest
from iroko.scenario import HOSTS
from iroko.topology import Topology

REFERENCES = ("nv", "dctcp")
"""The baselines that learned agents are measured against in words."""
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


def score_schemes(run: RunData) -> list[Score]:
    """Score every scheme of a run, in the order of its config."""
    topology = run.config.scenario.make_topology()
    return [_score(run, topology, scheme) for scheme in run.schemes]


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


def _score(run: RunData, topology: Topology, scheme: str) -> Score:
    steps, flows = run.steps[run.steps["scheme"] == scheme], run.flows[run.flows["scheme"] == scheme]
    episodes = [_measure(topology, of_episode, flows[flows["episode"] == episode]) for episode, of_episode in steps.groupby("episode")]
    values = {name: np.array([episode[name] for episode in episodes if not math.isnan(episode[name])]) for name in AVERAGED}
    return Score(
        scheme=scheme,
        drops=int(stack(steps["port_drops"]).sum()),
        marks=int(stack(steps["port_marks"]).sum()),
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
        "jain": episode_jain(topology, flows, time_s),
        "reward": float(steps["reward"].mean()),
    }


def to_json(run: RunData, scores: list[Score]) -> str:
    """The comparison as one line of JSON; `in_training` holds the scores on the engine of the training, where that is another.

    Where flows are finite, `completions` has how they completed, see `iroko.analysis.completions`. `warnings` are those of the manifest.
    """
    result: dict[str, Any] = {"run": str(run.path), "engine": run.config.engine} | _to_tables(run, scores)
    result["warnings"] = read_manifest(run.path).warnings
    if run.in_training is not None:
        result["in_training"] = {"engine": run.config.train_engine} | _to_tables(run.in_training, score_schemes(run.in_training))
    return json.dumps(result, allow_nan=False)


def _to_tables(run: RunData, scores: list[Score]) -> dict[str, Any]:
    tables = {"schemes": [score.to_table() for score in scores]}
    if completions := score_completions(run):
        tables["completions"] = [score.to_table() for score in completions]
    return tables


def print_table(run: RunData, scores: list[Score], console: Console) -> None:
    """Print the comparison, and for each agent how far its reward is from the references'."""
    if not scores:
        raise InputError(f"run {run.path}: no scheme is scored")
    scenario, episodes = run.config.scenario, int(run.steps["episode"].nunique())
    spread = ", mean ± standard deviation" if episodes > 1 else ""
    title = (
        f"{scenario.topology_name}, {scenario.traffic_name}{', deployment hosts,' if scenario.deployment == HOSTS else ''} "
        f"{where(run.config.engine)}: "
        f"{episodes} episode{'s' * (episodes > 1)} of {scenario.episode_s:g} s{spread}"
    )
    headings = ["\n".join(f"{line}  " for line in heading.split("\n")) for heading in HEADINGS.values()]
    rows = []
    best = {name: _best_cell(scores, name) for name in HEADINGS}
    for score in scores:
        cells = [Text(score.scheme, style="bold" if score.scheme in run.config.agents else "")]
        for name in HEADINGS:
            cell, deviation = _cell(name, getattr(score, name)), score.deviations.get(name)
            text = Text(f"{cell} *", style="bold") if cell == best[name] else Text(f"{cell}  ")
            cells.append(text if deviation is None else text.append(f"\n± {_cell(name, deviation)}  ", style="not bold dim"))
        rows.append(cells)
    caption = "* best of its column; drops and marks are packets over all episodes"
    print_columns(console, title, caption, ["scheme", *headings], rows)
    print_completions(score_completions(run), run.config.agents, console)
    warnings = [f"warning: {line}" for line in read_manifest(run.path).warnings]
    for line in [*compare(run, scores), *compare_engines(run, scores), *warnings]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,}" if name in ("drops", "marks") else f"{value / 1e3:,.2f}" if name.endswith("_bytes") else f"{value:.3f}"


def _best_cell(scores: list[Score], name: str) -> str | None:
    """What the best of a column reads; None where all read alike, or where nothing is good or bad (marks)."""
    values = [value for score in scores if not math.isnan(value := getattr(score, name))]
    if name == "marks" or len({_cell(name, value) for value in values}) < 2:
        return None
    return _cell(name, min(values) if name in LOWER_IS_BETTER else max(values))


def compare(run: RunData, scores: list[Score]) -> list[str]:
    """One line for each agent: by how much its reward per step is above or below that of `nv` and `dctcp`."""
    rewards = {score.scheme: score.reward for score in scores}
    references = [name for name in REFERENCES if name in rewards]
    lines = []
    for agent in run.config.agents:
        if agent not in rewards or agent in REFERENCES:
            continue
        parts = [_difference(rewards[agent], rewards[name], name) for name in references]
        lines.append(f"{agent}: reward {rewards[agent]:.3f} per step" + (", " + ", ".join(parts) if parts else ""))
    return lines


def where(engine: str) -> str:
    """On or in an engine, as one says it."""
    return "in sim" if engine == "sim" else f"on {engine}"


def rewards_by_engine(run: RunData) -> dict[str, dict[str, float]]:
    """For each engine on which schemes were scored the reward per step of each."""
    rewards = {run.config.engine: {score.scheme: score.reward for score in score_schemes(run)}}
    if run.in_training is not None:
        rewards[run.config.train_engine] = {score.scheme: score.reward for score in score_schemes(run.in_training)}
    return rewards


def compare_engines(run: RunData, scores: list[Score]) -> list[str]:
    """What the reward of each agent that learned loses on the way from one engine to the other, and how far the others differ there."""
    if run.in_training is None:
        return []
    there, here = where(run.config.train_engine), where(run.config.engine)
    before, after = ({score.scheme: score.reward for score in each} for each in (score_schemes(run.in_training), scores))
    both = [scheme for scheme in after if scheme in before]
    lines = [
        f"{scheme}: reward {before[scheme]:.3f} per step {there}, {after[scheme]:.3f} {here}: {_change(before[scheme], after[scheme])}"
        for scheme in both
        if scheme in run.config.agents
    ]
    if others := [f"{scheme} {_change(before[scheme], after[scheme])}" for scheme in both if scheme not in run.config.agents]:
        lines.append(f"baselines, from {run.config.train_engine} to {run.config.engine}: {', '.join(others)}")
    return lines


def _change(before: float, after: float) -> str:
    return f"{(after - before) / abs(before):+z.1%}" if before else f"{after - before:+.3f}"


def _difference(own: float, other: float, name: str) -> str:
    difference = own - other
    if difference == 0:
        return f"equal to {name}"
    percent = f" ({difference / abs(other):+.1%})" if other else ""
    return f"{abs(difference):.3f} {'above' if difference > 0 else 'below'} {name}{percent}"
