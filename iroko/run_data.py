"""What a run folder holds, read and checked: what tables, figures and reports are made of. `iroko.store` writes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from iroko.errors import InputError
from iroko.manifest import Manifest
from iroko.options import RunConfig, make_config
from iroko.scenario import read_toml

COLUMNS = {
    "steps": ("scheme", "episode", "step", "time_s", "interval_s", "reward", "goodput_bps", "limits_bps", "host_received_bytes",
              "port_bytes", "port_drops", "port_marks", "backlog_mean_bytes", "flow_bytes"),
    "flows": ("scheme", "episode", "flow", "source", "destination", "start_s", "size_bytes", "delivered_bytes", "completion_s"),
}  # fmt: skip
"""What is read of `steps.parquet` and `flows.parquet` in any case."""
CONFIG, MANIFEST = "config.toml", "manifest.json"


@dataclass(frozen=True)
class RunData:
    """What tables and figures read from a run folder; see `iroko.evaluate` for the columns of `steps` and `flows`.

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
        InputError: it is no run folder, its schemes are not all scored, or its tables are broken.
    """
    path = Path(path)
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
    topology = config.scenario.make_topology()
    for name, count in {"limits_bps": topology.num_hosts, "port_bytes": topology.num_ports}.items():
        lengths = {len(values) for values in steps[name]}
        if lengths - {count}:
            wrong = min(lengths - {count})
            raise InputError(f"run {path} is broken: {name} of steps.parquet has {wrong} values, {count} by its {CONFIG}")
    if unknown := {*flows["source"], *flows["destination"]} - {*topology.hosts}:
        raise InputError(f"run {path} is broken: flows.parquet has a host {min(map(str, unknown))!r} that its {CONFIG} does not have")


def _read_frame(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are of these two kinds
        raise InputError(f"{path} is broken: {' '.join(str(error).split())[:160]}") from error
    if missing := [name for name in columns if name not in frame]:
        raise InputError(f"{path} is broken: it has no column {missing[0]!r}")
    return frame


def read_config(path: Path) -> RunConfig:
    """Read a run folder's config.

    Raises:
        InputError: it is no run folder, or its config does not fit this version.
    """
    if not (path / CONFIG).is_file():
        raise InputError(f"{path} is no run folder: it has no {CONFIG}")
    return make_config(read_toml(path / CONFIG))


def read_manifest(path: Path) -> Manifest:
    """Read a run folder's manifest.

    Raises:
        InputError: it has none, or one that is not of this version.
    """
    try:
        return Manifest.from_table(json.loads((path / MANIFEST).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path / MANIFEST} cannot be read: {error}") from error
