"""Doing an experiment's jobs under one display, on this machine or a cluster."""

import time
from contextlib import closing

from rich.console import Console

from iroko.analysis.experiment import DONE
from iroko.engines.open import first_use, open_engine
from iroko.experiment.folder import ExperimentFolder, Note
from iroko.experiment.jobs import Job
from iroko.experiment.pool import LocalPool, Pool, default_slots
from iroko.experiment.progress import Counter, LiveWatcher, PlainWatcher
from iroko.experiment.schedule import Schedule
from iroko.experiment.spec import Experiment


def open_pool(folder: ExperimentFolder, slots: int | None, ray: str | None) -> Pool:
    """The workers that the user asked for."""
    if ray is None:
        return LocalPool(folder, slots or default_slots())
    from iroko.experiment.cluster import RayPool

    return RayPool(folder, ray, slots)


def do_jobs(experiment: Experiment, folder: ExperimentFolder, jobs: list[Job], notes: dict[str, Note], slots: int | None,
             ray: str | None, console: Console) -> None:  # fmt: skip
    """Do what is left of the jobs, under one display."""
    if all(note.state == DONE for note in notes.values()):
        console.print(f"iroko: all {len(jobs)} jobs are done already", markup=False, highlight=False)
        return
    if ray is None:
        _compile_once(jobs, console)
    with closing(open_pool(folder, slots, ray)) as pool:
        counter = Counter(jobs, notes, pool.slots)
        title = f"experiment {experiment.name} in {folder.path}: {len(jobs)} jobs, {pool.slots} at a time"
        with closing(LiveWatcher(console, title, counter) if console.is_terminal else PlainWatcher(console, title, counter)) as watcher:
            Schedule(jobs, notes, folder, watcher, time.monotonic).run(pool)


def _compile_once(jobs: list[Job], console: Console) -> None:
    """Let the simulator compile itself before the first jobs, which would each do it."""
    engines = {engine for job in jobs for engine in (job.config.engine, *([job.config.train_engine] if job.learns else []))}
    if "sim" in engines and (words := first_use("sim")) is not None:
        console.print(f"iroko: {words}", markup=False, highlight=False)
        open_engine("sim", jobs[0].config.scenario.fabric).close()
