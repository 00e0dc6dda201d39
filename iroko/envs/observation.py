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

Of several environments side by side the vectors are the rows of one matrix, worked out all at once.

A value that the clock's grain carries past its bound (a frame that straddles two intervals) is clipped to it.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from iroko.arrays import FabricArrays, FlowArrays
from iroko.errors import InputError
from iroko.metrics import rate_fractions
from iroko.registry import check_name
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

    def __init__(self, topology: Topology, features: Sequence[str], fabric: FabricArrays | None = None) -> None:
        """Lay out the vector.

        Args:
            fabric: the arrays of several topologies with the hosts and ports of this one, to observe all at once; None: of this one.

        Raises:
            InputError: an unknown feature, a feature named twice, or none.
        """
        if not features:
            raise InputError(f"features=(): expected some of {', '.join(self._MEASURES)}")
        self.topology = topology
        self._fabric = FabricArrays.of(topology) if fabric is None else fabric
        self._flows = FlowArrays.of(topology, [])
        self.slices: dict[str, slice] = {}
        self.size = 0
        for feature in features:
            check_name("feature", feature, self._MEASURES)
            if feature in self.slices:
                raise InputError(f"features={tuple(features)!r}: {feature!r} is listed twice")
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

    def start(self, flows: FlowArrays) -> None:
        """Take the flows of an episode, which `pairs` needs to know who sends to whom."""
        self._flows = flows

    def observe(self, snapshot: Snapshot, previous: Snapshot | None) -> Observation:
        """The observation of an interval.

        Args:
            snapshot: of one environment, or stacked as the fabric is.
            previous: the snapshot of the step before, for what changed; None after a reset: no change.

        Returns:
            A new array, shape `(size,)` or `(num_envs, size)`, float32, within `low` and `high`.
        """
        vector = np.empty((*snapshot.limits_bps.shape[:-1], self.size), dtype=np.float32)
        for feature, part in self.slices.items():
            vector[..., part] = self._MEASURES[feature](self, snapshot, previous)
        np.maximum(vector, self.low, out=vector)
        return np.minimum(vector, self.high, out=vector)

    def restart(self, snapshot: Snapshot, indices: Integers) -> Observation:
        """The first observations of some environments whose next episodes begin, shape `(len(indices), size)`."""
        # Of all, since that is one set of array operations.
        return self.observe(snapshot, None)[indices]

    def _backlog(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return now.backlog_mean_bytes.take(self._fabric.switch_ports, axis=-1) / self._fabric.queue_bytes

    def _backlog_change(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        if previous is None:
            return np.zeros(self._fabric.queue_bytes.shape)
        change_bytes = now.backlog_bytes - previous.backlog_bytes
        return change_bytes.take(self._fabric.switch_ports, axis=-1) / self._fabric.queue_bytes

    def _utilisation(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        sent_bytes = now.port_bytes.take(self._fabric.switch_ports, axis=-1)
        return rate_fractions(sent_bytes, now.interval_s, self._fabric.port_rates_bps)

    def _drops(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        drops = now.port_drops.take(self._fabric.switch_ports, axis=-1)
        sent = now.port_packets.take(self._fabric.switch_ports, axis=-1)
        fractions: Floats = drops / np.maximum(sent + drops, 1)
        return fractions

    def _marks(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        marks = now.port_marks.take(self._fabric.switch_ports, axis=-1)
        return marks / np.maximum(now.port_packets.take(self._fabric.switch_ports, axis=-1), 1)

    def _limits(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        fractions: Floats = now.limits_bps / self._fabric.host_rates_bps
        return fractions

    def _sent(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return rate_fractions(now.host_sent_bytes, now.interval_s, self._fabric.host_rates_bps)

    def _received(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        return rate_fractions(now.host_received_bytes, now.interval_s, self._fabric.host_rates_bps)

    def _pairs(self, now: Snapshot, previous: Snapshot | None) -> Floats:
        hosts = now.limits_bps.shape
        delivered = np.zeros(now.limits_bps.size * hosts[-1])
        delivered[self._flows.pairs[now.flow_bytes > 0]] = 1
        return delivered.reshape((*hosts[:-1], hosts[-1] ** 2))

    _MEASURES: ClassVar[dict[str, Callable[["Observer", Snapshot, Snapshot | None], Floats]]] = {
        "backlog": _backlog, "backlog_change": _backlog_change, "utilisation": _utilisation, "drops": _drops, "marks": _marks,
        "limits": _limits, "sent": _sent, "received": _received, "pairs": _pairs,
    }  # fmt: skip
