"""What the infos of environments say of an interval, of one environment or of several at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.metrics import goodputs_bps, jain_indices
from iroko.reward import RewardContext, active_bytes
from iroko.snapshot import Snapshot

Columns = dict[str, npt.NDArray[Any]]
"""For each key a number of numpy, or one for each environment in an array of shape `(num_envs,)`."""


def measures(context: RewardContext, snapshot: Snapshot) -> Columns:
    """The measures of an interval by their names in the info; `iroko.env.IrokoEnv` says what each is."""
    ports = context.fabric.switch_ports
    return {
        "time_s": np.asarray(snapshot.time_s),
        "goodput_bps": goodputs_bps(snapshot.host_received_bytes, snapshot.interval_s),
        "queue_mean_bytes": np.add.reduce(snapshot.backlog_mean_bytes.take(ports, axis=-1), axis=-1) / len(ports),
        "queue_peak_bytes": np.maximum.reduce(snapshot.backlog_peak_bytes.take(ports, axis=-1), axis=-1),
        "drops": np.add.reduce(snapshot.port_drops.take(ports, axis=-1), axis=-1),
        "marks": np.add.reduce(snapshot.port_marks.take(ports, axis=-1), axis=-1),
        "jain": jain_indices(*active_bytes(context, snapshot)),
    }


def to_numbers(columns: Mapping[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """The columns of one environment as Python's own numbers."""
    return {key: value.item() for key, value in columns.items()}


def to_rows(columns: Mapping[str, npt.NDArray[Any]]) -> list[dict[str, Any]]:
    """The columns of several environments as one dictionary of Python's own numbers for each."""
    return [dict(zip(columns, values, strict=True)) for values in zip(*(value.tolist() for value in columns.values()), strict=True)]
