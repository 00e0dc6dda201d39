"""An experiment's folder: who works in it, what is done in it already, and what is noted of each job.

iroko-experiment.lock  marks the folder as an experiment's, and names the process that works in it
experiment.toml   the experiment, with every setting
jobs.json         each job and its state
jobs/JOB/         a run folder each
replaced/JOB-N/   run folders of an earlier file, whose settings differ from the present one's
logs/JOB.txt      what a job said on standard error, where it said anything
tables/  figures/  report.html
"""

import fcntl
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from iroko.analysis.experiment import DONE, EXPERIMENT, FAILED, JOBS, UNFINISHED, WAITING
from iroko.errors import InputError
from iroko.experiment.jobs import JOBS_FOLDER, Job
from iroko.experiment.spec import Experiment
from iroko.registry import check_path, show
from iroko.rundir.config import first_difference
from iroko.rundir.folder import hand_over, write_beside
from iroko.rundir.manifest import COMPLETE
from iroko.rundir.reader import CONFIG, MANIFEST, read_config, read_manifest
from iroko.system.safe_folder import SafeFolder

EXPERIMENTS = Path("results/experiments")
LOCK = "iroko-experiment.lock"
"""What makes a folder an experiment's: all in it is then Iroko's to move, remove and give to the caller of sudo."""


@dataclass
class Note:
    """What is known of a job: its state, why it failed, and the real time that it took."""

    state: str = WAITING
    reason: str = ""
    wall_s: float = 0.0
    code: int = 0


@dataclass
class Plan:
    """What a start of an experiment finds.

    Attributes:
        notes: for each job's name.
        words: what the user should know, a line each.
    """

    notes: dict[str, Note] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


class ExperimentFolder:
    """The folder of an experiment that this process works in; it holds a lock on it until `close`.

    Raises:
        InputError: another process works in it, it cannot be written, or it holds something else, or links.

    Attributes:
        files: the folder by its descriptor.
    """

    def __init__(self, path: Path) -> None:
        self.path = check_path("out", path)
        try:
            taken = path.exists() and (not path.is_dir() or (any(path.iterdir()) and not _is_experiment(path)))
        except OSError as error:
            raise InputError(f"{show(str(path))}: {error.strerror}; name another folder with --out") from error
        if taken:
            raise InputError(f"{path} exists already and is no folder of an experiment: name another with --out")
        self._lock = -1
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.files = SafeFolder(path)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}; name another folder with --out") from error
        try:
            self.files.check()
            self._lock = self.files.open(LOCK, os.O_RDWR | os.O_CREAT)
            self.files.folder(JOBS_FOLDER, make=True).close()
        except InputError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise InputError(f"{path} cannot be written: {error.strerror or error}; name another folder with --out") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"process {os.getpid()} since {time.strftime('%Y-%m-%d %H:%M:%S')}".encode(), 0)
        except BlockingIOError:
            owner = os.pread(self._lock, 100, 0).decode(errors="replace") or "another process"
            self.close()
            raise InputError(f"experiment {path} is in use by {owner}: wait for it, or name another folder with --out") from None
        except OSError as error:
            self.close()
            raise InputError(f"{path} cannot be written: {error.strerror}; name another folder with --out") from error

    def close(self) -> None:
        """Release the lock; safe twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self.files.close()

    def job_path(self, name: str) -> Path:
        return self.path / JOBS_FOLDER / name

    def log_place(self, name: str) -> str:
        """Where in the folder a job's log is."""
        return f"logs/{name}.txt"

    def plan(self, experiment: Experiment, jobs: list[Job]) -> Plan:
        """See what is done, move away what is of other settings, and note the experiment.

        A job's run is kept when its folder has the job's config to the last default; the scores of an agent are kept only with the
        training that they come from.
        """
        plan = Plan({job.name: Note() for job in jobs})
        for job in jobs:  # what others need stands before them
            note, path = plan.notes[job.name], self.job_path(job.name)
            if not path.is_dir() or not any(path.iterdir()):
                continue
            if (why := self._difference(job)) is not None:
                plan.words.append(f"{job.name} runs anew: {why}; the old run is {self._replace(job.name, jobs)}")
            elif job.needs and plan.notes[job.needs].state != DONE:
                plan.words.append(f"{job.name} runs anew after {job.needs}; the old run is {self._replace(job.name, jobs)}")
            else:
                complete = (path / MANIFEST).is_file() and read_manifest(path).status == COMPLETE
                note.state = DONE if complete else UNFINISHED
                note.wall_s = sum(read_manifest(path).wall_s.values()) if complete else 0.0
        known = {job.name for job in jobs}
        others = sorted(path.name for path in (self.path / JOBS_FOLDER).iterdir() if path.name not in known)
        if others:
            plan.words.append(f"no part of this experiment any more, and left as they are: {', '.join(others)}")
        write_beside(self.path / EXPERIMENT, lambda part: part.write_text(experiment.to_toml(), encoding="utf-8"), self.files)
        self.write(jobs, plan.notes)
        return plan

    def _difference(self, job: Job) -> str | None:
        path = self.job_path(job.name)
        if not (path / CONFIG).is_file():
            return f"{path} has no {CONFIG}"
        try:
            before = read_manifest(path).user_files if (path / MANIFEST).is_file() else {}
            now = job.config.describe_files()
            changed = next((f"the file of {name} has changed" for name in before if before[name] != now.get(name)), None)
            return first_difference(read_config(path).to_table(), job.config.to_table()) or changed
        except InputError as error:
            return f"its config or manifest cannot be read any more ({error})"

    def _replace(self, name: str, jobs: list[Job]) -> str:
        """Move a job's old run away, and before it the runs that scored its agent, so that none is ever without its training."""
        for other in jobs:
            if other.needs == name and self.job_path(other.name).is_dir():
                self._replace(other.name, jobs)
        with self.files.folder("replaced", make=True) as replaced, self.files.folder(JOBS_FOLDER) as runs:
            taken = set(os.listdir(replaced.descriptor))
            target = next(target for target in (f"{name}-{count}" for count in range(1, 1_000_000)) if target not in taken)
            os.rename(name, target, src_dir_fd=runs.descriptor, dst_dir_fd=replaced.descriptor)
        return f"replaced/{target}"

    def write(self, jobs: list[Job], notes: dict[str, Note]) -> None:
        """Note every job and its state."""
        rows = [job.to_table() | vars(notes[job.name]) for job in jobs]
        text = json.dumps({"jobs": rows}, indent=1) + "\n"
        write_beside(self.path / JOBS, lambda part: part.write_text(text, encoding="utf-8"), self.files)
        hand_over(self.path)


def _is_experiment(path: Path) -> bool:
    """Whether a folder is an experiment's; those of older versions have their file and their list of jobs."""
    with SafeFolder(path) as folder:
        return folder.is_file(LOCK) or (folder.is_file(EXPERIMENT) and folder.is_file(JOBS))


def exit_code(notes: dict[str, Note]) -> int:
    """0 when no job failed; 2 when those that did all asked for what this machine lacks; else 1."""
    codes = {note.code for note in notes.values() if note.state == FAILED}
    return 0 if not codes else 2 if codes == {2} else 1
