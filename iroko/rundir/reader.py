"""What a run folder holds, read and checked: what tables, figures and reports are made of. `iroko.rundir.folder` writes it."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from iroko.errors import InputError
from iroko.registry import printable, show
from iroko.rundir.config import RunConfig, make_config
from iroko.rundir.manifest import Manifest
from iroko.rundir.user_paths import check_files_allowed
from iroko.system.safe_folder import check_folder
from iroko.system.small_files import read_json, unreadable
from iroko.toml import read_toml

COLUMNS = {
    "steps": ("scheme", "episode", "step", "time_s", "interval_s", "reward", "goodput_bps", "limits_bps", "host_received_bytes",
              "port_bytes", "port_drops", "port_marks", "backlog_mean_bytes", "flow_bytes"),
    "flows": ("scheme", "episode", "flow", "source", "destination", "start_s", "size_bytes", "delivered_bytes", "completion_s"),
}  # fmt: skip
"""What is read of `steps.parquet` and `flows.parquet` in any case."""
CONFIG, MANIFEST = "config.toml", "manifest.json"
MAX_MANIFEST_BYTES = 4_000_000
SMALL_TABLE_BYTES = 100_000_000
"""What any table may take of memory; a larger one no more than `MAX_EXPANSION` times its file."""
MAX_EXPANSION = 200


@dataclass(frozen=True)
class RunData:
    """What tables and figures read from a run folder; see `iroko.run.evaluate` for the columns of `steps` and `flows`.

    Attributes:
        steps, flows: of the engine `config.engine`.
        learning: columns agent, step, reward (mean per step of the latest episodes); empty when nothing learned.
        in_training: what the same agents and baselines did on `config.train_engine`, for the same flows and seeds; None: that is the
            same engine, or nothing learns.
    """

    path: Path
    config: RunConfig
    steps: pd.DataFrame
    flows: pd.DataFrame
    learning: pd.DataFrame
    in_training: "RunData | None" = None

    @property
    def schemes(self) -> list[str]:
        """The schemes that were scored, in the order of the config."""
        scored = set(self.steps["scheme"])
        return [scheme for scheme in self.config.schemes if scheme in scored]


def read_run(path: str | Path) -> RunData:
    """Read a run folder whose schemes are scored.

    Raises:
        InputError: it is no run folder, its schemes are not all scored, its tables are broken, or it holds links.
    """
    path = Path(path)
    check_folder(path)
    config = read_config(path)
    missing = [name for name in ("steps.parquet", "flows.parquet") if not (path / name).is_file()]
    if missing:
        raise InputError(f"run {path} has no {missing[0]} yet: finish it with --resume --out {path}")
    learning = read_learning(path)

    def read(suffix: str, in_training: RunData | None = None) -> RunData:
        steps, flows = (_read_frame(path / f"{kind}{suffix}.parquet", columns) for kind, columns in COLUMNS.items())
        _check_fits(path, config, steps, flows)
        return RunData(path, config, steps, flows, learning, in_training)

    other = f"-{config.train_engine}"
    return read("", read(other) if (path / f"steps{other}.parquet").is_file() else None)


def read_learning(path: Path) -> pd.DataFrame:
    """The learning curves of a run folder so far, without rows where nothing has learned.

    Raises:
        InputError: they are broken.
    """
    file = path / "learning.parquet"
    return _read_frame(file, ("agent", "step", "reward")) if file.is_file() else pd.DataFrame({"agent": [], "step": [], "reward": []})


def _check_fits(path: Path, config: RunConfig, steps: pd.DataFrame, flows: pd.DataFrame) -> None:
    """Refuse tables of another fabric than the config's, such as where someone has changed that."""
    topology = config.scenario.fabric
    if unknown := {*map(str, steps["scheme"]), *map(str, flows["scheme"])} - {*config.schemes}:
        raise InputError(f"run {path} is broken: its tables have a scheme {show(min(unknown))} that its {CONFIG} does not have")
    if not len(steps):
        raise InputError(f"run {path} is broken: steps.parquet has no row")
    for name, count in {"limits_bps": topology.num_hosts, "port_bytes": topology.num_ports}.items():
        lengths = {len(values) for values in steps[name]}
        if lengths - {count}:
            wrong = min(lengths - {count})
            raise InputError(f"run {path} is broken: {name} of steps.parquet has {wrong} values, {count} by its {CONFIG}")
    if unknown := {*flows["source"], *flows["destination"]} - {*topology.hosts}:
        raise InputError(f"run {path} is broken: flows.parquet has a host {min(map(str, unknown))!r} that its {CONFIG} does not have")


def _read_frame(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    with open_table(path) as file:
        frame: pd.DataFrame = file.read().to_pandas()
    if missing := [name for name in columns if name not in frame]:
        raise InputError(f"{path} is broken: it has no column {missing[0]!r}")
    return frame


@contextmanager
def open_table(path: Path) -> Iterator[Any]:
    """Open a Parquet file whose values have been seen to fit into memory, as `pyarrow.parquet.ParquetFile`.

    Some bytes can hold thousands of millions of equal values, so these are counted before they are read.

    Raises:
        InputError: it is broken, no plain file, or holds far more values than a run writes into a file of its size.
    """
    from pyarrow import parquet

    try:
        with (
            open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as raw,
            parquet.ParquetFile(raw) as file,
        ):
            size, metadata = os.fstat(raw.fileno()).st_size, file.metadata
            chunks = [metadata.row_group(i).column(k) for i in range(metadata.num_row_groups) for k in range(metadata.num_columns)]
            values = sum(max(0, chunk.num_values) for chunk in chunks) + max(0, metadata.num_rows) * metadata.num_columns
            num_bytes = max(8 * values, sum(max(0, chunk.total_uncompressed_size) for chunk in chunks))
            if num_bytes > max(SMALL_TABLE_BYTES, MAX_EXPANSION * size):
                raise InputError(
                    f"{path} is broken: it claims {num_bytes:,} bytes of values in a file of {size:,}, "
                    f"expected at most {MAX_EXPANSION} times that"
                )
            yield file
    except InputError:
        raise
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these two kinds
        raise InputError(f"{path} is broken: {printable(' '.join(str(error).split()))[:160]}") from error


def read_config(path: Path) -> RunConfig:
    """Read a run folder's config.

    Raises:
        InputError: it is no run folder, its config does not fit this version, or it names code that the user has not.
    """
    if not (path / CONFIG).is_file():
        raise InputError(f"{path} is no run folder: it has no {CONFIG}")
    table = read_toml(path / CONFIG)
    check_files_allowed(table)
    return make_config(table)


def read_manifest(path: Path) -> Manifest:
    """Read a run folder's manifest.

    Raises:
        InputError: it has none, or one that is not of this version.
    """
    try:
        return Manifest.from_table(read_json(path / MANIFEST, MAX_MANIFEST_BYTES))
    except (OSError, ValueError, TypeError) as error:
        raise unreadable("manifest", path / MANIFEST, error) from error
