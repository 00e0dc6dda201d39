"""What a host sees when it decides for itself: only what it can know of its own flows, as numbers without units.

| feature | is | bounds |
|---|---|---|
| `limit` | its limit over its link rate | 0 to 1 |
| `sent` | frame bytes that it sent over what its link could carry in the interval | 0 to 1 |
| `delivered` | application bytes of its own flows that arrived, over what its link could carry | 0 to 1 |
| `losses` | packets that it misses (`Snapshot.host_losses`), as full frames, over what its link could carry | -1 to 1 |
| `missing` | the losses summed up, at least none, half forgotten in 138 steps: n / (n + 16) of n packets | 0 to 1 |
| `echoes` | echoed ECN marks, as full frames, over what its link could carry | 0 to 1 |
| `queueing` | round-trip time less the least of the episode: n / (n + 16) of n times that a full frame takes on its own link | 0 to 1 |

Each stands there for the last steps, the latest first; before the first step of an episode all are 0. UDP knows no round-trip times and no
marks: these are 0 then. Nothing depends on how many hosts there are, nor on the rates of links, so that a policy carries over to other
fabrics.
"""

import numpy as np

from iroko.arrays import FabricArrays, FlowArrays
from iroko.envs.observation import Observation
from iroko.metrics import MTU_FRAME_BYTES, column, rate_fractions, ratio
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.topology import Topology

HOST_VIEW = ("limit", "sent", "delivered", "losses", "missing", "echoes", "queueing")
HISTORY_STEPS = 3
"""Steps that a host remembers: a rate that it changed shows in what is delivered one or two steps later."""
HALF_FRAMES = 16
"""So many full frames in a queue are in the middle of the range: some of them are seen apart, and hundreds are not 1 yet."""
KEPT = 0.995
"""What is left of `missing` a step later. Lost packets never arrive: without this they would count as under way for ever. A queue that
stands shows in nothing else over UDP: what is sent is delivered, only later. With 0.9 it is forgotten in a second and never drained: on
the k=4 fat-tree PPO came to 8.5 in place of 9.7."""


class HostObserver:
    """Turns snapshots into one observation for each host.

    It remembers the steps of the episode before the present one, so each snapshot is shown to it once.

    Attributes:
        size: length of a host's vector.
        low, high: bounds, shape `(num_hosts, size)`, float32.
    """

    def __init__(self, topology: Topology, fabric: FabricArrays | None = None) -> None:
        """Lay out the vectors.

        Args:
            fabric: the arrays of several topologies with the hosts and ports of this one, to observe all at once; None: of this one.
        """
        self.topology = topology
        self._fabric = FabricArrays.of(topology) if fabric is None else fabric
        self._flows = FlowArrays.of(topology, [])
        self.size = HISTORY_STEPS * len(HOST_VIEW)
        shape = (topology.num_hosts, self.size)
        self.low: Observation = np.zeros(shape, dtype=np.float32)
        self.low[:, HOST_VIEW.index("losses") :: len(HOST_VIEW)] = -1
        self.high: Observation = np.ones(shape, dtype=np.float32)

    @property
    def names(self) -> list[str]:
        """What each value of a host's vector is: `limit`, then `limit 1 step ago`."""
        ages = ["", *(f" {age} step{'s' if age > 1 else ''} ago" for age in range(1, HISTORY_STEPS))]
        return [f"{feature}{age}" for age in ages for feature in HOST_VIEW]

    def start(self, flows: FlowArrays) -> None:
        """Take the flows of an episode, which say whose bytes arrived."""
        self._flows = flows

    def observe(self, snapshot: Snapshot, previous: Snapshot | None) -> Observation:
        """The observations of an interval.

        Args:
            snapshot: of one environment, or stacked as the fabric is.
            previous: None after a reset: then all is forgotten.

        Returns:
            A new array, shape `(num_hosts, size)` or `(num_envs, num_hosts, size)`, float32, within `low` and `high`.
        """
        if previous is None:
            shape = snapshot.limits_bps.shape
            self._past: Observation = np.zeros((*shape, self.size), dtype=np.float32)
            self._missing: Floats = np.zeros(shape)
            self._least_rtt_s: Floats = np.full(shape, np.inf)
        else:
            past = self._past[..., : -len(HOST_VIEW)]
            self._past = np.concatenate([self._measure(snapshot), past], axis=-1)
            np.clip(self._past, self.low, self.high, out=self._past)
        return self._past.copy()

    def restart(self, snapshot: Snapshot, indices: Integers) -> Observation:
        """The first observations of some environments whose next episodes begin, shape `(len(indices), num_hosts, size)`."""
        self._past[indices], self._missing[indices], self._least_rtt_s[indices] = 0, 0, np.inf
        return self._past[indices]

    def _measure(self, now: Snapshot) -> Observation:
        """One value of each feature, shape `(..., num_hosts, len(HOST_VIEW))`."""
        rates_bps, interval_s = self._fabric.host_rates_bps, now.interval_s
        delivered_bytes = np.bincount(self._flows.senders.ravel(), now.flow_bytes.ravel(), rates_bps.size).reshape(rates_bps.shape)
        frames = MTU_FRAME_BYTES * 8 / rates_bps  # the time of one on a host's own link
        # What a host misses below nothing is what it had counted as missing before.
        self._missing = np.maximum(KEPT * self._missing + now.host_losses, 0)
        self._least_rtt_s = np.fmin(self._least_rtt_s, now.host_rtt_s)
        queueing_s = np.nan_to_num(now.host_rtt_s - self._least_rtt_s, nan=0.0, posinf=0.0, neginf=0.0)
        values = (
            now.limits_bps / rates_bps,
            rate_fractions(now.host_sent_bytes, interval_s, rates_bps),
            rate_fractions(delivered_bytes, interval_s, rates_bps),
            now.host_losses * frames * column(ratio(1.0, interval_s, 0.0)),
            self._missing / (self._missing + HALF_FRAMES),
            now.host_echoes * frames * column(ratio(1.0, interval_s, 0.0)),
            queueing_s / (queueing_s + HALF_FRAMES * frames),
        )
        return np.stack(values, axis=-1, dtype=np.float32)
