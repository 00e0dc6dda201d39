"""What Gymnasium's vector environments want beside the step: infos with masks, and the mask of a partial reset."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.envs.info import Columns
from iroko.errors import EngineError, InputError, UnknownArgumentError
from iroko.metrics import Booleans
from iroko.registry import show

RESET_MASK = "reset_mask"
"""The option of `reset` that names the environments to reset."""


def read_mask(options: Any, num_envs: int) -> Booleans:
    """Read which environments to reset from the options of `reset`.

    Returns:
        Shape `(num_envs,)`; all, where there are no options.

    Raises:
        UnknownArgumentError: another option.
        InputError: a mask of another shape, or without an environment.
    """
    if not options:
        return np.ones(num_envs, dtype=bool)
    if not isinstance(options, Mapping):
        raise InputError(f"options={show(options)}: expected a dictionary")
    for key in options:
        if key != RESET_MASK:
            raise UnknownArgumentError(
                f"options={show(options)}: expected {RESET_MASK!r} only; scenarios are set when the vector environment is made"
            )
    mask = options[RESET_MASK]
    if not isinstance(mask, np.ndarray) or mask.shape != (num_envs,) or mask.dtype != bool or not mask.any():
        raise InputError(f"options={{{RESET_MASK!r}: {show(mask)}}}: expected a numpy array of {num_envs} truth values, at least one True")
    return mask


def choose(counts: Booleans, values: Columns, others: Columns) -> Columns:
    """Take for each environment that counts its row of `values`, else that of `others`."""
    return {key: np.where(_wide(counts, value), value, others[key]) for key, value in values.items()}


def masked(values: Mapping[str, Any], counts: Booleans | None = None) -> dict[str, Any]:
    """Make Gymnasium's infos: for each key its values and a mask of the environments that have one.

    Args:
        counts: the mask; None: all have one. The numbers of the others become 0.
    """
    infos: dict[str, Any] = {}
    for key, value in values.items():
        is_numbers = isinstance(value, np.ndarray) and value.dtype != object
        infos[key] = np.where(_wide(counts, value), value, value.dtype.type(0)) if is_numbers and counts is not None else value
        infos[f"_{key}"] = np.ones(len(value), dtype=bool) if counts is None else counts.copy()
    return infos


def failure_infos(failures: Mapping[int, EngineError], ended: Booleans) -> dict[str, Any]:
    """Make the infos of the environments whose episode ended because their engine failed; none without such a failure."""
    counts = np.zeros(len(ended), dtype=bool)
    counts[list(failures)] = True
    counts &= ended
    if not counts.any():
        return {}
    texts = np.array([str(failures[index]) if counts[index] else None for index in range(len(ended))], dtype=object)
    return masked({"engine_error": texts}, counts)


def _wide(counts: Booleans, values: npt.NDArray[Any]) -> Booleans:
    """The mask with as many axes as the values."""
    return counts.reshape(-1, *[1] * (values.ndim - 1))
