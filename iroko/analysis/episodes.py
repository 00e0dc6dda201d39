"""Scored episodes over time: reward, goodput and queue, step by step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from iroko.analysis.scores import path_backlogs
from iroko.rundir.reader import RunData
from iroko.topology import Topology

Floats = npt.NDArray[np.float64]
QUEUE_EDGES_BYTES: Floats = 10 ** (np.arange(8 * 50 + 1) / 50)
"""Where the distribution of queues is counted: 50 sizes a decade, from 1 byte to 100 MB."""


@dataclass(frozen=True)
class Episode:
    """One scored episode of a scheme.

    Attributes:
        time_s, reward, goodput_bps, queue_bytes: shape `(num_steps,)`; the queue is the mean over the switch ports on the flows' paths.
        longer: how many backlogs, of ports and steps, are longer than each of `QUEUE_EDGES_BYTES`.
        num_backlogs: how many there are.
        steps: its rows in `steps.parquet`.
    """

    scheme: str
    seed: int
    episode: int
    time_s: Floats
    reward: Floats
    goodput_bps: Floats
    queue_bytes: Floats
    longer: npt.NDArray[np.int64]
    num_backlogs: int
    steps: pd.DataFrame

    def without_steps(self) -> "Episode":
        """The lines over time alone; the rows of all ports of all runs would fill the memory."""
        return replace(self, steps=self.steps.iloc[:0])


def episodes(run: RunData, topology: Topology) -> Iterator[Episode]:
    """The scored episodes of a run, in the order of its schemes."""
    for scheme in run.schemes:
        steps, flows = run.steps[run.steps["scheme"] == scheme], run.flows[run.flows["scheme"] == scheme]
        for episode, own in steps.groupby("episode"):
            backlogs = path_backlogs(topology, own, flows[flows["episode"] == episode])
            longer = backlogs.size - np.searchsorted(np.sort(backlogs, axis=None), QUEUE_EDGES_BYTES, side="right")
            yield Episode(
                scheme, run.config.seed, int(str(episode)), own["time_s"].to_numpy(float), own["reward"].to_numpy(float),
                own["goodput_bps"].to_numpy(float), backlogs.sum(axis=1) / max(1, backlogs.shape[1]), longer, backlogs.size, own,
            )  # fmt: skip


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


def queue_shares(given: Sequence[Episode]) -> Floats:
    """The share of ports and steps whose backlog is longer than each of `QUEUE_EDGES_BYTES`, over some episodes; NaN where it is 0."""
    longer = np.sum([episode.longer for episode in given], axis=0)
    return np.where(longer > 0, longer / max(1, sum(episode.num_backlogs for episode in given)), np.nan)
