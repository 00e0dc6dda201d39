"""What an agent sees: a snapshot as one vector of finite bounds.

| feature | one value for each | is | bounds |
|---|---|---|---|
| `backlog` | switch port | mean backlog of the interval over the queue's size | 0 to 1 |
| `backlog_change` | switch port | backlog now less backlog at the last step, over the queue's size | -1 to 1 |
| `utilisation` | switch port | frame bytes sent over what the link could carry in the interval | 0 to 1 |
| `drops` | switch port | packets dropped over packets offered (sent + dropped) | 0 to 1 |
| `marks` | switch port | packets ECN-marked over packets sent | 0 to 1 |
| `limits` | host | the limit in force over the link rate | 0 to 1 |
| `sent` | host | frame bytes sent over what the link could carry | 0 to 1 |
| `received` | host | application bytes that arrived over what the link could carry | 0 to 1 |
| `pairs` | ordered pair of hosts | 1 when the first delivered bytes to the second in the interval, else 0 | 0 or 1 |

A value that the clock's grain carries past its bound (a frame that straddles two intervals) is clipped to it.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.names import check_name
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

Observation = npt.NDArray[np.float32]

PORT_FEATURES = ("backlog", "backlog_change", "utilisation", "drops", "marks")
HOST_FEATURES = ("limits", "sent", "received")
PAIR_FEATURES = ("pairs",)


class Observer:
    """Turns snapshots into observations of one layout.

    Attributes:
        size: length of the vector.
        slices: for each feature its part of the vector, in the order of the scenario.
        low, high: bounds, shape `(size,)`, float32.
    """

    def __init__(self, topology: Topology, features: Sequence[str]) -> None:
        """Lay out the vector.

        Raises:
            InputError: an unknown feature, a feature named twice, or none.
        """
        if not features:
            raise InputError(f"features=(): expected some of {', '.join(self._MEASURES)}")
        self.topology = topology
        self._ports = np.array(topology.switch_ports, dtype=np.int64)
        ports = [topology.ports[index] for index in topology.switch_ports]
        self._queue_bytes: Floats = np.array([port.queue_bytes for port in ports], dtype=float)
        self._port_rates_bps: Floats = np.array([port.rate_bps for port in ports], dtype=float)
        self._host_rates_bps: Floats = np.array(topology.host_rates_bps, dtype=float)
        self._pair_indices: Integers = np.zeros(0, dtype=np.int64)
        self.slices: dict[str, slice] = {}
        self.size = 0
        for feature in features:
            check_name("feature", feature, self._MEASURES)
            if feature in self.slices:
                raise InputError(f"features={tuple(features)!r}: {feature!r} stands twice")
            self.slices[feature] = slice(self.size, self.size + len(self._subjects(feature)))
            self.size = self.slices[feature].stop
        self.low: Observation = np.zeros(self.size, dtype=np.float32)
        self.high: Observation = np.ones(self.size, dtype=np.float32)
        if "backlog_change" in self.slices:
            self.low[self.slices["backlog_change"]] = -1

    def _subjects(self, feature: str) -> list[str]:
        hosts = self.topology.hosts
        if feature in PORT_FEATURES:
            return [self.topology.ports[index].name for index in self.topology.switch_ports]
        if feature in HOST_FEATURES:
            return list(hosts)
        return [f"{source}->{destination}" for source in hosts for destination in hosts]

    @property
    def names(self) -> list[str]:
        """What each value of the vector is: `backlog s0->s1`, `limits h0`, `pairs h0->h2`."""
        return [f"{feature} {subject}" for feature in self.slices for subject in self._subjects(feature)]

    def start(self, flows: Sequence[Flow]) -> None:
        """Take the flows of an episode, which `pairs` needs to know who sends to whom."""
        index = self.topology.host_index
        num_hosts = self.topology.num_hosts
        self._pair_indices = np.array([index[flow.source] * num_hosts + index[flow.destination] for flow in flows], dtype=np.int64)

    def observe(self, snapshot: Snapshot, previous: Snapshot | None) -> Observation:
        """The observation of an interval.

        Args:
            previous: the snapshot of the step before, for what changed; None after a reset: no change.

        Returns:
            A new array, shape `(size,)`, float32, within `low` and `high`.
        """
        vector = np.empty(self.size, dtype=np.float32)
        for feature, part in self.slices.items():
            vector[part] = self._MEASURES[feature](self, snapshot, previous)
        return np.clip(vector, self.low, self.high, out=vector)

    def _backlog(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return now.backlog_mean_bytes[self._ports] / self._queue_bytes

    def _backlog_change(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        if previous is None:
            return np.zeros(len(self._ports))
        return (now.backlog_bytes[self._ports] - previous.backlog_bytes[self._ports]) / self._queue_bytes

    def _utilisation(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return _rate_fractions(now.port_bytes[self._ports], now.interval_s, self._port_rates_bps)

    def _drops(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        drops = now.port_drops[self._ports]
        fractions: Floats = drops / np.maximum(now.port_packets[self._ports] + drops, 1)
        return fractions

    def _marks(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return now.port_marks[self._ports] / np.maximum(now.port_packets[self._ports], 1)

    def _limits(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        fractions: Floats = now.limits_bps / self._host_rates_bps
        return fractions

    def _sent(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return _rate_fractions(now.host_sent_bytes, now.interval_s, self._host_rates_bps)

    def _received(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return _rate_fractions(now.host_received_bytes, now.interval_s, self._host_rates_bps)

    def _pairs(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        delivered = np.zeros(self.topology.num_hosts**2)
        delivered[self._pair_indices[now.flow_bytes > 0]] = 1
        return delivered

    _MEASURES: ClassVar[dict[str, Callable[["Observer", Snapshot, Snapshot | None], Floats]]] = {
        "backlog": _backlog, "backlog_change": _backlog_change, "utilisation": _utilisation, "drops": _drops, "marks": _marks,
        "limits": _limits, "sent": _sent, "received": _received, "pairs": _pairs,
    }  # fmt: skip


def _rate_fractions(sent_bytes: Integers, interval_s: float, rates_bps: Floats) -> Floats:
    return sent_bytes * (8 / interval_s) / rates_bps if interval_s > 0 else np.zeros(len(rates_bps))
