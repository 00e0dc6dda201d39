"""The page of an experiment's folder: schemes x scenarios x seeds, also while jobs are missing or failed."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from iroko.errors import InputError
from iroko.experiment.intervals import mean_interval
from iroko.experiment.results import DONE, REWARD_IN_TRAINING, JobResult, Results, measure_names, read_results
from iroko.manifest import Manifest
from iroko.options import RunConfig
from iroko.report.episodes import Episode, Fabric, Plan, episodes, plan, record
from iroko.report.facts import agent_facts, job_facts, machine_facts, scenario_facts
from iroko.report.figures import Bounds, engines_figure, learning_figure, rewards_figure, time_figures, tradeoff_figure
from iroko.report.page import Cell, Column, Facts, Ink, Page, Palette, Section, Spec, Table
from iroko.report.tables import loss_table, measure_column, scheme_cell, score_table
from iroko.report.text import count_text, join_words, measure_text
from iroko.store import CONFIG, MANIFEST, read_config, read_manifest, read_run
from iroko.table import where
from iroko.topology import Topology

NAN = float("nan")
LEARNING_BINS = 60
"""Points of a learning curve: each has an interval over seeds of its own."""


@dataclass
class _Scenario:
    """What the runs of one scenario say.

    Attributes:
        index: its place among the scenarios.
        config: of the first run that has one; None: none has begun.
        parameters: of each scheme's agent.
    """

    index: int
    name: str
    config: RunConfig | None = None
    topology: Topology | None = None
    parameters: dict[str, dict[str, object]] = field(default_factory=dict)
    learned: list[str] = field(default_factory=list)
    given: dict[str, list[Episode]] = field(default_factory=lambda: defaultdict(list))


def experiment_page(folder: Path) -> Page:
    """The page of an experiment.

    Raises:
        InputError: it is no folder of an experiment, or its files cannot be read.
    """
    results = read_results(folder)
    palette = Palette(results.labels, results.agents)
    inks = [palette.ink(scheme) for scheme in results.schemes]
    fabric, manifests = Fabric(), _manifests(results)
    sections = [_jobs_section(results)] if any(job.state != DONE for job in results.jobs) else []
    for index, name in enumerate(results.scenarios):
        scenario = _read_scenario(results, index, name)
        sections += _scenario_sections(results, scenario, palette, fabric)
    if len(results.transfers):
        sections.append(Section("transfer", "From one scenario to another", tables=[_transfer_table(results, palette)]))
    if fabric.recordings:
        sections.append(Section("fabric", "The fabric over time", fabric=True))
    if manifests:
        sections.append(Section("machine", "Versions and machine", facts=[machine_facts(manifests)]))
    sections.append(_folders_section(results))
    done = sum(job.state == DONE for job in results.jobs)
    notices = [] if done == len(results.jobs) else [f"{done} of {count_text(len(results.jobs), 'job')} are done: what follows is of those."]
    return Page(results.name, "experiment", _lead(results), sections, inks, notices, fabric.spec)


def _lead(results: Results) -> str:
    seeds = sorted({job.seed for job in results.jobs})
    names = [results.labels[scheme] for scheme in results.schemes]
    return (
        f"{join_words(names)} in {count_text(len(results.scenarios), 'scenario')} ({', '.join(results.scenarios)}), "
        f"with {count_text(len(seeds), 'seed')} each, all on the same flows for a seed. "
        "Values are means over seeds with 95% bootstrap intervals; every number comes from the run folders beside this page, and it loads "
        "nothing from anywhere."
    )


def _manifests(results: Results) -> list[Manifest]:
    return [read_manifest(job.path) for job in results.jobs if (job.path / MANIFEST).is_file()]


def _read_scenario(results: Results, index: int, name: str) -> _Scenario:
    scenario = _Scenario(index, name)
    for job in results.jobs:
        if job.scenario != name or job.trained_on or not (job.path / CONFIG).is_file():
            continue
        config = read_config(job.path)
        # A TCP scheme has a transport of its own, so the settings are those of the first that has none, where there is one.
        if scenario.config is None:
            scenario.config, scenario.topology = config, config.scenario.make_topology()
        for agent, parameters in config.agent_parameters.items():
            scenario.parameters.setdefault(job.scheme if agent == results.agents.get(job.scheme) else agent, dict(parameters))
    if len(results.learning):
        own = results.learning[results.learning["scenario"] == name]
        scenario.learned = [scheme for scheme in results.schemes if scheme in set(own["scheme"])]
    return scenario


def _scenario_sections(results: Results, scenario: _Scenario, palette: Palette, fabric: Fabric) -> list[Section]:
    """Results, figures and settings of one scenario; the recordings of its runs go into the fabric."""
    name, title = f"scenario-{scenario.index + 1}", scenario.name
    measures = results.measures[results.measures["scenario"] == scenario.name] if len(results.measures) else results.measures
    facts: list[Facts] = []
    if scenario.config is not None and scenario.topology is not None:
        seeds = sorted({job.seed for job in results.jobs if job.scenario == scenario.name})
        learned = [palette.ink(scheme).label for scheme in scenario.learned]
        facts = [scenario_facts(scenario.config.scenario, scenario.topology), job_facts(scenario.config, learned, seeds)]
        if (parameters := agent_facts(scenario.parameters)) is not None:
            facts.append(parameters)
    if not len(measures) or scenario.topology is None or scenario.config is None:
        return [Section(name, title, ["No run of this scenario is done yet."], facts=facts)]
    _gather(results, scenario, palette, fabric)
    bounds = {(str(row.scheme), str(row.measure)): (float(row.mean), float(row.low), float(row.high))
              for row in results.summary[results.summary["scenario"] == scenario.name].itertuples()}  # fmt: skip
    shown = [scheme for scheme in results.schemes if scheme in set(measures["scheme"])]
    names = [measure for measure in measure_names(measures) if measure != REWARD_IN_TRAINING]
    tables = [
        _summary_table(name, scenario, palette, bounds, shown, names, measures),
        *_difference_tables(name, results, scenario, palette, shown),
    ]
    charts = _charts(name, measures, bounds, palette, shown)
    both = [scheme for scheme in shown if (scheme, REWARD_IN_TRAINING) in bounds]
    if both:
        there, here = where(scenario.config.train_engine), where(scenario.config.engine)
        rows = [(palette.ink(scheme), bounds[scheme, REWARD_IN_TRAINING], bounds[scheme, "reward"]) for scheme in both]
        tables.append(loss_table(f"{name}-engines", there, here, [(ink, before[0], after[0]) for ink, before, after in rows]))
        charts.append(engines_figure(name, rows, there, here))
    if scenario.learned:
        charts.append(_learning(name, results, scenario, palette, bounds, shown))
    charts += time_figures(name, scenario.given, {scheme: palette.ink(scheme) for scheme in scenario.given})
    tables.append(_seeds_table(name, results, scenario, palette, measures))
    return [Section(name, title, tables=tables, charts=charts, facts=facts)]


def _gather(results: Results, scenario: _Scenario, palette: Palette, fabric: Fabric) -> None:
    """Read the scenario's runs once: their lines over time, and the recordings that the page keeps."""
    assert scenario.topology is not None and scenario.config is not None
    jobs = [job for job in results.jobs if job.scenario == scenario.name and job.state == DONE and not job.trained_on]
    by_scheme: dict[str, list[JobResult]] = defaultdict(list)
    for job in jobs:
        by_scheme[job.scheme].append(job)
    most_seeds, scenarios = max(map(len, by_scheme.values())), max(1, len(results.scenarios))
    kept: Plan = plan(scenario.topology.num_ports * scenarios, len(by_scheme), most_seeds, scenario.config.episodes)
    number = fabric.add_topology(scenario.name, scenario.topology)
    for scheme in (scheme for scheme in results.schemes if scheme in by_scheme):
        own = sorted(by_scheme[scheme], key=lambda job: job.seed)
        for job in own:
            for episode in episodes(read_run(job.path), scenario.topology):
                if kept.keeps(episode.episode, job.seed, own[0].seed):
                    fabric.recordings.append(record(episode, scenario.topology, kept.frames, palette.ink(scheme), number))
                scenario.given[scheme].append(episode.without_steps())
    fabric.note(kept.describe(scenario.config.scenario.num_steps))


def _summary_table(
    name: str, scenario: _Scenario, palette: Palette, bounds: dict[tuple[str, str], Bounds], shown: Sequence[str], names: Sequence[str],
    measures: pd.DataFrame,
) -> Table:  # fmt: skip
    counts = measures.groupby("scheme")["seed"].count()
    rows = [
        (palette.ink(scheme), {measure: (bounds[scheme, measure][0], _interval(measure, bounds[scheme, measure])) for measure in names
                               if (scheme, measure) in bounds})
        for scheme in shown
    ]  # fmt: skip
    fewest, most = int(counts.min()), int(counts.max())
    seeds = count_text(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    spread = ", below them their 95% bootstrap intervals" if most > 1 else ""
    return score_table(f"{name}-scores", f"{scenario.name}: means over {seeds}{spread}; the best of a column is set bold.", rows, names)


def _interval(measure: str, bounds: Bounds) -> str:
    low, high = bounds[1:]
    return f"{measure_text(measure, low)} to {measure_text(measure, high)}" if low == low and high == high else ""


def _difference_tables(name: str, results: Results, scenario: _Scenario, palette: Palette, shown: Sequence[str]) -> list[Table]:
    """By how much each scheme's reward differs from that of each reference, seed by seed."""
    own = results.differences
    own = own[(own["scenario"] == scenario.name) & (own["measure"] == "reward")] if len(own) else own
    if not len(own):
        return []
    references = list(dict.fromkeys(own["reference"]))
    rows = []
    for scheme in shown:
        cells = [scheme_cell(palette.ink(scheme))]
        for reference in references:
            found = own[(own["scheme"] == scheme) & (own["reference"] == reference)]
            if not len(found):
                cells.append(Cell("–"))
                continue
            mean, low, high = (float(found.iloc[0][key]) for key in ("mean", "low", "high"))
            cells.append(Cell(f"{'+' if mean > 0 else ''}{measure_text('reward', mean)}", mean, _interval("reward", (mean, low, high))))
        rows.append(cells)
    columns = [Column("scheme", numeric=False), *(Column(f"less {palette.ink(reference).label}") for reference in references)]
    caption = "Reward per step less that of the references on the same seeds; an interval that does not hold 0 is a difference that the seeds agree on."
    return [Table(f"{name}-differences", caption, columns, rows)]


def _seeds_table(name: str, results: Results, scenario: _Scenario, palette: Palette, measures: pd.DataFrame) -> Table:
    names = measure_names(measures)
    paths = {(job.scheme, job.seed): job for job in results.jobs if job.scenario == scenario.name and not job.trained_on}
    rows = []
    for _, row in measures.iterrows():
        job = paths[str(row["scheme"]), int(row["seed"])]
        cells = [Cell(measure_text(measure, float(row[measure])), _known(float(row[measure]))) for measure in names]
        rows.append([scheme_cell(palette.ink(job.scheme)), Cell(str(job.seed), job.seed, link=_address(results, job)), *cells])
    columns = [Column("scheme", numeric=False), Column("seed", hint="leads to the run folder"), *map(measure_column, names)]
    return Table(f"{name}-seeds", f"{scenario.name}: every seed", columns, rows, folded=True)


def _known(value: float) -> float | None:
    return value if value == value else None


def _charts(name: str, measures: pd.DataFrame, bounds: dict[tuple[str, str], Bounds], palette: Palette, shown: Sequence[str]) -> list[Spec]:
    of_each = {scheme: measures[measures["scheme"] == scheme] for scheme in shown}
    rewards = [(palette.ink(scheme), bounds[scheme, "reward"], list(own["reward"])) for scheme, own in of_each.items()]
    spots = [
        (palette.ink(scheme), bounds[scheme, "queue_mean_bytes"], bounds[scheme, "goodput_share"],
         list(zip(own["queue_mean_bytes"], own["goodput_share"], strict=True)))
        for scheme, own in of_each.items()
    ]  # fmt: skip
    note = "Means with 95% intervals, and each seed."
    return [rewards_figure(name, rewards, note), tradeoff_figure(name, spots, f"Best is top left. {note}")]


def _learning(
    name: str, results: Results, scenario: _Scenario, palette: Palette, bounds: dict[tuple[str, str], Bounds], shown: Sequence[str]
) -> Spec:
    curves: list[tuple[Ink, list[float], list[float], list[float], list[float]]] = []
    learning = results.learning[results.learning["scenario"] == scenario.name]
    for scheme in scenario.learned:
        own = learning[learning["scheme"] == scheme].astype({"step": float, "reward": float})
        # Seeds end their episodes at steps of their own: a point is the mean of each seed's over an equal part of the training.
        width = float(own["step"].max()) / LEARNING_BINS
        part = (own["step"] / width).apply(lambda step: max(1, -int(-step // 1))).clip(upper=LEARNING_BINS)
        by_seed = own.groupby([part.rename("part"), own["seed"]])["reward"].mean().unstack()
        summary = [mean_interval(row.to_numpy(float)) for _, row in by_seed.iterrows()]
        curves.append(
            (palette.ink(scheme), [float(index) * width for index in by_seed.index], *(list(side) for side in zip(*summary, strict=True)))
        )  # type: ignore[arg-type]
    levels = [(palette.ink(scheme), bounds[scheme, "reward"][0]) for scheme in shown if scheme not in scenario.learned]
    note = "Training episodes: means over seeds with 95% intervals. Level lines: scores of schemes that do not learn."
    return learning_figure(name, curves, levels, note)


def _transfer_table(results: Results, palette: Palette) -> Table:
    names = [measure for measure in measure_names(results.transfers) if measure != REWARD_IN_TRAINING]
    summary = results.transfer_summary
    rows = []
    for (trained_on, scenario, scheme), own in summary.groupby(["trained_on", "scenario", "scheme"], sort=False):
        values = {str(row.measure): (float(row.mean), float(row.low), float(row.high)) for row in own.itertuples()}
        cells = [Cell(measure_text(measure, values[measure][0]), values[measure][0], _interval(measure, values[measure])) if measure in values
                 else Cell("–") for measure in names]  # fmt: skip
        rows.append(
            [scheme_cell(palette.ink(str(scheme))), Cell(str(trained_on), str(trained_on)), Cell(str(scenario), str(scenario)), *cells]
        )
    columns = [
        Column("scheme", numeric=False),
        Column("trained in", numeric=False),
        Column("scored in", numeric=False),
        *map(measure_column, names),
    ]
    return Table("transfer", "Agents scored where they were not trained, and for comparison at home", columns, rows)


def _jobs_section(results: Results) -> Section:
    """The jobs that are not done, with the reason."""
    rows = [
        [Cell(job.name, job.name, link=_address(results, job) if job.path.is_dir() else ""), Cell(job.state, job.state), Cell(job.reason, job.reason)]
        for job in results.jobs if job.state != DONE
    ]  # fmt: skip
    columns = [Column("job", numeric=False), Column("state", numeric=False), Column("reason", numeric=False)]
    return Section("missing", "Jobs that are not done", tables=[Table("jobs", "Start the experiment again to do these.", columns, rows)])


def _folders_section(results: Results) -> Section:
    links = [("./", "this folder")]
    links += [
        (name, name) for name in sorted(path.name for path in results.folder.iterdir()) if name.endswith((".toml", ".csv", ".tex", ".json"))
    ]
    links += [(_address(results, job), job.name) for job in results.jobs if job.path.is_dir()]
    return Section("folders", "The run folders", links=links)


def _address(results: Results, job: JobResult) -> str:
    """A job's folder as seen from the page; of a job with a report of its own that report."""
    try:
        relative = job.path.relative_to(results.folder).as_posix()
    except ValueError as error:
        raise InputError(f"run folder {job.path} of job {job.name} is not within {results.folder}") from error
    return quote(f"{relative}/report.html" if (job.path / "report.html").is_file() else f"{relative}/")
