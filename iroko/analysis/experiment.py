"""What an experiment's folder holds, as data: all that its tables, figures and report read.

`measures` has one row for each scenario, scheme and seed that is done; a row's values are those of `iroko.analysis.scores`, over the
episodes of that seed. `transfers` has the same columns for agents that were trained in one scenario (`trained_on`) and scored in another,
and for comparison their rows at home. `summary`, `transfer_summary` and `differences` give means over seeds with 95% confidence intervals.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from iroko.analysis.intervals import mean_interval
from iroko.analysis.scores import score_schemes
from iroko.errors import InputError
from iroko.registry import printable, show
from iroko.rundir.manifest import COMPLETE
from iroko.rundir.reader import RunData, read_manifest, read_run
from iroko.system.small_files import read_json, unreadable
from iroko.toml import read_toml
from iroko.user_files import name_of

EXPERIMENT, JOBS = "experiment.toml", "jobs.json"
DONE, FAILED, WAITING, UNFINISHED = "done", "failed", "waiting", "unfinished"
REFERENCES = ("nv", "dctcp", "maxmin")
"""The schemes that every other one is compared with, seed by seed."""
CLOSE = 0.05
"""Means that differ by no more than this share are close: a figure cannot distinguish them."""
IDS = ["scenario", "scheme", "seed"]
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,250}")
REWARD_IN_TRAINING = "reward_in_training"


@dataclass(frozen=True)
class JobResult:
    """One job of an experiment.

    Attributes:
        name: `SCENARIO.SCHEME.seedN`, or `TRAINED_ON.to.SCENARIO.SCHEME.seedN`.
        trained_on: the scenario that the agent was trained in; empty: the job's own.
        path: its run folder, for `iroko.rundir.reader.read_run`; it exists once the job has begun.
        state: `done`, `failed`, `unfinished` (stopped, or running now) or `waiting`.
        reason: why it failed.
    """

    name: str
    scenario: str
    scheme: str
    seed: int
    trained_on: str
    path: Path
    state: str
    reason: str = ""


@dataclass(frozen=True)
class Results:
    """What an experiment has shown so far.

    Attributes:
        scenarios, schemes: names, in the order of the file.
        labels: for each scheme what figures and tables call it.
        agents: for each scheme the agent or TCP behind it, as `iroko.analysis.scores` and the run folder know it.
        measures: columns scenario, scheme, seed, then the measures of `iroko.analysis.scores.Score`, and `reward_in_training` (missing
            where the scheme was scored on one engine only).
        transfers: the same with `trained_on` before; empty where nothing is transferred.
        summary: columns scenario, scheme, measure, n (seeds), mean, low, high; ends are missing for one seed.
        transfer_summary: the same with `trained_on` before.
        differences: scheme less reference, paired by seed: columns scenario, scheme, reference, measure, n, mean, low, high.
        gaps: the sim-to-kernel gap, reward where scored less reward on the engine of the training, seed by seed: columns scenario,
            scheme, n, before, after, mean, low, high.
        paired: reward less DCTCP's for the schemes close to it: columns scenario, scheme, one for each seed, n, mean, low, high.
        learning: columns scenario, scheme, seed, step, reward (mean per step of an episode that ended then).
    """

    name: str
    folder: Path
    jobs: tuple[JobResult, ...]
    scenarios: tuple[str, ...]
    schemes: tuple[str, ...]
    labels: dict[str, str]
    agents: dict[str, str]
    measures: pd.DataFrame
    transfers: pd.DataFrame
    learning: pd.DataFrame
    summary: pd.DataFrame = field(init=False)
    transfer_summary: pd.DataFrame = field(init=False)
    differences: pd.DataFrame = field(init=False)
    gaps: pd.DataFrame = field(init=False)
    paired: pd.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "summary", summarise(self.measures, ["scenario", "scheme"]))
        object.__setattr__(self, "transfer_summary", summarise(self.transfers, ["trained_on", "scenario", "scheme"]))
        object.__setattr__(self, "differences", pair_differences(self.measures))
        object.__setattr__(self, "gaps", engine_gaps(self.measures))
        object.__setattr__(self, "paired", pair_close(self.measures))


def read_results(folder: str | Path) -> Results:
    """Read an experiment's folder, also while it runs or when some of its jobs failed.

    Raises:
        InputError: it is no folder of an experiment.
    """
    folder = Path(folder)
    if not (folder / EXPERIMENT).is_file() or not (folder / JOBS).is_file():
        raise InputError(f"{folder} is no folder of an experiment: it has no {EXPERIMENT} and {JOBS}")
    table = read_toml(folder / EXPERIMENT)
    jobs = read_jobs(folder)
    try:
        scenarios = tuple(scenario["name"] for scenario in table["scenarios"])
        schemes = {scheme["name"]: (scheme["label"], scheme["agent"]) for scheme in table["schemes"]}
        schemes = {scheme: (printable(str(label)), name_of(str(agent))) for scheme, (label, agent) in schemes.items()}
        name = table["name"]
        # These become parts of file names.
        for one in (name, *scenarios, *schemes, *(agent for _, agent in schemes.values())):
            if not isinstance(one, str) or not _JOB_NAME.fullmatch(one):
                raise ValueError(f"it has a name {show(one)}")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{folder / EXPERIMENT} is not as an experiment left it: {type(error).__name__}: {error}") from error
    rows, curves = [], []
    for job in jobs:
        if job.state == DONE:
            run = read_run(job.path)
            rows.append({"trained_on": job.trained_on, "scenario": job.scenario, "scheme": job.scheme, "seed": job.seed} | measure(run))
            if len(run.learning) and not job.trained_on:
                curve = run.learning[["step", "reward"]]
                curves.append(curve.assign(scenario=job.scenario, scheme=job.scheme, seed=job.seed)[[*IDS, "step", "reward"]])
    return Results(
        name=name,
        folder=folder,
        jobs=tuple(jobs),
        scenarios=scenarios,
        schemes=tuple(schemes),
        labels={scheme: label for scheme, (label, _) in schemes.items()},
        agents={scheme: agent for scheme, (_, agent) in schemes.items()},
        learning=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(columns=[*IDS, "step", "reward"]),
        **_split(pd.DataFrame(rows, columns=None if rows else ["trained_on", *IDS])),
    )


def read_jobs(folder: Path) -> list[JobResult]:
    """The jobs of an experiment, each with its state: what the run folder says counts before what was noted of it.

    Raises:
        InputError: the list of jobs cannot be read.
    """
    path = folder / JOBS
    try:
        return [_with_state(_read_job(folder, job)) for job in read_json(path)["jobs"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise unreadable("list of jobs", path, error) from error


def _read_job(folder: Path, job: Any) -> JobResult:
    """A job as it was noted; its name is that of a folder, and lies nowhere else."""
    texts = [job[key] for key in ("name", "scenario", "scheme", "trained_on", "state", "reason")]
    if not all(isinstance(text, str) for text in texts) or isinstance(job["seed"], bool) or not isinstance(job["seed"], int):
        raise ValueError("expected texts, and a whole number as seed")
    name, scenario, scheme, trained_on, state, reason = map(printable, texts)
    if not _JOB_NAME.fullmatch(name):
        raise ValueError(f"a job is called {show(name)}: expected the name of a folder")
    return JobResult(name, scenario, scheme, job["seed"], trained_on, folder / "jobs" / name, state, reason)


def _with_state(job: JobResult) -> JobResult:
    complete = (job.path / "manifest.json").is_file() and read_manifest(job.path).status == COMPLETE
    state = DONE if complete else UNFINISHED if job.state == DONE else job.state
    return job if state == job.state else JobResult(**{**vars(job), "state": state, "reason": ""})


def measure(run: RunData) -> dict[str, Any]:
    """The measures of a run's one scheme, and its reward on the engine of the training where that is another."""
    (score,) = score_schemes(run)
    row: dict[str, Any] = dict(score.measures)
    row[REWARD_IN_TRAINING] = score_schemes(run.in_training)[0].reward if run.in_training is not None else float("nan")
    return row


def _split(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Into the rows of the grid and those of the transfers, to which the same agents' rows at home belong."""
    at_home = rows[rows["trained_on"] == ""]
    away = rows[rows["trained_on"] != ""]
    homes = set(zip(away["trained_on"], away["scheme"], away["seed"], strict=True))
    own = at_home[[key in homes for key in zip(at_home["scenario"], at_home["scheme"], at_home["seed"], strict=True)]]
    transfers = pd.concat([own.assign(trained_on=own["scenario"]), away], ignore_index=True) if len(away) else away
    return {"measures": at_home.drop(columns="trained_on").reset_index(drop=True), "transfers": transfers.reset_index(drop=True)}


def measure_names(frame: pd.DataFrame) -> list[str]:
    """The columns of measures, in order."""
    return [name for name in frame.columns if name not in ("trained_on", *IDS)]


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """The rows of a frame, each with its columns as attributes."""
    return iter(frame.itertuples(index=False))


def groups_of(frame: pd.DataFrame, by: str | Sequence[str]) -> Iterator[tuple[Any, pd.DataFrame]]:
    """The groups of a frame in the order in which they come, each after its key: a tuple for several columns."""
    return iter(frame.groupby(by if isinstance(by, str) else list(by), sort=False))


def summarise(measures: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Means over seeds with their intervals, one row for each group and measure; measures that a group lacks are left out."""
    rows = []
    for key, group in groups_of(measures, by):
        for name in measure_names(measures):
            values = group[name].astype(float).dropna()
            if len(values):
                mean, low, high = mean_interval(values.to_list())
                rows.append((*key, name, len(values), mean, low, high))
    return pd.DataFrame(rows, columns=[*by, "measure", "n", "mean", "low", "high"])


def pair_differences(measures: pd.DataFrame, references: Sequence[str] = REFERENCES) -> pd.DataFrame:
    """Each scheme less each reference, on the seeds that both have."""
    rows = []
    for scenario, group in groups_of(measures, "scenario"):
        by_scheme = {str(scheme): of_one.set_index("seed") for scheme, of_one in groups_of(group, "scheme")}
        for scheme, own in by_scheme.items():
            for reference in references:
                if reference == scheme or reference not in by_scheme:
                    continue
                for name in measure_names(measures):
                    values = (own[name].astype(float) - by_scheme[reference][name].astype(float)).dropna()
                    if len(values):
                        mean, low, high = mean_interval(values.to_list())
                        rows.append((scenario, scheme, reference, name, len(values), mean, low, high))
    return pd.DataFrame(rows, columns=["scenario", "scheme", "reference", "measure", "n", "mean", "low", "high"])


def engine_gaps(measures: pd.DataFrame) -> pd.DataFrame:
    """The reward where scored less the reward on the engine of the training, seed by seed; see `Results.gaps`."""
    rows = []
    known = measures.dropna(subset=[REWARD_IN_TRAINING]) if len(measures) else measures
    for (scenario, scheme), group in groups_of(known, ["scenario", "scheme"]):
        before, after = group[REWARD_IN_TRAINING], group["reward"]
        rows.append((scenario, scheme, len(group), before.mean(), after.mean(), *mean_interval((after - before).to_numpy())))
    return pd.DataFrame(rows, columns=["scenario", "scheme", "n", "before", "after", "mean", "low", "high"])


def pair_close(measures: pd.DataFrame, reference: str = "dctcp", close: float = CLOSE) -> pd.DataFrame:
    """The rewards less the reference's, seed by seed, of schemes whose mean is close to it; see `Results.paired`.

    Args:
        close: the largest difference of the means, as a share of the reference's.
    """
    seeds = sorted(set(measures["seed"])) if len(measures) else []
    rows = []
    for scenario, group in groups_of(measures, "scenario") if seeds else ():
        by_scheme = {str(scheme): of_one.set_index("seed")["reward"].astype(float) for scheme, of_one in groups_of(group, "scheme")}
        for scheme, own in by_scheme.items():
            if scheme == reference or reference not in by_scheme:
                continue
            values = (own - by_scheme[reference]).dropna()
            mean, low, high = mean_interval(values.to_list())
            if len(values) and abs(mean) <= close * abs(float(by_scheme[reference][values.index].mean())):
                rows.append((scenario, scheme, *(values.get(seed, math.nan) for seed in seeds), len(values), mean, low, high))
    return pd.DataFrame(rows, columns=["scenario", "scheme", *(f"seed {seed}" for seed in seeds), "n", "mean", "low", "high"])
