"""Recordings of the fabric's ports over scored episodes.

A recording holds for each port and frame (some steps of control together) what the port sent over what its link carries, mean and
peak backlog, drops and marks. All frames of all recordings would not fit into a page where the fabric is large or the runs are many:
`plan` says what is kept, from counts alone, so that it does not depend on what was measured.
"""

import base64
import math
import zlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from iroko.analysis.episodes import Episode
from iroko.analysis.scores import stack
from iroko.report.layout import layout_nodes
from iroko.report.page import Ink, Spec
from iroko.topology import Topology

MOST_FRAMES = 200
FEWEST_FRAMES = 20
BUDGET = 1_000_000
"""Ports times frames of all recordings of a page: 1 to 2 MB of it."""
UTILISATION_UNIT = 1e-4

Floats = npt.NDArray[np.float64]


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
