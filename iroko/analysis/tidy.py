"""Tidy frames of a run or of an experiment: one row for each observation, its variables in columns.

    run = iroko.read_run("results/runs/fattree-ppo-seed1")
    run.steps.groupby("scheme")["reward"].mean()
    run.summary

A run is an experiment of one seed, so both give the same frames. Each begins with the columns `scenario`, `scheme`, `trained_on` (empty,
or the other scenario that an agent was trained in) and `seed`; `episode` and `step` follow where they apply.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from iroko.analysis.experiment import DONE, EXPERIMENT, read_results, summarise
from iroko.analysis.scores import HEADINGS, score_episodes, score_schemes
from iroko.rundir.reader import RunData
from iroko.rundir.reader import read_run as read_run_folder

KEYS = ["scenario", "scheme", "trained_on", "seed"]


@dataclass(frozen=True)
class Source:
    """One run folder.

    Attributes:
        scheme: its one scheme as an experiment calls it; empty: the schemes have their own names.
    """

    path: Path
    scenario: str
    seed: int
    scheme: str = ""
    trained_on: str = ""


@dataclass(frozen=True)
class TidyFrames:
    """The frames, each read when it is first used; those of an experiment hold what is done so far.

    Attributes:
        path: the folder.
        sources: its run folders.
    """

    path: Path
    sources: tuple[Source, ...]

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row a step: `episode`, `step`, then the columns of `steps.parquet`; of hosts, ports and flows it has arrays."""
        return self._gather(lambda run: run.steps, ["episode", "step"])

    @cached_property
    def flows(self) -> pd.DataFrame:
        """One row a flow: `episode`, `flow`, then the columns of `flows.parquet`."""
        return self._gather(lambda run: run.flows, ["episode", "flow"])

    @cached_property
    def learning(self) -> pd.DataFrame:
        """The training: `step`, and `reward`, the mean per step of the episodes that ended then."""
        return self._gather(lambda run: run.learning.rename(columns={"agent": "scheme"}), ["step"])

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """The measures of each scored episode, see `iroko.analysis.scores`."""
        return self._gather(lambda run: score_episodes(run).drop(columns="seed"), ["episode"])

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The measures of each scheme and seed, over its episodes."""
        return self._gather(lambda run: pd.DataFrame([{"scheme": score.scheme} | score.measures for score in score_schemes(run)]), [])

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Means over seeds with 95% confidence intervals: `measure`, `n` (seeds), `mean`, `low`, `high`; no ends for one seed."""
        return summarise(self.scores[[*KEYS, *HEADINGS]], ["scenario", "scheme", "trained_on"])

    def _gather(self, select: Callable[[RunData], pd.DataFrame], order: list[str]) -> pd.DataFrame:
        frames = []
        for source in self.sources:
            own = select(read_run_folder(source.path))
            scheme = source.scheme or own["scheme"]
            own = own.assign(scenario=source.scenario, scheme=scheme, trained_on=source.trained_on, seed=source.seed)
            frames.append(own)
        if not frames:
            return pd.DataFrame(columns=[*KEYS, *order])
        frame = pd.concat([own for own in frames if len(own)] or frames[:1], ignore_index=True)
        first = [*KEYS, *order]
        return frame[[*first, *(name for name in frame.columns if name not in first)]]


def read_run(folder: str | Path) -> TidyFrames:
    """Read the folder of a run or of an experiment as tidy frames.

    Raises:
        InputError: it is no such folder, or a run in it is broken or not all scored; the frames raise it when they are first used too.
    """
    folder = Path(folder)
    if not (folder / EXPERIMENT).is_file():
        run = read_run_folder(folder)
        scenario = run.config.scenario
        return TidyFrames(folder, (Source(folder, f"{scenario.topology_name}, {scenario.traffic_name}", run.config.seed),))
    jobs = [job for job in read_results(folder).jobs if job.state == DONE]
    return TidyFrames(folder, tuple(Source(job.path, job.scenario, job.seed, job.scheme, job.trained_on) for job in jobs))
