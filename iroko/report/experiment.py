"""The page of an experiment's folder: schemes x scenarios x seeds, also while jobs are missing or failed."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from iroko.analysis.comparison import Comparison, compare_scenario
from iroko.analysis.experiment import DONE, JobResult, Results, groups_of, measure_names, read_results, rows_of
from iroko.analysis.figures import transfer_maps
from iroko.errors import InputError
from iroko.report.charts import to_spec
from iroko.report.metadata import agent_facts, job_facts, machine_facts, scenario_facts
from iroko.report.page import Cell, Column, Facts, Page, Palette, Section, Table
from iroko.report.recordings import Fabric, plan
from iroko.report.scenario import charts, recorder, tables
from iroko.report.tables import MEASURES, difference_table, interval_text, measure_column, paired_table, scheme_cell
from iroko.report.text import NOTHING, count_text, join_words, measure_text
from iroko.rundir.config import RunConfig
from iroko.rundir.manifest import Manifest
from iroko.rundir.reader import CONFIG, read_config, read_manifest


def experiment_page(folder: Path) -> Page:
    """The page of an experiment.

    Raises:
        InputError: it is no folder of an experiment, or its files cannot be read.
    """
    results = read_results(folder)
    palette, fabric = Palette(results.labels), Fabric()
    for scheme in results.schemes:
        palette.ink(scheme)
    sections = [_missing(results)] if any(job.state != DONE for job in results.jobs) else []
    addresses = {job.name: _address(results, job) for job in results.jobs}
    sections += [_scenario(results, index, palette, fabric, addresses) for index in range(len(results.scenarios))]
    if len(results.transfers):
        maps = [to_spec(chart, "experiment", palette) for chart in transfer_maps(results).values()]
        sections.append(Section("transfer", "From one scenario to another", tables=[_transfers(results, palette)], charts=maps))
    if fabric.recordings:
        sections.append(Section("fabric", "The fabric over time", fabric=True))
    if manifests := _manifests(results):
        sections.append(Section("machine", "Versions and machine", facts=[machine_facts(manifests)]))
    sections.append(_folders(results, addresses))
    done = sum(job.state == DONE for job in results.jobs)
    notices = [] if done == len(results.jobs) else [f"{done} of {count_text(len(results.jobs), 'job')} are done: what follows is of those."]
    return Page(results.name, "experiment", _lead(results), sections, list(palette.inks.values()), notices, fabric.spec)


def _scenario(results: Results, index: int, palette: Palette, fabric: Fabric, addresses: Mapping[str, str]) -> Section:
    """Results, figures and settings of one scenario.

    Args:
        addresses: of each job's run folder.
    """
    name, prefix = results.scenarios[index], f"scenario-{index + 1}"
    jobs = [job for job in results.jobs if job.scenario == name]
    configs = _read_configs(jobs)
    if not configs:
        return Section(prefix, name, ["No run of this scenario has begun yet."])
    config = next(iter(configs.values()))
    topology = config.scenario.fabric
    done = [job for job in jobs if job.state == DONE]
    if not done:
        return Section(prefix, name, ["No run of this scenario is done yet."], facts=_facts(results, jobs, configs, palette))
    schemes = {(job.scheme, job.trained_on) for job in done}
    seeds = max(sum((job.scheme, job.trained_on) == scheme for job in done) for scheme in schemes)
    kept = plan(topology.num_ports * len(results.scenarios), len(schemes), seeds, config.episodes)
    comparison = compare_scenario(results, name, recorder(fabric, palette, name, topology, kept))
    assert comparison is not None
    fabric.note(kept.describe(config.scenario.num_steps))
    more = [*paired_table(f"{prefix}-paired", results, name, palette), *difference_table(f"{prefix}-differences", results, name, palette)]
    found = [*tables(comparison, prefix, palette, more), _seeds(results, comparison, prefix, palette, addresses)]
    labels = [palette.of(entry.style).label for entry in comparison.entries]
    title = f"{comparison.title}: {join_words(labels)}"
    return Section(
        prefix, name, [title], tables=found, charts=charts(comparison, prefix, palette), facts=_facts(results, jobs, configs, palette)
    )


def _read_configs(jobs: Sequence[JobResult]) -> dict[str, RunConfig]:
    """For each scheme the config of its first run that has one."""
    configs: dict[str, RunConfig] = {}
    for job in jobs:
        # A run that was broken off, or is another version's, will run anew: it must not keep the rest from being shown.
        with suppress(InputError):
            if job.scheme not in configs and (job.path / CONFIG).is_file():
                configs[job.scheme] = read_config(job.path)
    return configs


def _facts(results: Results, jobs: Sequence[JobResult], configs: Mapping[str, RunConfig], palette: Palette) -> list[Facts]:
    config = next(iter(configs.values()))
    curves = results.learning
    learned = set(curves[curves["scenario"] == jobs[0].scenario]["scheme"]) if len(curves) else set()
    labels = [palette.ink(scheme).label for scheme in results.schemes if scheme in learned]
    scenario = scenario_facts(config.scenario, config.scenario.fabric)
    parameters = {palette.ink(scheme).label: one.agent_parameters.get(results.agents[scheme], {}) for scheme, one in configs.items()}
    return [scenario, job_facts(config, labels, sorted({job.seed for job in jobs})), *filter(None, [agent_facts(parameters)])]


def _seeds(results: Results, comparison: Comparison, prefix: str, palette: Palette, addresses: Mapping[str, str]) -> Table:
    measures = results.measures[results.measures["scenario"] == comparison.name]
    names = sorted(measure_names(measures), key=lambda name: MEASURES.index(name) if name in MEASURES else len(MEASURES))
    jobs = {(job.scheme, job.seed): job for job in results.jobs if job.scenario == comparison.name and not job.trained_on}
    rows = []
    for row in rows_of(measures):
        job = jobs[str(row.scheme), int(row.seed)]
        values = [(name, float(getattr(row, name))) for name in names]
        cells = [Cell(measure_text(name, value), value if value == value else None) for name, value in values]
        rows.append([scheme_cell(palette.ink(job.scheme)), Cell(str(job.seed), job.seed, link=addresses[job.name]), *cells])
    columns = [Column("scheme", numeric=False), Column("seed", hint="leads to the run"), *map(measure_column, names)]
    caption = "Every run that is done; a seed leads to its run."
    return Table(f"{prefix}-seeds", caption, columns, rows, folded=True, title=f"Every seed of {comparison.name}")


def _lead(results: Results) -> str:
    names = [results.labels[scheme] for scheme in results.schemes]
    seeds = len({job.seed for job in results.jobs})
    return (
        f"{join_words(names)} in {count_text(len(results.scenarios), 'scenario')} ({', '.join(results.scenarios)}), "
        f"with {count_text(seeds, 'seed')}, all schemes on the same flows for a seed: means over seeds with 95% confidence intervals. "
        "Every number on this page comes from the run folders beside it; it loads nothing from anywhere."
    )


def _manifests(results: Results) -> list[Manifest]:
    return [read_manifest(job.path) for job in results.jobs if job.state == DONE]


def _transfers(results: Results, palette: Palette) -> Table:
    names = [measure for measure in MEASURES if measure in measure_names(results.transfers)]
    rows = []
    for (trained_on, scenario, scheme), own in groups_of(results.transfer_summary, ["trained_on", "scenario", "scheme"]):
        bounds = {str(row.measure): (float(row.mean), float(row.low), float(row.high)) for row in rows_of(own)}
        cells = {name: Cell(measure_text(name, one[0]), one[0], interval_text(name, one)) for name, one in bounds.items()}
        ends = [Cell(str(name), str(name)) for name in (trained_on, scenario)]
        rows.append([scheme_cell(palette.ink(str(scheme))), *ends, *(cells.get(measure, Cell(NOTHING)) for measure in names)])
    columns = [Column("scheme", numeric=False), Column("trained in", numeric=False), Column("scored in", numeric=False)]
    caption = "Agents scored where they were not trained, and for comparison at home: means over seeds with 95% confidence intervals."
    return Table("transfers", caption, [*columns, *map(measure_column, names)], rows)


def _missing(results: Results) -> Section:
    """The jobs that are not done, with the reason."""
    rows = [[Cell(text, text) for text in (job.name, job.state, job.reason)] for job in results.jobs if job.state != DONE]
    columns = [Column("job", numeric=False), Column("state", numeric=False), Column("reason", numeric=False, wrap=True)]
    return Section("missing", "Jobs that are not done", tables=[Table("jobs", "Start the experiment again to do these.", columns, rows)])


def _folders(results: Results, addresses: dict[str, str]) -> Section:
    present = sorted(path.name + "/" * path.is_dir() for path in results.folder.iterdir())
    own = [name for name in present if name in ("experiment.toml", "jobs.json", "tables/", "figures/", "logs/")]
    links = [("./", "this folder"), *((name, name) for name in own)]
    return Section(
        "folders", "The run folders", links=[*links, *((addresses[job.name], job.name) for job in results.jobs if job.path.is_dir())]
    )


def _address(results: Results, job: JobResult) -> str:
    """A job's folder as seen from the page; of a run with a report of its own that report."""
    try:
        relative = job.path.relative_to(results.folder).as_posix()
    except ValueError as error:
        raise InputError(f"run folder {job.path} of job {job.name} is not within {results.folder}") from error
    return quote(f"{relative}/report.html" if (job.path / "report.html").is_file() else f"{relative}/")
