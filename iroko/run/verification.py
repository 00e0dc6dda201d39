"""Verify a run: `python -m iroko.verify RUN` runs a run folder's config again and reports each equal and each different result.

Compared are the table digit for digit, the records of steps and flows, the learning curves and the models byte for byte. Where something
differs, the ingredients of the manifest that differ between there and here are named: versions, sources, processor, guest kernel.

Exit codes: 0 all is equal; 1 something differs, or an engine failed; 2 it is no complete run, or cannot be run again here.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from iroko.errors import InputError
from iroko.registry import printable
from iroko.rundir.manifest import COMPLETE, Manifest
from iroko.system.command import run_command
from iroko.system.ownership import temporary_folder

if TYPE_CHECKING:
    from iroko.agent import Agent
    from iroko.rundir.config import RunConfig
    from iroko.rundir.folder import RunFolder

PROGRAM = "python -m iroko.verify"
app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class Outcome:
    """What a comparison says of one thing; `difference` is None where it is equal."""

    what: str
    difference: str | None

    def __str__(self) -> str:
        return f"equal    {self.what}" if self.difference is None else f"DIFFERS  {self.what}: {self.difference}"


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a complete run.")],
    scores_only: Annotated[bool, typer.Option("--scores-only", help="Score the saved models again, and train nothing.")] = False,
) -> None:
    """Run a run folder's config again and compare: what is equal, what differs, and which ingredients differ."""
    from iroko.rundir.provenance import differences

    config, manifest = read_complete(run)
    refuse_real_time(config, manifest, scores_only)
    say(f"running {run} again; it took {sum(manifest.wall_s.values()):.0f} s there")
    touched = list(changed_files_of(run, manifest))
    with temporary_folder("iroko-verify-") as temporary:
        again = temporary / "run"
        now = repeat(config, run, again, scores_only)
        outcomes = list(compare(config, run, again, scores_only))
    for outcome in outcomes:
        print(printable(str(outcome)))
    for line in touched:
        print(printable(f"CHANGED  {line}"))
    unlike = differences(manifest.ingredients(), now.ingredients())
    for line in unlike:
        print(printable(f"here     {line}"))
    equal = all(outcome.difference is None for outcome in outcomes) and not touched
    print(verdict(equal, bool(touched), unlike, manifest.starts))
    if not equal:
        raise typer.Exit(1)


def verdict(equal: bool, touched: bool, unlike: list[str], starts: int) -> str:
    """The last line."""
    if equal:
        return "verified: all is equal" + (", although ingredients differ" if unlike else "")
    if touched:
        return "not verified: files of the run were changed after it was complete"
    if unlike:
        return f"not verified: the ingredients that differ are {', '.join(line.partition(':')[0] for line in unlike)}"
    if starts > 1:
        return f"not verified, although all ingredients are equal: the run was stopped and went on, {starts} starts in all"
    return "not verified, although all ingredients are equal: please report this, with both manifests"


def say(text: str) -> None:
    print(f"iroko: {text}", file=sys.stderr, flush=True)


def read_complete(run: Path) -> tuple["RunConfig", Manifest]:
    """Config and manifest of a complete run.

    Raises:
        InputError: the folder is none, or is broken.
    """
    from iroko.rundir.reader import read_config, read_manifest, read_run
    from iroko.system.safe_folder import check_folder

    if not run.is_dir():
        raise InputError(f"{run}: no such folder; expected that of a run, such as results/runs/NAME")
    check_folder(run)
    config, manifest = read_config(run), read_manifest(run)
    if manifest.status != COMPLETE:
        raise InputError(f"run {run} is {manifest.status} ({manifest.reason}): finish it with python -m iroko.run --resume --out {run}")
    if not manifest.sources or not manifest.files:
        raise InputError(f"run {run} was made by a version whose manifest does not hold what this needs: run it anew")
    try:
        read_run(run)
    except InputError:
        raise
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these two kinds
        raise InputError(f"run {run} is broken: {' '.join(str(error).split())[:160]}") from error
    return config, manifest


def refuse_real_time(config: "RunConfig", manifest: Manifest, scores_only: bool) -> None:
    """Raise InputError for what ran in real time, which never happens twice alike."""
    if "mininet" not in manifest.engines:
        return
    if config.engine == "mininet":
        raise InputError(
            "the run was scored on engine mininet, in real time, which does not repeat: score it with --engine guest to verify it"
        )
    if not scores_only:
        raise InputError("the run learned on engine mininet, in real time, which does not repeat: verify its scores, with --scores-only")


def changed_files_of(run: Path, manifest: Manifest) -> Iterator[str]:
    """What was changed in the folder since the run was complete."""
    from iroko.run.differences import changed_files
    from iroko.rundir.folder import hash_results

    return changed_files(manifest.files, hash_results(run))


def repeat(config: "RunConfig", run: Path, again: Path, scores_only: bool) -> Manifest:
    """Run a config again, in a folder of its own; returns the new manifest.

    Raises:
        InputError: a saved model is missing or broken.
        UnsupportedError: an engine cannot run here.
        EngineError: an engine failed.
    """
    from rich.console import Console

    from iroko.run.job import phase_names, prepare, work
    from iroko.run.progress import open_display
    from iroko.rundir.folder import RunFolder

    if not in_training(config, scores_only):
        config = replace(config, train_engine=config.engine)
    prepared = prepare(config, say)
    folder = RunFolder(again, prepared.config)
    try:
        if scores_only:
            copy_models(run, folder, prepared.agents)
        console = Console(stderr=True)
        title = f"{run}, again"
        display = open_display(console, title, phase_names(prepared, folder), config.scenario.num_steps, console.is_terminal)
        try:
            work(prepared, folder, display, draw=False)
        finally:
            display.close()
        return folder.manifest
    finally:
        folder.close()


def in_training(config: "RunConfig", scores_only: bool) -> bool:
    """Whether what was scored on the engine of the training is compared too; in real time it would not repeat."""
    return not (scores_only and config.train_engine == "mininet")


def copy_models(run: Path, folder: "RunFolder", agents: "dict[str, Agent]") -> None:
    """Give a new run the trained agents of another one; only plain files, no links.

    Raises:
        InputError: an agent that learns has no model there.
    """
    if folder.config.model is not None:
        return
    for name in folder.config.agents:
        source, target = run / "model" / name, folder.path / "model" / name
        files = [path for path in source.iterdir() if path.is_file() and not path.is_symlink()] if source.is_dir() else []
        if not files:
            if agents[name].learns:
                raise InputError(f"run {run} has no model of {name}: train anew, without --scores-only")
            continue
        target.mkdir(parents=True)
        for path in files:
            shutil.copyfile(path, target / path.name)


def compare(config: "RunConfig", there: Path, here: Path, scores_only: bool) -> Iterator[Outcome]:
    """Compare all that the two folders hold of results."""
    from iroko.run.differences import compare_file, compare_models, compare_tables, record_names

    both = in_training(config, scores_only)
    yield Outcome("table", compare_tables(there, here, both))
    for name in record_names(config, both):
        if (there / name).is_file() or (here / name).is_file():
            yield Outcome(name, compare_file(there / name, here / name))
    if scores_only:
        return
    yield Outcome("learning.parquet", compare_file(there / "learning.parquet", here / "learning.parquet"))
    for name in config.agents:
        if (there / "model" / name).is_dir() or (here / "model" / name).is_dir():
            yield Outcome(f"model {name}", compare_models(there / "model" / name, here / "model" / name))


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    return run_command(app, PROGRAM, arguments)
