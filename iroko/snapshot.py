"""What an engine measured in one interval."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Snapshot:
    """Measurements of one interval; after `reset` the interval is empty and every count is 0.

    The snapshot of an `iroko.engines.base.Batch` has an axis of environments before each of the shapes below, and then times are arrays of
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
        host_rtt_s: mean over a host's open connections of TCP's smoothed round-trip time at the end of the interval, shape `(num_hosts,)`;
            NaN where it has none, and over UDP, which measures none.
        host_echoes: packets that the far ends told each host's TCP had arrived with an ECN mark, shape `(num_hosts,)`; UDP is not marked.
        host_losses: what each host misses, in packets, shape `(num_hosts,)`: over TCP the segments that it sent again; over UDP, where
            receivers report what arrived, datagrams sent less datagrams arrived, which counts those still under way, so that it is below 0
            while a queue empties.
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
    host_rtt_s: Floats
    host_echoes: Integers
    host_losses: Integers
    flow_bytes: Integers
    flow_completion_s: Floats

    @property
    def all_done(self) -> bool:
        """Whether every flow of the episode has finished; never so with an endless flow."""
        return len(self.flow_completion_s) > 0 and not np.isnan(self.flow_completion_s).any()
