"""What an engine measured in one interval, each field declared once: its axis, its type and its unit."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Axis(Enum):
    """What a field has one value for."""

    PORT = "num_ports"
    HOST = "num_hosts"
    FLOW = "num_flows"


@dataclass(frozen=True)
class Quantity:
    """The declaration of a field of `Snapshot`.

    Attributes:
        axis: what it has one value for; None: it is one number.
        dtype: of its values, `numpy.float64` or `numpy.int64`.
        unit: of its values.
        padding: its value beyond the flows of a network that has fewer than others of its batch.
    """

    axis: Axis | None
    dtype: type[np.float64] | type[np.int64]
    unit: str
    padding: float = 0


def _integers(axis: Axis, unit: str) -> dict[str, Quantity]:
    return {"quantity": Quantity(axis, np.int64, unit)}


def _floats(axis: Axis | None, unit: str, padding: float = 0) -> dict[str, Quantity]:
    return {"quantity": Quantity(axis, np.float64, unit, padding)}


@dataclass(frozen=True)
class Snapshot:
    """Measurements of one interval; after `reset` the interval is empty and every count is 0.

    `QUANTITIES` has the axis, type and unit of each field: a field of axis `PORT` has shape `(num_ports,)`. The snapshot of an
    `iroko.engines.base.Batch` has an axis of environments before that, and then times are arrays of shape `(num_envs,)`.

    Attributes:
        time_s: end of the interval, from the start of the episode.
        interval_s: length of the interval.
        port_bytes, port_packets: sent by each port; bytes of Ethernet frames.
        port_drops, port_marks: packets dropped and ECN-marked by each port's queue.
        backlog_bytes: in each port's queue at the end.
        backlog_mean_bytes, backlog_peak_bytes: over the interval.
        limits_bps: the limit in force for each host.
        host_sent_bytes: frames sent by each host.
        host_received_bytes: application bytes that arrived at each host.
        host_rtt_s: mean over a host's open connections of TCP's smoothed round-trip time at the end of the interval; NaN where it has
            none, and over UDP, which measures none.
        host_echoes: packets that the far ends told each host's TCP had arrived with an ECN mark; UDP is not marked.
        host_losses: what each host misses: over TCP the segments that it sent again; over UDP, where receivers report what arrived,
            datagrams sent less datagrams arrived, which counts those still under way, so that it is below 0 while a queue empties.
        flow_bytes: application bytes delivered for each flow in the interval.
        flow_completion_s: for a finished flow the time from its start to its last byte's arrival, else NaN.
    """

    time_s: float | Floats = field(metadata=_floats(None, "s"))
    interval_s: float | Floats = field(metadata=_floats(None, "s"))
    port_bytes: Integers = field(metadata=_integers(Axis.PORT, "bytes"))
    port_packets: Integers = field(metadata=_integers(Axis.PORT, "packets"))
    port_drops: Integers = field(metadata=_integers(Axis.PORT, "packets"))
    port_marks: Integers = field(metadata=_integers(Axis.PORT, "packets"))
    backlog_bytes: Integers = field(metadata=_integers(Axis.PORT, "bytes"))
    backlog_mean_bytes: Floats = field(metadata=_floats(Axis.PORT, "bytes"))
    backlog_peak_bytes: Integers = field(metadata=_integers(Axis.PORT, "bytes"))
    limits_bps: Floats = field(metadata=_floats(Axis.HOST, "bit/s"))
    host_sent_bytes: Integers = field(metadata=_integers(Axis.HOST, "bytes"))
    host_received_bytes: Integers = field(metadata=_integers(Axis.HOST, "bytes"))
    host_rtt_s: Floats = field(metadata=_floats(Axis.HOST, "s"))
    host_echoes: Integers = field(metadata=_integers(Axis.HOST, "packets"))
    host_losses: Integers = field(metadata=_integers(Axis.HOST, "packets"))
    flow_bytes: Integers = field(metadata=_integers(Axis.FLOW, "bytes"))
    flow_completion_s: Floats = field(metadata=_floats(Axis.FLOW, "s", padding=np.nan))

    @property
    def all_done(self) -> bool:
        """Whether every flow of the episode has finished; never so with an endless flow."""
        return len(self.flow_completion_s) > 0 and not np.isnan(self.flow_completion_s).any()

    @classmethod
    def stack(cls, rows: Sequence["Snapshot"]) -> "Snapshot":
        """Join the snapshots of several networks with equal ports and hosts, in the shapes of a batch.

        Fields of flows are as wide as the widest row, with `Quantity.padding` beyond a row's own flows.
        """
        if len(rows) == 1:
            return cls(**{name: np.asarray(value)[None] for name, value in vars(rows[0]).items()})
        num_flows = max(len(row.flow_bytes) for row in rows)
        values: dict[str, Any] = {}
        for name, quantity in QUANTITIES.items():
            parts = [getattr(row, name) for row in rows]
            if quantity.axis is Axis.FLOW:
                stacked = np.full((len(rows), num_flows), quantity.padding, dtype=quantity.dtype)
                for index, part in enumerate(parts):
                    stacked[index, : len(part)] = part
                values[name] = stacked
            else:
                values[name] = np.stack(parts, dtype=quantity.dtype)
        return cls(**values)

    def row(self, index: int, num_flows: int) -> "Snapshot":
        """The snapshot of one network of a batch, in views.

        Args:
            num_flows: flows of its present episode, without padding.
        """
        values: dict[str, Any] = {name: value[index] for name, value in vars(self).items()}
        for name in FLOW_FIELDS:
            values[name] = values[name][:num_flows]
        return Snapshot(**values | {"time_s": float(values["time_s"]), "interval_s": float(values["interval_s"])})


QUANTITIES: dict[str, Quantity] = {each.name: each.metadata["quantity"] for each in fields(Snapshot)}
"""The declaration of each field, in the order of the fields."""


def fields_of(axis: Axis | None) -> tuple[str, ...]:
    """The names of the fields with this axis."""
    return tuple(name for name, quantity in QUANTITIES.items() if quantity.axis is axis)


FLOW_FIELDS = fields_of(Axis.FLOW)
