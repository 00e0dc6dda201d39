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
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from iroko.errors import InputError
from iroko.ingredients import hash_files
from iroko.manifest import COMPLETE, INCOMPLETE, Manifest
from iroko.names import check_path, show
from iroko.options import RunConfig, first_difference, format_toml
from iroko.ownership import claim_path
from iroko.privileges import hand_over as hand_over
from iroko.run_data import CONFIG, MANIFEST, read_config, read_learning, read_manifest

RUNS = Path("results/runs")


def write_beside(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` make a file under another name in the same folder, then rename it to `path`; on an error nothing is left."""
    made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in made:
        hand_over(folder)
    # Nobody can have laid a link of that name there. What a killed process leaves of it the next start removes.
    claim = claim_path(path.parent, f".{path.stem}.", f".part{path.suffix}")
    try:
        write(claim.path)
        hand_over(claim.path)
        os.replace(claim.path, path)
    finally:
        claim.undo()


def hash_results(path: Path) -> dict[str, str]:
    """A hash of each file that holds a result of a run: its config, tables and models, by its path in the folder."""
    results = [path / CONFIG, *path.glob("*.parquet"), *(path / "model").rglob("*")]
    return {file.relative_to(path).as_posix(): hash_files(file.parent, [file]) for file in sorted(results) if file.is_file()}


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as Parquet whose bytes follow from the frame alone."""
    import pyarrow as pa

    _write_arrow(path, pa.Table.from_pandas(frame, preserve_index=False))


def _write_arrow(path: Path, table: Any) -> None:
    from pyarrow import parquet

    # The metadata would hold the versions of pandas and pyarrow a second time.
    plain = table.replace_schema_metadata(None)
    write_beside(path, lambda part: parquet.write_table(plain, part, compression="zstd", version="2.6"))


def join_frames(path: Path, parts: Sequence[Path]) -> None:
    """Join Parquet files of like columns into one, in the order given."""
    import pyarrow as pa
    from pyarrow import parquet

    tables = [parquet.read_table(part) for part in parts]
    _write_arrow(path, pa.concat_tables(tables, promote_options="permissive"))


class RunFolder:
    """A run folder that this process writes; it holds a lock on it until `close`.

    Args:
        path: the folder; it must not exist, or be empty, unless the run is resumed.
        config: the run.
        resume: whether to go on with what the folder holds.

    Raises:
        InputError: the folder is in use, is not empty, is no run folder, or holds a run of another config.
    """

    def __init__(self, path: Path, config: RunConfig, resume: bool = False) -> None:
        self.path, self.config = path, config
        if resume:
            if difference := first_difference(read_config(path).to_table(), config.to_table()):
                raise InputError(f"run {path} is of another config: {difference}: leave the option out, or start a new run")
        else:
            check_free(path)
            try:
                write_beside(path / CONFIG, lambda part: part.write_text(format_toml(config.to_table()), encoding="utf-8"))
            except OSError as error:
                raise InputError(f"out={path}: cannot be written: {error.strerror}") from error
        self._lock = os.open(path / CONFIG, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            known = resume and (path / MANIFEST).exists()
            self.manifest = read_manifest(path) if known else Manifest(seed=config.seed)
            if not known or self.manifest.status != COMPLETE:
                self.manifest.describe_machine()
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

    @property
    def complete(self) -> bool:
        return self.manifest.status == COMPLETE

    def mark(self, status: str, reason: str = "") -> None:
        """Write the manifest with this status."""
        self.manifest.status, self.manifest.reason = status, reason
        self.manifest.files = hash_results(self.path) if status == COMPLETE else {}
        text = json.dumps(self.manifest.to_table(), indent=2, sort_keys=True) + "\n"
        write_beside(self.path / MANIFEST, lambda part: part.write_text(text))
        hand_over(self.path)

    def is_scored(self, scheme: str, engine: str | None = None) -> bool:
        """Whether a scheme is scored on an engine; None: that of the scores."""
        return self._part(scheme, "steps", engine).is_file()

    def write_scores(self, scheme: str, steps: pd.DataFrame, flows: pd.DataFrame, engine: str | None = None) -> None:
        """Keep what one scheme's episodes gave."""
        write_frame(self._part(scheme, "flows", engine), flows)
        # The steps come last: `is_scored` looks for them.
        write_frame(self._part(scheme, "steps", engine), steps)

    def join_scores(self) -> None:
        """Join the scored schemes, in the order of the config, into `steps.parquet` and `flows.parquet`, of each engine by itself."""
        for engine in dict.fromkeys([self.config.engine, self.config.train_engine]):
            scored = [scheme for scheme in self.config.schemes if self.is_scored(scheme, engine)]
            if not scored and engine == self.config.engine:
                raise InputError(f"run {self.path}: no scheme could be scored: {'; '.join(self.manifest.left_out.values())}")
            # The steps come last: whoever reads the run looks for them.
            for kind in ("flows", "steps") if scored else ():
                join_frames(self.path / f"{kind}{self._suffix(engine)}.parquet", [self._part(scheme, kind, engine) for scheme in scored])

    def _part(self, scheme: str, kind: str, engine: str | None) -> Path:
        return self.path / "schemes" / f"{scheme}-{kind}{self._suffix(engine)}.parquet"

    def _suffix(self, engine: str | None) -> str:
        return "" if engine in (None, self.config.engine) else f"-{engine}"

    def checkpoint(self, agent: str) -> Path:
        """The folder in which an agent's training keeps what it needs to go on."""
        folder = self.path / "checkpoint" / agent
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def model(self, agent: str) -> Path:
        """The folder of a trained agent; it exists once the agent is trained."""
        return self.path / "model" / agent

    def write_model(self, agent: str, save: Callable[[Path], Any]) -> None:
        """Let `save` write a trained agent into a new folder, and drop its checkpoint."""
        claim = claim_path(self.path / "model", f".{agent}.", ".part")
        try:
            claim.path.mkdir(parents=True)
            save(claim.path)
            os.replace(claim.path, self.model(agent))
        finally:
            claim.undo()
        checkpoints = self.path / "checkpoint"
        for rest in (checkpoints / agent, checkpoints / f"{agent}.new", checkpoints / f"{agent}.old"):
            shutil.rmtree(rest, ignore_errors=True)
        if checkpoints.is_dir() and not any(checkpoints.iterdir()):
            checkpoints.rmdir()

    def read_learning(self) -> pd.DataFrame:
        """The learning curves so far."""
        return read_learning(self.path)

    def write_learning(self, frame: pd.DataFrame) -> None:
        write_frame(self.path / "learning.parquet", frame)


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
    base = "-".join([config.scenario.topology, *(config.agents or ("baselines",)), f"seed{config.seed}"])
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
