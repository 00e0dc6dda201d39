"""Where two run folders of one config differ: tables digit for digit, records byte for byte, models weight for weight."""

import json
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from iroko.analysis.score_table import to_json
from iroko.analysis.scores import score_schemes
from iroko.errors import InputError
from iroko.rundir.config import RunConfig
from iroko.rundir.reader import open_table, read_run
from iroko.system.tensors import read_tensors

RECORDS = ("steps", "flows")


def record_names(config: RunConfig, in_training: bool) -> list[str]:
    """The files of records that a run may have, those of the engine of the training last."""
    others = [f"{kind}-{config.train_engine}.parquet" for kind in RECORDS]
    return [*(f"{kind}.parquet" for kind in RECORDS), *(others if in_training and config.train_engine != config.engine else [])]


def compare_tables(there: Path, here: Path, in_training: bool) -> str | None:
    """The first figure in which the tables differ, in full digits; None: they agree.

    Args:
        in_training: whether to compare what was scored on the engine of the training too.
    """
    tables = []
    for path in (there, here):
        run = read_run(path)
        left_out = ("run",) if in_training else ("run", "in_training")
        tables.append({key: value for key, value in json.loads(to_json(run, score_schemes(run))).items() if key not in left_out})
    return first_unlike(tables[0], tables[1])


def first_unlike(there: Any, here: Any, place: str = "") -> str | None:
    """The first place in which two values of JSON differ."""
    if isinstance(there, dict) and isinstance(here, dict):
        found = (
            first_unlike(there.get(key), here.get(key), f"{place} {key}") for key in [*there, *(key for key in here if key not in there)]
        )
        return next((line for line in found if line is not None), None)
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        names = [item.get("scheme", number) if isinstance(item, dict) else number for number, item in enumerate(there)]
        found = (first_unlike(a, b, f"{place} {name}") for name, a, b in zip(names, there, here, strict=True))
        return next((line for line in found if line is not None), None)
    return None if there == here and type(there) is type(here) else f"{place.strip()}: {there!r} there, {here!r} here"


def compare_file(there: Path, here: Path) -> str | None:
    """Where two Parquet files differ; None: they are equal to the byte, or neither is there.

    Raises:
        InputError: one cannot be read as Parquet.
    """
    if there.is_file() != here.is_file():
        return f"is {'missing here' if there.is_file() else 'missing there'}"
    if not there.is_file() or there.read_bytes() == here.read_bytes():
        return None
    return _first_cell(_read(there), _read(here)) or "holds equal values, written in other bytes"


def _read(path: Path) -> pd.DataFrame:
    with open_table(path) as file:
        frame: pd.DataFrame = file.read().to_pandas()
    return frame


def _first_cell(there: pd.DataFrame, here: pd.DataFrame) -> str | None:
    """The first row, and in it the first column, in which two frames differ."""
    if list(there.columns) != list(here.columns):
        return f"has the columns {', '.join(map(str, there.columns))} there, {', '.join(map(str, here.columns))} here"
    rows = min(len(there), len(here))
    unlike = [
        (row, str(column))
        for column in there.columns
        for row in [next((i for i, (a, b) in enumerate(zip(there[column], here[column], strict=False)) if not _same(a, b)), rows)]
        if row < rows
    ]
    if not unlike:
        return None if len(there) == len(here) else f"has {len(there)} rows there, {len(here)} here"
    row, column = min(unlike, key=lambda cell: cell[0])
    where = ", ".join(f"{key} {there[key].iloc[row]}" for key in ("scheme", "episode", "step", "flow") if key in there.columns)
    a, b = there[column].iloc[row], here[column].iloc[row]
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray) and a.shape == b.shape:
        item = next(i for i in range(len(a)) if not _same(a[i], b[i]))
        a, b, column = a[item], b[item], f"{column}[{item}]"
    return f"differs first in {where}: {column} {a} there, {b} here"


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        one, other = np.asarray(a), np.asarray(b)
        return np.array_equal(one, other, equal_nan=one.dtype.kind == other.dtype.kind == "f")
    return bool(pd.isna(a) and pd.isna(b)) or bool(a == b if not (pd.isna(a) or pd.isna(b)) else False)


def compare_models(there: Path, here: Path) -> str | None:
    """The first weight in which two saved agents differ; None: they agree, in every digit.

    What equal weights do is compared by the limits in the records: every action of every scored step.

    Raises:
        InputError: one is missing or broken.
    """
    return _first_weight(*(_weights(folder) for folder in (there, here)))


def _weights(folder: Path) -> Any:
    import torch

    path = folder / "weights.pt"
    try:
        # Without pickle: a file can hold tensors, numbers and texts only.
        return torch.load(read_tensors(path), map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no one error for a file that holds something else
        raise InputError(f"model {path} cannot be read: {(str(error).strip() or type(error).__name__).splitlines()[0][:100]}") from error


def _first_weight(there: Any, here: Any, place: str = "") -> str | None:
    import torch

    if isinstance(there, torch.Tensor) and isinstance(here, torch.Tensor):
        if there.shape == here.shape and torch.equal(there, here):
            return None
        apart = f"by {(there.double() - here.double()).abs().max():.3g} at most" if there.shape == here.shape else "in shape"
        return f"{place.strip()} differs {apart}"
    if isinstance(there, dict) and isinstance(here, dict) and there.keys() == here.keys():
        found = (_first_weight(there[key], here[key], f"{place} {key}") for key in there)
    elif isinstance(there, (list, tuple)) and isinstance(here, (list, tuple)) and len(there) == len(here):
        found = (_first_weight(a, b, f"{place} {number}") for number, (a, b) in enumerate(zip(there, here, strict=True)))
    else:
        return None if there == here else f"{place.strip()} is {reprlib.repr(there):.60} there, {reprlib.repr(here):.60} here"
    return next((line for line in found if line is not None), None)


def changed_files(recorded: dict[str, str], now: dict[str, str]) -> Iterator[str]:
    """The files of a run folder that are not as they were when the run was complete."""
    for name in sorted({*recorded, *now}):
        if recorded.get(name) != now.get(name):
            what = "removed" if name not in now else "added" if name not in recorded else "changed"
            yield f"{name} was {what} after the run was complete"
