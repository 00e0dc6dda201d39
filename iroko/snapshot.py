"""What an engine measured in one interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Snapshot:
    """Measurements of one interval; after `reset` the interval is empty and every count is 0.

    The snapshot of an `iroko.engine.Batch` has an axis of environments before each of the shapes below, and then times are arrays of
    shape `(num_envs,)`.

    Attributes:
        time_s: end of the interval, in seconds from the start of the episode.
        interval_s: length of the interval.
        port_bytes, port_packets: sent by each port, shape `(num_ports,)`; bytes of Ethernet frames.
        port_drops, port_marks: packets dropped and ECN-marked by each port's queue, shape `(num_ports,)`.
        backlog_bytes: in each port's queue at the end, shape `(num_ports,)`.
        backlog_mean_bytes, backlog_peak_bytes: over the interval, shape `(num_ports,)`.
        host_sent_bytes: frames sent by each host in bytes, shape `(num_hosts,)`.
        host_received_bytes: application bytes that arrived at each host, shape `(num_hosts,)`.
        limits_bps: the limit in force for each host, shape `(num_hosts,)`.
        flow_bytes: application bytes delivered for each flow in the interval, shape `(num_flows,)`.
        flow_completion_s: for a finished flow the time from its start to its last byte's arrival, else NaN, shape `(num_flows,)`.
    """

    time_s: float | Floats
    interval_s: float | Floats
    port_bytes: Integers
    port_packets: Integers
    port_drops: Integers
    port_marks: Integers
    backlog_bytes: Integers
    backlog_mean_bytes: Floats
    backlog_peak_bytes: Integers
    host_sent_bytes: Integers
    host_received_bytes: Integers
    limits_bps: Floats
    flow_bytes: Integers
    flow_completion_s: Floats

    @property
    def all_done(self) -> bool:
        """Whether every flow of the episode has finished; never so with an endless flow."""
        return len(self.flow_completion_s) > 0 and not np.isnan(self.flow_completion_s).any()
