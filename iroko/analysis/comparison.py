"""The schemes of one scenario side by side, with all that tables and figures show of them.

A run is an experiment of one seed: a run folder gives one comparison, an experiment one for each scenario. What differs is the spread: a
run has the standard deviation over its episodes, an experiment a 95% confidence interval of the mean over its seeds.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from iroko.analysis.best import ORACLES
from iroko.analysis.charts import Bounds, Style
from iroko.analysis.completions import CompletionScore, FiniteFlows, finite_flows, score_completions
from iroko.analysis.episodes import Episode, episodes
from iroko.analysis.experiment import DONE, REWARD_IN_TRAINING, JobResult, Results, rows_of
from iroko.analysis.looks import Look, label, look
from iroko.analysis.scores import Score, mean_scores, score_episodes, score_schemes
from iroko.rundir.config import RunConfig
from iroko.rundir.reader import RunData, read_config, read_run
from iroko.topology import Topology

_MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass
class Entry:
    """One scheme of a scenario: a row of its tables, a series of its figures.

    Attributes:
        style: the key is the scheme's name, or `NAME from SCENARIO` for an agent that was trained in another scenario.
        scheme, agent: the scheme, and the agent or TCP behind it.
        trained_on: the other scenario that the agent was trained in; empty: none.
        bounds: each measure with its spread.
        points: each measure's values of the seeds, or of a run's episodes.
        before, gap: the reward on the engine of the training, and the reward where scored less that; None where there is one engine.
        episodes, completions, flows: of each seed.
    """

    style: Style
    scheme: str
    agent: str
    trained_on: str
    bounds: dict[str, Bounds]
    points: dict[str, list[float]]
    before: Bounds | None = None
    gap: Bounds | None = None
    episodes: list[Episode] = field(default_factory=list)
    completions: list[CompletionScore] = field(default_factory=list)
    flows: list[FiniteFlows] = field(default_factory=list)

    @property
    def is_oracle(self) -> bool:
        return self.agent in ORACLES


Watch = Callable[[Entry, Episode], None]
"""Is given each episode with its rows while the runs are read."""


@dataclass(frozen=True)
class Comparison:
    """The schemes of one scenario.

    Attributes:
        name: the scenario's.
        entries: in the order of the run or experiment, then agents from other scenarios.
        each: what `Entry.points` are of, `episode` or `seed`.
        learning: columns scheme, seed, step, reward; see `iroko.analysis.experiment.Results`.
    """

    name: str
    config: RunConfig
    topology: Topology
    entries: tuple[Entry, ...]
    each: str
    learning: pd.DataFrame

    @property
    def most(self) -> int:
        """The largest number of points of a scheme."""
        return max((len(entry.points["reward"]) for entry in self.entries), default=0)

    @property
    def spread(self) -> str:
        """What the spreads are, in words; empty where nothing is repeated."""
        if self.most < 2:
            return ""
        return "standard deviations over the episodes" if self.each == "episode" else "95% confidence intervals over the seeds"

    @property
    def title(self) -> str:
        """The scenario in print."""
        config = self.config.scenario
        own = f"{config.topology_name}, {config.traffic_name}"
        return own if self.name in (own, config.topology_name, config.traffic_name) else f"{self.name} ({own})"


def compare_run(run: RunData, watch: Watch | None = None) -> Comparison:
    """The comparison of a run's schemes."""
    topology, by_episode = run.config.scenario.fabric, score_episodes(run)
    scores = mean_scores(by_episode)
    before = {} if run.in_training is None else {score.scheme: score for score in score_schemes(run.in_training)}
    entries = {}
    for score in scores:
        own = by_episode[by_episode["scheme"] == score.scheme]
        entry = Entry(
            Style(score.scheme, label(score.scheme), look(score.scheme)),
            score.scheme,
            score.scheme,
            "",
            {name: _bounds(score, name) for name in score.measures},
            {name: own[name].to_list() for name in own.columns[3:]},
        )
        if score.scheme in before:
            entry.before = _bounds(before[score.scheme], "reward")
            entry.gap = (score.reward - before[score.scheme].reward, math.nan, math.nan)
        entries[score.scheme] = entry
    _read_details(((entries.__getitem__, run),), topology, watch)
    learning = run.learning.rename(columns={"agent": "scheme"}).assign(seed=run.config.seed)
    name = f"{run.config.scenario.topology_name}, {run.config.scenario.traffic_name}"
    return Comparison(name, run.config, topology, tuple(entries.values()), "episode", learning)


def compare_scenario(results: Results, name: str, watch: Watch | None = None) -> Comparison | None:
    """The comparison of an experiment's schemes in one of its scenarios; None where no job of it is done."""
    jobs = [job for job in results.jobs if job.scenario == name and job.state == DONE]
    if not jobs:
        return None
    entries: dict[tuple[str, str], Entry] = {}
    sources = list(dict.fromkeys(job.trained_on for job in jobs if job.trained_on))
    for trained_on in ("", *(source for source in results.scenarios if source in sources)):
        for scheme in results.schemes:
            if any((job.scheme, job.trained_on) == (scheme, trained_on) for job in jobs):
                entries[scheme, trained_on] = _entry(results, name, scheme, trained_on, sources)
    config = read_config(jobs[0].path)
    topology = config.scenario.fabric
    order = list(entries)
    jobs.sort(key=lambda job: (order.index((job.scheme, job.trained_on)), job.seed))
    runs = ((_finder(entries, job), read_run(job.path)) for job in jobs)
    _read_details(runs, topology, watch)
    own = results.learning
    learning = own[own["scenario"] == name] if len(own) else own
    return Comparison(name, config, topology, tuple(entries.values()), "seed", learning)


def _finder(entries: dict[tuple[str, str], Entry], job: JobResult) -> Callable[[str], Entry]:
    return lambda _: entries[job.scheme, job.trained_on]


def _read_details(runs: Iterable[tuple[Callable[[str], Entry], RunData]], topology: Topology, watch: Watch | None) -> None:
    """Read each run once and add episodes and finite flows to the entry that is found by the name of its scheme."""
    for find, run in runs:
        for completion in score_completions(run):
            find(completion.scheme).completions.append(completion)
            find(completion.scheme).flows.append(finite_flows(run, topology, completion.scheme))
        for episode in episodes(run, topology):
            entry = find(episode.scheme)
            if watch is not None:
                watch(entry, episode)
            entry.episodes.append(episode.without_steps())


def _bounds(score: Score, name: str) -> Bounds:
    value, deviation = float(getattr(score, name)), score.deviations.get(name, math.nan)
    return value, value - deviation, value + deviation


def _entry(results: Results, scenario: str, scheme: str, trained_on: str, sources: list[str]) -> Entry:
    """The row of a scheme in a scenario of an experiment, without details of its runs."""
    summary, measures = results.summary, results.measures
    own: dict[str, Any] = {"scenario": scenario, "scheme": scheme}
    if trained_on:
        summary, measures = results.transfer_summary, results.transfers
        own["trained_on"] = trained_on
    for key, value in own.items():
        summary, measures = summary[summary[key] == value], measures[measures[key] == value]
    bounds = {str(row.measure): (float(row.mean), float(row.low), float(row.high)) for row in rows_of(summary)}
    before, gap = bounds.pop(REWARD_IN_TRAINING, None), None
    if not trained_on and before is not None:
        lost = results.gaps[(results.gaps["scenario"] == scenario) & (results.gaps["scheme"] == scheme)]
        gap = next(((float(row.mean), float(row.low), float(row.high)) for row in rows_of(lost)), None)
    points = {name: measures[name].astype(float).to_list() for name in (*bounds, REWARD_IN_TRAINING)}
    style = Style(scheme, results.labels[scheme], look(scheme))
    if trained_on:
        marker = _MARKERS[sources.index(trained_on) % len(_MARKERS)]
        away = Look(style.look.color, style.look.dashes, marker, hollow=True)
        style = Style(f"{scheme} from {trained_on}", f"{results.labels[scheme]} from {trained_on}", away)
    return Entry(style, scheme, results.agents[scheme], trained_on, bounds, points, before if gap else None, gap)


def comparisons(results: Results) -> Iterator[Comparison]:
    """The comparison of each scenario of an experiment that any job is done in."""
    for name in results.scenarios:
        found = compare_scenario(results, name)
        if found is not None:
            yield found
