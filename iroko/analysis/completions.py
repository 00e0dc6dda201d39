"""How fast finite flows completed, by size class: completion time and slowdown of every scheme of a run, from the run folder alone.

The slowdown of a flow is its completion time over the one it would have with its path to itself and the transport that the scheme
ran over, with headers and handshake: `iroko.metrics.ideal_completions_s` and `slowdowns` say exactly. Percentiles are nearest ranks over
the flows of all scored episodes, in which a flow that did not finish counts as infinitely slow: where more than 1% of a class are
unfinished, its 99th percentile is infinite. A flow that starts at or after the end of the episode had no chance and is left out.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from iroko.flows import UDP
from iroko.metrics import (
    TCP_HEADERS_BYTES,
    UDP_HEADERS_BYTES,
    Booleans,
    ideal_completions_s,
    last_frames_s,
    rank_percentile,
    size_classes,
    slowdowns,
)
from iroko.rundir.config import RunConfig
from iroko.rundir.reader import RunData, read_manifest
from iroko.rundir.record_size import TRANSPORT
from iroko.scenario import Scenario
from iroko.snapshot import Floats, Integers
from iroko.topology import Topology
from iroko.units import format_size

CLASS_BOUNDS_BYTES = (10_000, 100_000, 1_000_000)
"""Where the classes end unless the run says otherwise, times the `size_scale` of its traffic: at scale 1 up to 10 kB, 100 kB, 1 MB and
more, as in DCTCP (Alizadeh et al., SIGCOMM 2010, figure 22)."""
PERCENTS = (50, 99)


@dataclass(frozen=True)
class ClassScore:
    """How the flows of one size class completed.

    Attributes:
        name: the class in words, such as `≤ 100 kB`.
        flows, unfinished: how many, and how many of them did not finish.
        completion_s, slowdown: for each of `PERCENTS` its percentile; NaN without flows, infinite where too many are unfinished.
    """

    name: str
    flows: int
    unfinished: int
    completion_s: tuple[float, ...]
    slowdown: tuple[float, ...]

    def to_table(self) -> dict[str, Any]:
        """For JSON, which has no infinity and no NaN: both are None, and `unfinished` or `flows` tells which."""
        result: dict[str, Any] = {"class": self.name, "flows": self.flows, "unfinished": self.unfinished}
        for name in ("completion_s", "slowdown"):
            for percent, value in zip(PERCENTS, getattr(self, name), strict=True):
                result[f"{name}_p{percent}"] = value if math.isfinite(value) else None
        return result


@dataclass(frozen=True)
class CompletionScore:
    """How one scheme's flows completed.

    Attributes:
        transport: what they ran over.
        classes: by size, smallest first.
        total: all flows together.
        late: flows that start at or after the end of the episode; they are in no class.
        drops: packets that the fabric dropped: over UDP, each of them leaves a flow unfinished for good.
    """

    scheme: str
    transport: str
    classes: tuple[ClassScore, ...]
    total: ClassScore
    late: int
    drops: int

    def to_table(self) -> dict[str, Any]:
        return {"scheme": self.scheme, "transport": self.transport, "late": self.late, "drops": self.drops,
                "total": self.total.to_table(), "classes": [each.to_table() for each in self.classes]}  # fmt: skip


@dataclass(frozen=True)
class FiniteFlows:
    """The finite flows of one scheme that start before the episode's end, all arrays of shape `(num_flows,)`.

    Attributes:
        sizes_bytes, completions_s, slowdowns: NaN and infinite for an unfinished flow.
        late: how many more start at or after the end.
    """

    sizes_bytes: Integers
    completions_s: Floats
    slowdowns: Floats
    late: int

    @property
    def unfinished(self) -> Booleans:
        return np.isnan(self.completions_s)


def has_finite_flows(run: RunData) -> bool:
    """Whether a run has any flow of a given size."""
    return bool(run.flows["size_bytes"].notna().any())


def class_bounds_bytes(config: RunConfig) -> tuple[float, ...]:
    """Where a run's size classes end: as its config says, else `default_bounds_bytes`."""
    return tuple(float(bound) for bound in config.size_classes_bytes) or default_bounds_bytes(config.scenario)


def default_bounds_bytes(scenario: Scenario) -> tuple[float, ...]:
    """`CLASS_BOUNDS_BYTES` times the `size_scale` of the traffic."""
    scale = float(scenario.traffic_parameters.get("size_scale", 1.0))
    return tuple(bound * scale for bound in CLASS_BOUNDS_BYTES)


def finite_flows(run: RunData, topology: Topology, scheme: str) -> FiniteFlows:
    """The finite flows of a scheme, over all scored episodes."""
    return select_finite(run.flows[run.flows["scheme"] == scheme], topology, run.config.scenario.episode_s, _transport(run, scheme))


def score_completions(run: RunData) -> list[CompletionScore]:
    """Score every scheme of a run, in the order of its config; empty when no flow is finite."""
    if not has_finite_flows(run):
        return []
    topology, bounds = run.config.scenario.fabric, class_bounds_bytes(run.config)
    scores = []
    for scheme in run.schemes:
        drops = run.steps["port_drops"][run.steps["scheme"] == scheme]
        scores.append(score_flows(scheme, _transport(run, scheme), finite_flows(run, topology, scheme), bounds, drops))
    return scores


def score_flows(scheme: str, transport: str, flows: FiniteFlows, bounds_bytes: Sequence[float], drops: Iterable[Any]) -> CompletionScore:
    """Score the finite flows of one scheme.

    Args:
        bounds_bytes: where the size classes end.
        drops: for each step those of the ports.
    """
    classes = size_classes(flows.sizes_bytes, bounds_bytes)
    by_class = tuple(_score(name, flows, classes == number) for number, name in enumerate(class_names(bounds_bytes)))
    dropped = int(sum(np.sum(each) for each in drops))
    return CompletionScore(scheme, transport, by_class, _score("all", flows, classes >= 0), flows.late, dropped)


def class_names(bounds_bytes: Sequence[float]) -> list[str]:
    """The classes between these bounds in words: `≤ 10 kB`, `≤ 100 kB`, `> 100 kB`, each without those before it."""
    sizes = [format_size(bound) for bound in bounds_bytes]
    return [*(f"≤ {size}" for size in sizes), f"> {sizes[-1]}"]


def _score(name: str, flows: FiniteFlows, members: Booleans) -> ClassScore:
    completions = np.where(flows.unfinished, np.inf, flows.completions_s)[members]
    return ClassScore(
        name=name,
        flows=int(members.sum()),
        unfinished=int(flows.unfinished[members].sum()),
        completion_s=tuple(rank_percentile(completions, percent) for percent in PERCENTS),
        slowdown=tuple(rank_percentile(flows.slowdowns[members], percent) for percent in PERCENTS),
    )


def _transport(run: RunData, scheme: str) -> str:
    return read_manifest(run.path).transports.get(scheme, run.config.scenario.transport)


def select_finite(frame: pd.DataFrame, topology: Topology, episode_s: float, transport: str) -> FiniteFlows:
    """The finite flows of one scheme from its rows in the table of flows.

    Args:
        transport: what they run over where the table has no column of transports.
    """
    frame = frame[frame["size_bytes"].notna()]
    late = frame["start_s"] >= episode_s
    frame = frame[~late]
    sizes = frame["size_bytes"].to_numpy(dtype=np.int64)
    completions = frame["completion_s"].to_numpy(dtype=float, na_value=np.nan)
    rates, delays, round_trips = path_limits(topology, frame)
    over_udp = (frame[TRANSPORT] if TRANSPORT in frame else np.full(len(frame), transport)) == UDP
    ideals = np.where(
        over_udp,
        ideal_completions_s(sizes, rates, delays, UDP_HEADERS_BYTES),
        ideal_completions_s(sizes, rates, delays, TCP_HEADERS_BYTES, round_trips),
    )
    last_s = np.where(over_udp, last_frames_s(sizes, rates, UDP_HEADERS_BYTES), last_frames_s(sizes, rates, TCP_HEADERS_BYTES))
    return FiniteFlows(sizes, completions, slowdowns(completions, ideals, last_s), int(late.sum()))


def path_limits(topology: Topology, frame: pd.DataFrame) -> tuple[Floats, Floats, Floats]:
    """For each flow the rate of the slowest link of its path, the sum of its delays, and that of both ways.

    Under `ecmp` the path of static routing stands for all the shortest ones.
    """
    pairs = list(zip(frame["source"], frame["destination"], strict=True))
    known: dict[tuple[str, str], tuple[float, float, float]] = {}
    for source, destination in dict.fromkeys(pairs):
        there, back = ([topology.ports[i] for i in topology.static_path(*ends)] for ends in ((source, destination), (destination, source)))
        delay_s = sum(port.delay_s for port in there)
        known[source, destination] = min(port.rate_bps for port in there), delay_s, delay_s + sum(port.delay_s for port in back)
    found = np.array([known[pair] for pair in pairs], dtype=float).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]
