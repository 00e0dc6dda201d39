"""`python -m iroko.experiment FILE.toml`: run an experiment's jobs, and make its tables, figures and report.

Exit codes: 0 done; 1 a job failed; 2 bad input, or all that failed is what this machine lacks; 130 Ctrl-C; 143 SIGTERM.
"""

import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from iroko.errors import InputError
from iroko.experiment.spec import Experiment, read_experiment, read_seeds
from iroko.system.command import Stopped, run_command
from iroko.user_files import add_folder

PROGRAM = "python -m iroko.experiment"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="The experiment; see docs/experiments.md.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE",
        help="One setting of all jobs, over the file's; again for more.")] = None,
    seeds: Annotated[str | None, typer.Option(metavar="N,N,...", help="Seeds, in place of all in the file.")] = None,
    jobs: Annotated[int | None, typer.Option(metavar="N",
        help="Jobs at a time [as many as there are processors, and memory for].")] = None,
    ray: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Run the jobs on this Ray cluster; 'auto' finds one here.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of the experiment [results/experiments/NAME].")] = None,
    path: Annotated[list[Path] | None, typer.Option(metavar="FOLDER",
        help="Search this folder's topologies/, traffic/ and agents/ too; again for more [those in IROKO_PATH].")] = None,
    publish: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Copy tables and figures there too, by the experiment's name.")]
        = None,
) -> int:  # fmt: skip
    """Run every job of an experiment that is not done yet, and write its tables, figures and report."""
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs {jobs}: expected 1 or more")
    if publish is not None and publish.exists() and not publish.is_dir():
        raise InputError(f"--publish {publish}: expected a folder, or a name that is free")
    for folder in path or []:
        add_folder(folder)
    experiment = read_experiment(file, set_ or [], None if seeds is None else _parse_seeds(seeds))
    return _run(experiment, out, jobs, ray, publish, f"{PROGRAM} {file}{f' --out {out}' if out else ''}")


def _parse_seeds(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    return read_seeds("--seeds", [int(part) if part.isdecimal() and len(part) <= 10 else part for part in parts])


def _run(experiment: Experiment, out: Path | None, slots: int | None, ray: str | None, publish: Path | None, again: str) -> int:
    from rich.console import Console

    from iroko.experiment.folder import EXPERIMENTS, ExperimentFolder, exit_code
    from iroko.experiment.jobs import make_jobs
    from iroko.experiment.outputs import write_outputs
    from iroko.experiment.work import do_jobs

    console = Console(stderr=True)
    jobs = make_jobs(experiment)
    with closing(ExperimentFolder(out or EXPERIMENTS / experiment.name)) as folder:
        plan = folder.plan(experiment, jobs)
        for words in plan.words:
            console.print(f"iroko: {words}", markup=False, highlight=False, soft_wrap=True)
        try:
            do_jobs(experiment, folder, jobs, plan.notes, slots, ray, console)
        except Stopped as stopped:
            stopped.__notes__ = [f"go on with: {again}"]
            raise
        write_outputs(folder.path, publish)
    return exit_code(plan.notes)


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    return run_command(app, PROGRAM, arguments)


if __name__ == "__main__":
    sys.exit(main())
