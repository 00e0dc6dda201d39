"""The infos of environments: measures and rewards of an interval, of one environment or of several at once."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.metrics import goodputs_bps, jain_indices
from iroko.reward import RewardContext, Terms, active_bytes
from iroko.snapshot import Floats, Snapshot

TERM = "reward_"
HOST_REWARDS = "host_rewards"
Columns = dict[str, npt.NDArray[Any]]
"""For each key a number of numpy, or one for each environment in an array of shape `(num_envs,)`; `host_rewards` has an axis of hosts."""


def measures(context: RewardContext, snapshot: Snapshot) -> Columns:
    """The measures of an interval by their names in the info; `iroko.envs.environment.IrokoEnv` describes each."""
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


def step_info(context: RewardContext, snapshot: Snapshot, terms: Terms, host_rewards: Floats | None) -> Columns:
    """The info of a step: the measures, each term of the reward as `reward_<term>`, and `host_rewards` unless they are None."""
    columns = measures(context, snapshot) | {f"{TERM}{name}": np.asarray(value) for name, value in terms.items()}
    return columns if host_rewards is None else columns | {HOST_REWARDS: host_rewards}


def without_reward(info: Mapping[str, Any]) -> dict[str, Any]:
    """The same keys and measures with rewards of 0: no interval has passed after `reset`, and libraries expect equal keys at every call."""
    return {key: _zero(value) if key.startswith(TERM) or key == HOST_REWARDS else value for key, value in info.items()}


def _zero(value: Any) -> Any:
    return np.zeros_like(value) if isinstance(value, np.ndarray) else type(value)(0)


def to_row(columns: Mapping[str, npt.NDArray[Any]], index: int) -> dict[str, Any]:
    """The columns of one of several environments as Python's own numbers; its row of `host_rewards` stays an array."""
    return {key: value[index] if value.ndim > 1 else value.item(index) for key, value in columns.items()}


def to_rows(columns: Mapping[str, npt.NDArray[Any]]) -> list[dict[str, Any]]:
    """The columns of several environments as one dictionary of Python's own numbers for each; its row of `host_rewards` stays an array."""
    rows = zip(*(value.tolist() if value.ndim == 1 else value for value in columns.values()), strict=True)
    return [dict(zip(columns, values, strict=True)) for values in rows]
