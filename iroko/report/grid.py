"""One scenario of an experiment: its tables, its figures, and the recordings of its runs for the fabric."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pandas as pd

from iroko.analysis.completions import CompletionScore, score_completions
from iroko.analysis.experiment import DONE, REWARD_IN_TRAINING, JobResult, Results, measure_names, rows_of
from iroko.analysis.experiment_tables import losses
from iroko.analysis.intervals import mean_interval
from iroko.analysis.scores import where
from iroko.errors import InputError
from iroko.report.completions import completion_figures, completion_table
from iroko.report.episodes import Episode, Fabric, episodes, plan, record
from iroko.report.figures import Bounds, Curve, engines_figure, learning_figure, rewards_figure, time_figures, tradeoff_figure
from iroko.report.metadata import agent_facts, job_facts, scenario_facts
from iroko.report.page import Cell, Column, Facts, Palette, Section, Spec, Table
from iroko.report.tables import loss_table, measure_column, scheme_cell, score_table
from iroko.report.text import NOTHING, count_text, measure_text
from iroko.rundir.config import RunConfig
from iroko.rundir.reader import CONFIG, read_config, read_run
from iroko.topology import Topology

LEARNING_POINTS = 60
"""Points of a learning curve; each has an interval over seeds of its own."""


@dataclass
class _Grid:
    """What the experiment knows of one scenario.

    Attributes:
        jobs: those of the scenario, without agents that were trained in another.
        bounds: for scheme and measure the mean over seeds and its interval.
        shown: the schemes with any result, in the order of the experiment.
        given, completions: filled as the runs are read: every episode, and for finite flows every run's score.
    """

    results: Results
    name: str
    prefix: str
    jobs: list[JobResult]
    palette: Palette
    config: RunConfig
    topology: Topology
    measures: pd.DataFrame
    bounds: dict[tuple[str, str], Bounds]
    shown: list[str]
    learned: list[str]
    given: dict[str, list[Episode]] = field(default_factory=lambda: defaultdict(list))
    completions: dict[str, list[CompletionScore]] = field(default_factory=lambda: defaultdict(list))


def scenario_section(results: Results, index: int, palette: Palette, fabric: Fabric, addresses: Mapping[str, str]) -> Section:
    """Results, figures and settings of one scenario.

    Args:
        addresses: of each job's run folder.
    """
    name, prefix = results.scenarios[index], f"scenario-{index + 1}"
    jobs = [job for job in results.jobs if job.scenario == name and not job.trained_on]
    configs = _read_configs(jobs)
    if not configs:
        return Section(prefix, name, ["No run of this scenario has begun yet."])
    config = next(iter(configs.values()))
    topology = config.scenario.make_topology()
    measures = results.measures[results.measures["scenario"] == name] if len(results.measures) else results.measures
    summary = results.summary[results.summary["scenario"] == name] if len(results.summary) else results.summary
    bounds = {(str(row.scheme), str(row.measure)): (float(row.mean), float(row.low), float(row.high)) for row in rows_of(summary)}
    present, curves = {scheme for scheme, _ in bounds}, results.learning[results.learning["scenario"] == name]["scheme"]
    shown, learned = ([scheme for scheme in results.schemes if scheme in known] for known in (present, set(curves)))
    grid = _Grid(results, name, prefix, jobs, palette, config, topology, measures, bounds, shown, learned)
    if not shown:
        return Section(prefix, name, ["No run of this scenario is done yet."], facts=_facts(grid, configs))
    _read_runs(grid, fabric)
    tables, charts = [_summary(grid), *_differences(grid)], _first_charts(grid)
    lost = losses(results)
    lost = lost[lost["scenario"] == name] if len(lost) else lost
    if len(lost):
        there, here = where(config.train_engine), where(config.engine)
        rows = [(palette.ink(str(row.scheme)), row.before, row.after, (row.mean, row.low, row.high)) for row in rows_of(lost)]
        tables.append(loss_table(f"{prefix}-engines", there, here, rows))
        both = [(palette.ink(scheme), bounds[scheme, REWARD_IN_TRAINING], bounds[scheme, "reward"]) for scheme in lost["scheme"]]
        charts.append(engines_figure(prefix, both, there, here))
    if learned:
        charts.append(_learning(grid))
    inks = {scheme: palette.ink(scheme) for scheme in shown}
    if grid.completions:
        tables.append(completion_table(prefix, grid.completions, inks))
        charts += completion_figures(prefix, grid.completions, inks)
    charts += time_figures(prefix, grid.given, inks)
    return Section(prefix, name, tables=[*tables, _seeds(grid, addresses)], charts=charts, facts=_facts(grid, configs))


def interval_text(measure: str, low: float, high: float) -> str:
    """The two ends of an interval; empty where there is none."""
    return f"{measure_text(measure, low)} to {measure_text(measure, high)}" if low == low and high == high else ""


def _read_configs(jobs: Sequence[JobResult]) -> dict[str, RunConfig]:
    """For each scheme the config of its first run that has one."""
    configs: dict[str, RunConfig] = {}
    for job in jobs:
        # A run that was broken off, or is another version's, will be done anew: it must not keep the rest from being shown.
        with suppress(InputError):
            if job.scheme not in configs and (job.path / CONFIG).is_file():
                configs[job.scheme] = read_config(job.path)
    return configs


def _facts(grid: _Grid, configs: Mapping[str, RunConfig]) -> list[Facts]:
    labels = [grid.palette.ink(scheme).label for scheme in grid.learned]
    facts = [scenario_facts(grid.config.scenario, grid.topology), job_facts(grid.config, labels, sorted({job.seed for job in grid.jobs}))]
    parameters = {
        grid.palette.ink(scheme).label: config.agent_parameters.get(grid.results.agents[scheme], {}) for scheme, config in configs.items()
    }
    return [*facts, *filter(None, [agent_facts(parameters)])]


def _read_runs(grid: _Grid, fabric: Fabric) -> None:
    """Read the runs once, scheme by scheme, and keep what the page shows of them."""
    order = {scheme: place for place, scheme in enumerate(grid.results.schemes)}
    done = sorted((job for job in grid.jobs if job.state == DONE), key=lambda job: (order[job.scheme], job.seed))
    by_scheme = {scheme: list(jobs) for scheme, jobs in groupby(done, key=lambda job: job.scheme)}
    ports = grid.topology.num_ports * len(grid.results.scenarios)
    kept = plan(ports, len(by_scheme), max(map(len, by_scheme.values())), grid.config.episodes)
    number = fabric.add_topology(grid.name, grid.topology)
    for scheme, jobs in by_scheme.items():
        for job in jobs:
            run = read_run(job.path)
            for score in score_completions(run):
                grid.completions[scheme].append(score)
            for episode in episodes(run, grid.topology):
                if kept.keeps(episode.episode, job.seed, jobs[0].seed):
                    fabric.recordings.append(record(episode, grid.topology, kept.frames, grid.palette.ink(scheme), number))
                grid.given[scheme].append(episode.without_steps())
    fabric.note(kept.describe(grid.config.scenario.num_steps))


def _names(grid: _Grid) -> list[str]:
    return [measure for measure in measure_names(grid.measures) if measure != REWARD_IN_TRAINING]


def _summary(grid: _Grid) -> Table:
    names = _names(grid)
    rows = []
    for scheme in grid.shown:
        of_scheme = {measure: grid.bounds[scheme, measure] for measure in names if (scheme, measure) in grid.bounds}
        cells = {measure: (value, interval_text(measure, low, high)) for measure, (value, low, high) in of_scheme.items()}
        rows.append((grid.palette.ink(scheme), cells))
    counts = grid.measures.groupby("scheme")["seed"].count()
    fewest, most = int(counts.min()), int(counts.max())
    seeds = count_text(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    spread = ", below them their 95% confidence intervals" if most > 1 else ""
    return score_table(f"{grid.prefix}-scores", f"Means over {seeds}{spread}; the best of a column is set bold.", rows, names)


def _differences(grid: _Grid) -> list[Table]:
    """By how much each scheme's reward differs from that of each reference, seed by seed; none where no reference ran."""
    own = grid.results.differences
    own = own[(own["scenario"] == grid.name) & (own["measure"] == "reward")] if len(own) else own
    if not len(own):
        return []
    cells = {}
    for row in rows_of(own):
        text = f"{'+' * (row.mean > 0)}{measure_text('reward', row.mean)}"
        cells[str(row.scheme), str(row.reference)] = Cell(text, row.mean, interval_text("reward", row.low, row.high))
    references = list(dict.fromkeys(reference for _, reference in cells))
    rows = [
        [scheme_cell(grid.palette.ink(scheme)), *(cells.get((scheme, reference), Cell(NOTHING)) for reference in references)]
        for scheme in grid.shown
    ]
    columns = [Column("scheme", numeric=False), *(Column(f"less {grid.palette.ink(reference).label}") for reference in references)]
    caption = "Reward per step less that of the references, seed by seed; where the interval does not hold 0 the seeds agree."
    return [Table(f"{grid.prefix}-differences", caption, columns, rows)]


def _seeds(grid: _Grid, addresses: Mapping[str, str]) -> Table:
    names = measure_names(grid.measures)
    jobs = {(job.scheme, job.seed): job for job in grid.jobs}
    rows = []
    for row in rows_of(grid.measures):
        job = jobs[str(row.scheme), int(row.seed)]
        values = [(name, float(getattr(row, name))) for name in names]
        cells = [Cell(measure_text(name, value), value if value == value else None) for name, value in values]
        rows.append([scheme_cell(grid.palette.ink(job.scheme)), Cell(str(job.seed), job.seed, link=addresses[job.name]), *cells])
    columns = [Column("scheme", numeric=False), Column("seed", hint="leads to the run"), *map(measure_column, names)]
    caption = "Every run that is done; a seed leads to its run."
    return Table(f"{grid.prefix}-seeds", caption, columns, rows, folded=True, title=f"Every seed of {grid.name}")


def _first_charts(grid: _Grid) -> list[Spec]:
    rewards, spots = [], []
    for scheme in grid.shown:
        own, ink = grid.measures[grid.measures["scheme"] == scheme], grid.palette.ink(scheme)
        points = [(float(row.queue_mean_bytes), float(row.goodput_share)) for row in rows_of(own)]
        rewards.append((ink, grid.bounds[scheme, "reward"], [float(value) for value in own["reward"]]))
        spots.append((ink, grid.bounds[scheme, "queue_mean_bytes"], grid.bounds[scheme, "goodput_share"], points))
    note = "Means with 95% intervals, and each seed."
    return [rewards_figure(grid.prefix, rewards, note), tradeoff_figure(grid.prefix, spots, f"Best is top left. {note}")]


def _learning(grid: _Grid) -> Spec:
    curves: list[Curve] = []
    learning = grid.results.learning[grid.results.learning["scenario"] == grid.name]
    for scheme in grid.learned:
        own = learning[learning["scheme"] == scheme]
        # Seeds may end episodes at steps of their own: a point is the mean of each seed's in an equal part of the training.
        steps = own["step"].to_numpy(float)
        width = steps.max() / LEARNING_POINTS
        parts = np.clip(np.ceil(steps / width), 1, LEARNING_POINTS).astype(int)
        points = []
        for part in np.unique(parts):
            by_seed = own[parts == part].groupby("seed")["reward"].mean()
            points.append((float(part * width), *mean_interval(by_seed.to_list())))
        curves.append((grid.palette.ink(scheme), points))
    levels = [(grid.palette.ink(scheme), grid.bounds[scheme, "reward"][0]) for scheme in grid.shown if scheme not in grid.learned]
    note = "Training episodes: means over seeds with 95% intervals." + " Level lines: scores of schemes that do not learn." * bool(levels)
    return learning_figure(grid.prefix, curves, levels, note)
