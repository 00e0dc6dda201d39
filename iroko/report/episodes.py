"""Scored episodes over time: the lines of the figures, and the recordings of the fabric's ports.

A recording holds for each port and frame (some steps of control together) what the port sent over what its link carries, mean and
peak backlog, drops and marks. All frames of all recordings would not fit into a page where the fabric is large or the runs are many:
`plan` says what is kept, from counts alone, so that it does not depend on what was measured.
"""

import base64
import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from iroko.analysis.scores import path_backlogs, stack
from iroko.report.layout import layout_nodes
from iroko.report.page import Ink, Spec
from iroko.rundir.reader import RunData
from iroko.topology import Topology

MOST_FRAMES = 200
FEWEST_FRAMES = 20
BUDGET = 1_000_000
"""Ports times frames of all recordings of a page: 1 to 2 MB of it."""
UTILISATION_UNIT = 1e-4

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Episode:
    """One scored episode of a scheme.

    Attributes:
        time_s, reward, goodput_bps, queue_bytes: shape `(num_steps,)`; the queue is the mean over the switch ports on the flows' paths.
    """

    scheme: str
    seed: int
    episode: int
    time_s: Floats
    reward: Floats
    goodput_bps: Floats
    queue_bytes: Floats
    steps: pd.DataFrame

    def without_steps(self) -> "Episode":
        """The lines over time alone: the rows of all ports of all runs would fill the memory."""
        return replace(self, steps=self.steps.iloc[:0])


def episodes(run: RunData, topology: Topology) -> Iterator[Episode]:
    """The scored episodes of a run, in the order of its schemes."""
    for scheme in run.schemes:
        steps, flows = run.steps[run.steps["scheme"] == scheme], run.flows[run.flows["scheme"] == scheme]
        for episode, own in steps.groupby("episode"):
            backlogs = path_backlogs(topology, own, flows[flows["episode"] == episode])
            yield Episode(
                scheme, run.config.seed, int(str(episode)), own["time_s"].to_numpy(float), own["reward"].to_numpy(float),
                own["goodput_bps"].to_numpy(float), backlogs.sum(axis=1) / max(1, backlogs.shape[1]), own,
            )  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What a page keeps of the recordings.

    Attributes:
        frames: the most of one recording.
        first_episodes, first_seeds: whether only the first episode of each run, only the first seed of each scheme are kept.
    """

    frames: int
    first_episodes: bool = False
    first_seeds: bool = False

    def keeps(self, episode: int, seed: int, first_seed: int) -> bool:
        return not (self.first_episodes and episode) and not (self.first_seeds and seed != first_seed)

    def describe(self, num_steps: int) -> str:
        """What was left out, in a sentence; empty where nothing was."""
        parts = []
        if num_steps > self.frames:
            parts.append(f"a frame of the fabric is {math.ceil(num_steps / self.frames)} steps together (means of rates and backlogs, "
                         "the highest peak, sums of drops and marks)")  # fmt: skip
        if self.first_seeds:
            parts.append("only the first episode of each scheme's first seed is in it")
        elif self.first_episodes:
            parts.append("only the first episode of each seed is in it")
        return f"So that this page stays small, {', and '.join(parts)}; the run folders have everything." if parts else ""


def plan(num_ports: int, num_schemes: int, num_seeds: int, num_episodes: int) -> Plan:
    """Choose what to keep so that the recordings fit the budget.

    Args:
        num_ports, num_schemes: of all scenarios together: sums over them of ports and of ports times schemes are not needed exactly.
    """
    for first_episodes, first_seeds in ((False, False), (True, False), (True, True)):
        recordings = num_schemes * (1 if first_seeds else num_seeds) * (1 if first_episodes else num_episodes)
        frames = BUDGET // max(1, num_ports * recordings)
        if frames >= FEWEST_FRAMES:
            break
    return Plan(max(FEWEST_FRAMES // 2, min(MOST_FRAMES, frames)), first_episodes and num_episodes > 1, first_seeds and num_seeds > 1)


def record(episode: Episode, topology: Topology, most_frames: int, ink: Ink, scenario: int) -> Spec:
    """The recording of one episode, for `page/fabric.js`.

    `data` is base64 of zlib of four planes of uint32 (mean and peak backlog in bytes, drops, marks) and one of uint16 (utilisation in
    units of 1e-4), little-endian, each of shape `(num_ports, num_frames)`.
    """
    steps = episode.steps
    group = math.ceil(len(steps) / most_frames)
    starts = np.arange(0, len(steps), group)
    spans_s = steps["interval_s"].to_numpy(float)
    frame_s = np.add.reduceat(spans_s, starts)
    rates_bps = np.array([port.rate_bps for port in topology.ports])

    def planes(name: str) -> Floats:
        return stack(steps[name]).astype(float)

    sent = np.add.reduceat(planes("port_bytes"), starts) * 8 / (rates_bps * frame_s[:, None])
    mean = np.add.reduceat(planes("backlog_mean_bytes") * spans_s[:, None], starts) / frame_s[:, None]
    peak = np.maximum.reduceat(planes("backlog_peak_bytes"), starts)
    drops, marks = (np.add.reduceat(planes(name), starts) for name in ("port_drops", "port_marks"))
    whole = b"".join(np.rint(plane).T.astype("<u4").tobytes() for plane in (mean, peak, drops, marks))
    share = np.minimum(np.rint(sent / UTILISATION_UNIT), 65_535).T.astype("<u2").tobytes()
    return {
        "scenario": scenario, "ink": ink.name, "scheme": ink.label, "seed": episode.seed, "episode": episode.episode,
        "ends": [round(float(time), 9) for time in np.append(episode.time_s[starts[1:] - 1], episode.time_s[-1])],
        "spans": [round(float(span), 9) for span in frame_s],
        "data": base64.b64encode(zlib.compress(whole + share, 9)).decode("ascii"),
    }  # fmt: skip


@dataclass
class Fabric:
    """The topologies and recordings of a page, as they are gathered."""

    scenarios: list[Spec] = field(default_factory=list)
    recordings: list[Spec] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add_topology(self, name: str, topology: Topology) -> int:
        """Add a scenario; returns its number."""
        positions, layout = layout_nodes(topology)
        nodes = [[node, round(positions[node][0], 4), round(positions[node][1], 4)] for node in (*topology.hosts, *topology.switches)]
        ports = [[port.owner, port.peer, port.rate_bps, port.queue_bytes, port.owner not in topology.host_index] for port in topology.ports]
        self.scenarios.append({"name": name, "layout": layout, "hosts": topology.num_hosts, "nodes": nodes, "ports": ports})
        return len(self.scenarios) - 1

    def note(self, text: str) -> None:
        if text and text not in self.notes:
            self.notes.append(text)

    @property
    def spec(self) -> Spec | None:
        if not self.recordings:
            return None
        return {"scenarios": self.scenarios, "recordings": self.recordings, "notes": self.notes}


@dataclass(frozen=True)
class Over:
    """A measure over time: mean, lowest and highest over episodes and seeds, shape `(num_steps,)` each."""

    time_s: Floats
    mean: Floats
    low: Floats
    high: Floats
    count: int


def over_time(given: Sequence[Episode], name: str) -> Over:
    """One measure of some episodes of a scheme step by step; an episode that ended before others counts while it lasts."""
    longest = max(given, key=lambda episode: len(episode.time_s))
    values = np.full((len(given), len(longest.time_s)), np.nan)
    for row, episode in zip(values, given, strict=True):
        own = getattr(episode, name)
        row[: len(own)] = own
    return Over(longest.time_s, np.nanmean(values, axis=0), np.nanmin(values, axis=0), np.nanmax(values, axis=0), len(given))
