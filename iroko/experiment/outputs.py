"""What an experiment leaves to be read: tables, figures, the report, and the summary on the terminal; all from its folder."""

import math
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from iroko.analysis.best import ORACLES, best_scheme, ends_text
from iroko.analysis.experiment import DONE, FAILED, REWARD_IN_TRAINING, Results, read_results, rows_of
from iroko.analysis.experiment_tables import interval_cell, number, write_tables
from iroko.analysis.scores import HEADINGS, LOWER_IS_BETTER
from iroko.analysis.text_table import print_columns
from iroko.rundir.folder import hand_over, write_beside
from iroko.system.safe_folder import SafeFolder

PLAIN_WIDTH = 130
"""Columns of the summary where there is no terminal."""


def write_outputs(folder: Path, publish: Path | None) -> None:
    """Write tables, figures and report of an experiment's folder, copy them if asked to, and print the summary."""
    from iroko.analysis.plots import draw_experiment
    from iroko.report import write_report

    results = read_results(folder)
    with SafeFolder(folder) as files:
        for old in ("tables", "figures"):  # those of an earlier file would stand beside the new ones
            files.remove(old)
    written: list[Path] = []
    if len(results.measures):
        written = [*write_tables(results, folder / "tables"), *draw_experiment(results, folder / "figures")]
    if publish is not None:
        _publish(written, publish, results.name.removeprefix(f"{publish.name}-"))
    out = Console()
    print_summary(results, out if out.is_terminal else Console(width=PLAIN_WIDTH))
    report = write_report(folder)
    hand_over(folder)
    out.print(f"report: {report}", markup=False, highlight=False, soft_wrap=True)


def _publish(files: list[Path], folder: Path, name: str) -> None:
    """Copy files under the experiment's name, less what the folder is called already."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        write_beside(folder / f"{name}-{file.name}", partial(shutil.copyfile, file))
    hand_over(folder)


def print_summary(results: Results, console: Console) -> None:
    """Print each scenario's schemes with their intervals, the sim-to-kernel gap, and what failed and why."""
    for scenario in results.scenarios:
        of_scenario = results.summary[results.summary["scenario"] == scenario]
        if len(of_scenario):
            _print_scores(results, scenario, console)
            _print_paired(results, scenario, console)
    for row in rows_of(results.gaps):
        change = f"{row.mean / abs(row.before):+z.1%}" if row.before else f"{row.mean:+.3f}"
        text = (
            f"{row.scenario}: {row.scheme}: sim-to-kernel gap {change}: reward {row.before:.3f} where trained, {row.after:.3f} where scored"
        )
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    transfers = results.transfer_summary
    for row in rows_of(transfers[transfers["measure"] == "reward"]):
        reward = interval_cell("reward", row.mean, row.low, row.high)
        text = f"{row.scheme} trained in {row.trained_on}, scored in {row.scenario}: reward {reward}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    done = sum(job.state == DONE for job in results.jobs)
    console.print(f"{done} of {len(results.jobs)} jobs are done", highlight=False)
    reasons: dict[str, list[str]] = {}
    for job in results.jobs:
        if job.state == FAILED:
            reasons.setdefault(job.reason, []).append(job.name)
    for reason, names in reasons.items():
        console.print(f"failed: {', '.join(names)}: {reason}", markup=False, highlight=False, soft_wrap=True)


def _print_scores(results: Results, scenario: str, console: Console) -> None:
    known = [name for name in HEADINGS if name != REWARD_IN_TRAINING and name in set(results.summary["measure"])]
    headings = ["\n".join(f"{line}  " for line in name.split("\n")) for name in ("seeds", *(HEADINGS[name] for name in known))]
    found = results.summary[results.summary["scenario"] == scenario]
    best = {name: _best(results, found[found["measure"] == name], name) for name in known}
    rows: list[list[str | Text]] = []
    for scheme in results.schemes:
        own = found[found["scheme"] == scheme]
        if not len(own):
            continue
        cells: dict[str, Text] = {}
        for row in rows_of(own):
            name = str(row.measure)
            text = number(name, row.mean)
            cells[name] = Text(f"{text} *", style="bold") if scheme == best.get(name) else Text(f"{text}  ")
            ends = ends_text(text, number(name, row.low), number(name, row.high), "{}..{}") if math.isfinite(row.low) else ""
            if ends:
                cells[name].append(f"\n{ends}  ", style="not bold")
        rows.append([scheme, f"{own['n'].max()}  ", *(cells.get(name, Text("-  ")) for name in known)])
    title = f"{scenario}: mean over seeds, 95% confidence interval"
    print_columns(console, title, "* best of its column, the oracle aside", ["scheme", *headings], rows)


def _best(results: Results, rows: pd.DataFrame, measure: str) -> str | None:
    """The scheme to mark in a column."""
    if measure == "marks":
        return None
    cells = {str(row.scheme): (float(row.mean), number(measure, row.mean)) for row in rows_of(rows)}
    return best_scheme(cells, measure in LOWER_IS_BETTER, [scheme for scheme, agent in results.agents.items() if agent in ORACLES])


def _print_paired(results: Results, scenario: str, console: Console) -> None:
    """The rewards less DCTCP's, seed by seed, of the schemes close to it."""
    own = results.paired[results.paired["scenario"] == scenario]
    seeds = [name for name in own.columns if name.startswith("seed ")]
    rows = [
        [
            row["scheme"],
            *(f"{number('reward', row[seed])}  " for seed in seeds),
            f"{interval_cell('reward', row['mean'], row['low'], row['high'])}  ",
        ]
        for row in own.to_dict("records")
    ]
    if rows:
        headings = ["scheme", *(f"{seed}  " for seed in seeds), "mean  "]
        print_columns(console, f"{scenario}: reward less dctcp's, seed by seed, where close", "", headings, rows)
