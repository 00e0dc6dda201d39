"""The page of an experiment's folder: schemes x scenarios x seeds, also while jobs are missing or failed."""

from pathlib import Path
from urllib.parse import quote

from iroko.analysis.experiment import DONE, REWARD_IN_TRAINING, JobResult, Results, groups_of, measure_names, read_results, rows_of
from iroko.errors import InputError
from iroko.report.episodes import Fabric
from iroko.report.grid import interval_text, scenario_section
from iroko.report.metadata import machine_facts
from iroko.report.page import Cell, Column, Page, Palette, Section, Table
from iroko.report.tables import measure_column, scheme_cell
from iroko.report.text import NOTHING, count_text, join_words, measure_text
from iroko.rundir.manifest import Manifest
from iroko.rundir.reader import read_manifest


def experiment_page(folder: Path) -> Page:
    """The page of an experiment.

    Raises:
        InputError: it is no folder of an experiment, or its files cannot be read.
    """
    results = read_results(folder)
    palette, fabric = Palette(results.labels), Fabric()
    inks = [palette.ink(scheme) for scheme in results.schemes]
    sections = [_missing(results)] if any(job.state != DONE for job in results.jobs) else []
    addresses = {job.name: _address(results, job) for job in results.jobs}
    sections += [scenario_section(results, index, palette, fabric, addresses) for index in range(len(results.scenarios))]
    if len(results.transfers):
        sections.append(Section("transfer", "From one scenario to another", tables=[_transfers(results, palette)]))
    if fabric.recordings:
        sections.append(Section("fabric", "The fabric over time", fabric=True))
    if manifests := _manifests(results):
        sections.append(Section("machine", "Versions and machine", facts=[machine_facts(manifests)]))
    sections.append(_folders(results, addresses))
    done = sum(job.state == DONE for job in results.jobs)
    notices = [] if done == len(results.jobs) else [f"{done} of {count_text(len(results.jobs), 'job')} are done: what follows is of those."]
    return Page(results.name, "experiment", _lead(results), sections, inks, notices, fabric.spec)


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
    names = [measure for measure in measure_names(results.transfers) if measure != REWARD_IN_TRAINING]
    rows = []
    for (trained_on, scenario, scheme), own in groups_of(results.transfer_summary, ["trained_on", "scenario", "scheme"]):
        cells = {str(row.measure): Cell(measure_text(row.measure, row.mean), row.mean, interval_text(row.measure, row.low, row.high))
                 for row in rows_of(own)}  # fmt: skip
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
