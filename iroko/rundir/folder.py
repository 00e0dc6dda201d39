"""The run folder: the only thing that a run leaves behind, and all that tables and figures read.

    config.toml      the whole `RunConfig`, defaults too
    manifest.json    what ran, and whether the folder is complete
    steps.parquet    one row a step of each scored scheme, with per-port, per-host and per-flow lists
    flows.parquet    one row a flow
    steps-ENGINE.parquet, flows-ENGINE.parquet  the same of the schemes that were scored on the engine of the training too
    learning.parquet the training of each learned agent
    schemes/         the scored schemes one by one, from which `steps` and `flows` are joined
    checkpoint/      what training goes on from after a stop
    model/NAME/      the trained agents
    tensorboard/  figures/  report.html

Every file is written beside its place and renamed into it, so a file that is there is whole.
"""

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from iroko.errors import InputError
from iroko.registry import check_path, show
from iroko.rundir.config import RunConfig, first_difference
from iroko.rundir.manifest import COMPLETE, INCOMPLETE, Manifest
from iroko.rundir.provenance import hash_files
from iroko.rundir.reader import CONFIG, MANIFEST, open_table, read_config, read_learning, read_manifest
from iroko.system.ownership import claim_path
from iroko.system.privileges import give
from iroko.system.privileges import hand_over as hand_over
from iroko.system.safe_folder import SafeFolder, check_folder, fill
from iroko.toml import format_toml

RUNS = Path("results/runs")


def write_beside(path: Path, write: Callable[[Path], Any], root: "Path | SafeFolder | None" = None) -> None:
    """Let `write` make a file under another name in the same folder, then rename it to `path`; on an error nothing is left.

    Args:
        root: the run or experiment folder that the file belongs to, below which no link is followed; None: the file's own folder.

    Raises:
        InputError: a folder on the way from `root` is a link or a file.
    """
    with ExitStack() as opened:
        if not isinstance(root, SafeFolder):
            root = opened.enter_context(_made_folder(path.parent if root is None else root))
        place = path.relative_to(root.path)
        try:
            folder = opened.enter_context(root.folder(place.parent, make=True))
        except (NotADirectoryError, FileExistsError) as error:
            raise InputError(f"{path.parent} is a link or a file: expected a folder of {root.path}; remove it") from error
        for step in place.parents[:-1]:
            with root.folder(step.parent) as above:
                give(step.name, above.descriptor)
        # Nobody can have laid a link of that name there. What a killed process leaves of it the next start removes.
        claim = claim_path(path.parent, f".{path.stem}.", f".part{path.suffix}")
        try:
            fill(folder, write, claim.path.name)
            give(claim.path.name, folder.descriptor)
            folder.rename(claim.path.name, path.name)
        finally:
            claim.undo()


def _made_folder(path: Path) -> SafeFolder:
    """A folder, made with those above it where it is missing."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in made:
        hand_over(folder)
    return SafeFolder(path)


def hash_results(path: Path) -> dict[str, str]:
    """A hash of each file that holds a result of a run: its config, tables and models, by its path in the folder."""
    results = [path / CONFIG, *path.glob("*.parquet"), *(path / "model").rglob("*")]
    return {file.relative_to(path).as_posix(): hash_files(file.parent, [file]) for file in sorted(results) if file.is_file()}


def write_frame(path: Path, frame: pd.DataFrame, root: SafeFolder | None = None) -> None:
    """Write a frame as Parquet whose bytes follow from the frame alone; see `write_beside` for `root`."""
    import pyarrow as pa

    _write_arrow(path, pa.Table.from_pandas(frame, preserve_index=False), root)


def _write_arrow(path: Path, table: Any, root: SafeFolder | None) -> None:
    from pyarrow import parquet

    # The metadata would hold the versions of pandas and pyarrow a second time.
    plain = table.replace_schema_metadata(None)
    write_beside(path, lambda part: parquet.write_table(plain, part, compression="zstd", version="2.6"), root)


def join_frames(path: Path, parts: Sequence[Path], root: SafeFolder | None = None) -> None:
    """Join Parquet files of like columns into one, in the order given; see `write_beside` for `root`."""
    import pyarrow as pa

    tables = []
    for part in parts:
        with open_table(part) as file:
            tables.append(file.read())
    _write_arrow(path, pa.concat_tables(tables, promote_options="permissive"), root)


class RunFolder:
    """A run folder that this process writes; it holds a lock on it until `close`.

    Args:
        path: the folder; it must not exist, or be empty, unless the run is resumed.
        config: the run.
        resume: whether to go on with what the folder holds.

    Raises:
        InputError: the folder is in use, is not empty, is no run folder, or holds links or a run of another config.
    """

    def __init__(self, path: Path, config: RunConfig, resume: bool = False) -> None:
        self.path, self.config = path, config
        if resume:
            check_folder(path)
            if difference := first_difference(read_config(path).to_table(), config.to_table()):
                raise InputError(f"run {path} is of another config: {difference}: leave the option out, or start a new run")
        else:
            check_free(path)
            try:
                write_beside(path / CONFIG, lambda part: part.write_text(format_toml(config.to_table()), encoding="utf-8"))
            except OSError as error:
                raise InputError(f"out={path}: cannot be written: {error.strerror}") from error
        self._folder = SafeFolder(path)
        self._lock = -1
        try:
            self._lock = self._folder.open(CONFIG, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            known = resume and (path / MANIFEST).exists()
            self.manifest = read_manifest(path) if known else Manifest(seed=config.seed)
            if not known or self.manifest.status != COMPLETE:
                self.manifest.describe_machine(config.describe_files())
                self.mark(INCOMPLETE, "it is running, or it was killed")
        except BlockingIOError:
            self.close()
            raise InputError(f"run {path} is in use by another process: wait for it, or name another folder") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the lock; safe twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        self._folder.close()

    @property
    def complete(self) -> bool:
        return self.manifest.status == COMPLETE

    def mark(self, status: str, reason: str = "") -> None:
        """Write the manifest with this status."""
        self.manifest.status, self.manifest.reason = status, reason
        self.manifest.files = hash_results(self.path) if status == COMPLETE else {}
        text = json.dumps(self.manifest.to_table(), indent=2, sort_keys=True) + "\n"
        write_beside(self.path / MANIFEST, lambda part: part.write_text(text), self._folder)
        hand_over(self.path)

    def is_scored(self, scheme: str, engine: str | None = None) -> bool:
        """Whether a scheme is scored on an engine; None: that of the scores."""
        return self._part(scheme, "steps", engine).is_file()

    def write_scores(self, scheme: str, steps: pd.DataFrame, flows: pd.DataFrame, engine: str | None = None) -> None:
        """Keep what one scheme's episodes gave."""
        write_frame(self._part(scheme, "flows", engine), flows, self._folder)
        # The steps come last: `is_scored` looks for them.
        write_frame(self._part(scheme, "steps", engine), steps, self._folder)

    def join_scores(self) -> None:
        """Join the scored schemes, in the order of the config, into `steps.parquet` and `flows.parquet`, of each engine by itself."""
        for engine in dict.fromkeys([self.config.engine, self.config.train_engine]):
            scored = [scheme for scheme in self.config.schemes if self.is_scored(scheme, engine)]
            if not scored and engine == self.config.engine:
                raise InputError(f"run {self.path}: no scheme could be scored: {'; '.join(self.manifest.left_out.values())}")
            # The steps come last: whoever reads the run looks for them.
            for kind in ("flows", "steps") if scored else ():
                parts = [self._part(scheme, kind, engine) for scheme in scored]
                join_frames(self.path / f"{kind}{self._suffix(engine)}.parquet", parts, self._folder)

    def _part(self, scheme: str, kind: str, engine: str | None) -> Path:
        return self.path / "schemes" / f"{scheme}-{kind}{self._suffix(engine)}.parquet"

    def _suffix(self, engine: str | None) -> str:
        return "" if engine in (None, self.config.engine) else f"-{engine}"

    def checkpoint(self, agent: str) -> Path:
        """The folder in which an agent's training keeps what it needs to go on."""
        self._folder.folder(f"checkpoint/{agent}", make=True).close()
        return self.path / "checkpoint" / agent

    def model(self, agent: str) -> Path:
        """The folder of a trained agent; it exists once the agent is trained."""
        return self.path / "model" / agent

    def write_model(self, agent: str, save: Callable[[Path], Any]) -> None:
        """Let `save` write a trained agent into a new folder, and drop its checkpoint."""
        claim = claim_path(self.path / "model", f".{agent}.", ".part")
        with self._folder.folder("model", make=True) as models:
            try:
                with models.folder(claim.path.name, make=True) as part:
                    fill(part, save)
                models.rename(claim.path.name, agent)
            finally:
                claim.undo()
        checkpoints = self.path / "checkpoint"
        if not checkpoints.is_dir():
            return
        with self._folder.folder("checkpoint") as folder:
            for rest in (agent, f"{agent}.new", f"{agent}.old"):
                folder.remove(rest)
        if not any(checkpoints.iterdir()):
            checkpoints.rmdir()

    def read_learning(self) -> pd.DataFrame:
        """The learning curves so far."""
        return read_learning(self.path)

    def write_learning(self, frame: pd.DataFrame) -> None:
        write_frame(self.path / "learning.parquet", frame, self._folder)


def check_free(path: Path) -> None:
    """Check that a new run can have this folder.

    Raises:
        InputError: there is a file of that name, or a folder with something in it, or none can be.
    """
    check_path("out", path)
    try:
        taken = path.exists() and (not path.is_dir() or any(path.iterdir()))
    except (OSError, ValueError) as error:
        raise InputError(f"out={show(str(path))}: {getattr(error, 'strerror', None) or error}: name another folder") from error
    if taken:
        raise InputError(f"out={path}: exists already: name another folder, or go on with that run by --resume")


def new_folder(config: RunConfig, runs: Path = RUNS) -> Path:
    """A folder name that is free: topology, agents and seed, and a number when there are runs of that name."""
    base = "-".join([config.scenario.topology_name, *(config.agents or ("baselines",)), f"seed{config.seed}"])
    names = (base if count == 1 else f"{base}-{count}" for count in range(1, 1_000_000))
    return check_path("out", next(runs / name for name in names if not (runs / name).exists()))


def find_unfinished(agrees: Callable[[Path], bool], runs: Path = RUNS) -> Path:
    """The latest unfinished run that `agrees` accepts.

    Raises:
        InputError: there is none.
    """
    folders = [path.parent for path in runs.glob(f"*/{MANIFEST}") if (path.parent / CONFIG).is_file()]
    for folder in sorted(folders, key=lambda folder: (folder / MANIFEST).stat().st_mtime, reverse=True):
        try:
            status = read_manifest(folder).status
            read_config(folder)
        except InputError:
            continue  # a broken run does not stand in the way of the others
        if status != COMPLETE and agrees(folder):
            return folder
    raise InputError(f"--resume: no unfinished run in {runs} agrees with these options: name its folder by --out, or start anew")
