"""What each host learns of its own flows: round-trip times, echoed marks, losses."""

from collections.abc import Sequence

import numpy as np

from iroko.engines.kernel.endpoints import End
from iroko.flows import UDP
from iroko.snapshot import Floats, Integers
from iroko.topology import Topology


class Feedback:
    """Sums what the ends of an episode's flows know over each sending host, interval by interval."""

    def __init__(self, topology: Topology, ends: Sequence[End], transport: str) -> None:
        self.ends, self.num_hosts, self.is_udp = ends, topology.num_hosts, transport == UDP
        self.senders = np.array([topology.host_index[end.flow.source] for end in ends], dtype=np.int64)
        self.totals = self._ask()

    def _ask(self) -> Integers:
        """Echoes, and segments sent again or datagrams arrived, since the episode began, shape `(2, num_flows)`; the ends are settled."""
        for end in self.ends:
            end.ask()
        pairs = [(end.echoes, end.arrived if self.is_udp else end.resent) for end in self.ends]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2).T

    def begin(self) -> None:
        """An interval begins now."""
        self.totals = self._ask()

    def end(self, sent_packets: Integers) -> tuple[Floats, Integers, Integers]:
        """An interval ends now, and the next one begins.

        Args:
            sent_packets: what left each host in it, shape `(num_hosts,)`.

        Returns:
            The fields `host_rtt_s`, `host_echoes` and `host_losses` of the snapshot.
        """
        before, self.totals = self.totals, self._ask()
        echoes, counted = (self._per_host(row) for row in self.totals - before)
        rtts_s = np.array([end.rtt_s for end in self.ends], dtype=float)
        known = ~np.isnan(rtts_s)
        number = np.bincount(self.senders[known], minlength=self.num_hosts)
        total_s = np.bincount(self.senders[known], rtts_s[known], self.num_hosts)
        mean_s = np.divide(total_s, number, out=np.full(self.num_hosts, np.nan), where=number > 0)
        return mean_s, echoes, sent_packets - counted if self.is_udp else counted

    def _per_host(self, values: Integers) -> Integers:
        # Sums of whole numbers far below 2^53: floats hold them exactly.
        return np.bincount(self.senders, values, self.num_hosts).astype(np.int64)
