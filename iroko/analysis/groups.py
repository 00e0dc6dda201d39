"""How the flows of each transport did, where an episode's flows run over several: scores and completions by group, from the run folder."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from iroko.analysis.completions import CompletionScore, class_bounds_bytes, score_flows, select_finite
from iroko.analysis.flow_rates import active_rates_bps, episode_jain
from iroko.rundir.reader import RunData
from iroko.rundir.record_size import TRANSPORT
from iroko.topology import Topology


@dataclass(frozen=True)
class GroupScore:
    """The flows of a scheme that ran over one transport, over all scored episodes.

    Attributes:
        flows: their number.
        bytes_share: of the scheme's delivered bytes.
        rate_bps: mean of the flows' rates while they were active.
        jain: Jain's index among them, mean over the episodes; NaN where it means nothing, see `iroko.analysis.flow_rates`.
        completion: of the finite ones; None where no flow is finite.
    """

    scheme: str
    transport: str
    flows: int
    bytes_share: float
    rate_bps: float
    jain: float
    completion: CompletionScore | None

    def to_table(self) -> dict[str, Any]:
        """For JSON, which has no NaN: None."""
        numbers = {"bytes_share": self.bytes_share, "rate_bps": self.rate_bps, "jain": None if math.isnan(self.jain) else self.jain}
        rest = {} if self.completion is None else {key: self.completion.to_table()[key] for key in ("late", "total", "classes")}
        return {"scheme": self.scheme, "transport": self.transport, "flows": self.flows} | numbers | rest


def score_groups(run: RunData) -> list[GroupScore]:
    """Score the flows of each transport of each scheme, in the order of the config; empty where every scheme has one transport."""
    if TRANSPORT not in run.flows:
        return []
    topology = run.config.scenario.fabric
    scores = []
    for scheme in run.schemes:
        flows = run.flows[run.flows["scheme"] == scheme]
        steps = run.steps[run.steps["scheme"] == scheme]
        times_s = {episode: float(own.sum()) for episode, own in steps.groupby("episode")["interval_s"]}
        scores += [_score(run, topology, scheme, transport, flows, times_s) for transport in sorted(set(map(str, flows[TRANSPORT])))]
    return scores


def _score(run: RunData, topology: Topology, scheme: str, transport: str, flows: pd.DataFrame, times_s: Mapping[Any, float]) -> GroupScore:
    own = flows[flows[TRANSPORT] == transport]
    episodes = [(rows, times_s[episode]) for episode, rows in own.groupby("episode")]
    indices = [index for rows, time_s in episodes if not math.isnan(index := episode_jain(topology, rows, time_s))]
    total_bytes = int(flows["delivered_bytes"].sum())
    completion = None
    if own["size_bytes"].notna().any():
        finite = select_finite(own, topology, run.config.scenario.episode_s, transport)
        completion = score_flows(scheme, transport, finite, class_bounds_bytes(run.config), ())
    return GroupScore(
        scheme=scheme,
        transport=transport,
        flows=len(own),
        bytes_share=int(own["delivered_bytes"].sum()) / total_bytes if total_bytes else 0.0,
        rate_bps=float(np.concatenate([active_rates_bps(rows, time_s) for rows, time_s in episodes]).mean()),
        jain=float(np.mean(indices)) if indices else math.nan,
        completion=completion,
    )
