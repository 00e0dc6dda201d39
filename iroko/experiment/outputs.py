"""What an experiment leaves to be read: tables, figures, the report, and the summary on the terminal; all from its folder."""

import math
import shutil
from functools import partial
from pathlib import Path

from rich.console import Console

from iroko.analysis.experiment import DONE, FAILED, REWARD_IN_TRAINING, Results, read_results, rows_of
from iroko.analysis.experiment_tables import losses, number, write_tables
from iroko.analysis.scores import HEADINGS
from iroko.analysis.text_table import print_columns
from iroko.rundir.folder import hand_over, write_beside
from iroko.system.safe_folder import SafeFolder

PLAIN_WIDTH = 130
"""Columns of the summary where there is no terminal."""


def write_outputs(folder: Path, publish: Path | None) -> None:
    """Write tables, figures and report of an experiment's folder, copy them if asked to, and print the summary."""
    from iroko.analysis.experiment_figures import draw_figures
    from iroko.report import write_report

    results = read_results(folder)
    with SafeFolder(folder) as files:
        for old in ("tables", "figures"):  # those of an earlier file would stand beside the new ones
            files.remove(old)
    written: list[Path] = []
    if len(results.measures):
        written = [*write_tables(results, folder / "tables"), *draw_figures(results, folder / "figures")]
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
    """Print each scenario's schemes with their intervals, what was lost between engines, and what failed and why."""
    for scenario in results.scenarios:
        of_scenario = results.summary[results.summary["scenario"] == scenario]
        if len(of_scenario):
            _print_scores(results, scenario, console)
    for row in rows_of(losses(results)):
        change = f"{row.mean / abs(row.before):+z.1%}" if row.before else f"{row.mean:+.3f}"
        text = f"{row.scenario}: {row.scheme}: reward {row.before:.3f} where trained, {row.after:.3f} where scored: {change}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    transfers = results.transfer_summary
    for row in rows_of(transfers[transfers["measure"] == "reward"]):
        ends = f" [{row.low:.3f}, {row.high:.3f}]" if math.isfinite(row.low) else ""
        text = f"{row.scheme} trained in {row.trained_on}, scored in {row.scenario}: reward {row.mean:.3f}{ends}"
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
    rows = []
    for scheme in results.schemes:
        found = results.summary[(results.summary["scenario"] == scenario) & (results.summary["scheme"] == scheme)]
        if not len(found):
            continue
        cells = {}
        for row in rows_of(found):
            name = str(row.measure)
            ends = f"\n{number(name, row.low)}..{number(name, row.high)}  " if math.isfinite(row.low) else ""
            cells[name] = f"{number(name, row.mean)}  {ends}"
        rows.append([scheme, f"{found['n'].max()}  ", *(cells.get(name, "-  ") for name in known)])
    print_columns(console, f"{scenario}: mean over seeds, 95% confidence interval", "", ["scheme", *headings], rows)
