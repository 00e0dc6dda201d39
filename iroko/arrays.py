"""Topology and flows as the arrays that formulas need: of one environment, or of several with a leading axis.

The shapes below are those of one environment. Stacked ones have `(num_envs, ...)` where a shape says `(..., n)`, and every formula
of Iroko is written for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.snapshot import Floats, Integers
from iroko.topology import Topology


@dataclass(frozen=True)
class FabricArrays:
    """Rates and queues of a fabric, or of several that have the same hosts and ports.

    Attributes:
        hosts: their names.
        host_rates_bps: link rate of each host, shape `(..., num_hosts)`.
        switch_ports: indices of the ports whose queue is in a switch, shape `(num_switch_ports,)`.
        port_rates_bps, queue_bytes: of the switch ports, shape `(..., num_switch_ports)`.
    """

    hosts: tuple[str, ...]
    host_rates_bps: Floats
    switch_ports: Integers
    port_rates_bps: Floats
    queue_bytes: Floats

    @classmethod
    def of(cls, topology: Topology) -> "FabricArrays":
        ports = [topology.ports[index] for index in topology.switch_ports]
        return cls(
            hosts=topology.hosts,
            host_rates_bps=np.array(topology.host_rates_bps, dtype=float),
            switch_ports=np.array(topology.switch_ports, dtype=np.int64),
            port_rates_bps=np.array([port.rate_bps for port in ports], dtype=float),
            queue_bytes=np.array([port.queue_bytes for port in ports], dtype=float),
        )

    @classmethod
    def stack(cls, topologies: Sequence[Topology]) -> "FabricArrays":
        """Of several topologies.

        Raises:
            InputError: the hosts or the ports of one differ from those of the first.
        """
        first = topologies[0]
        links = [port.name for port in first.ports]
        for index, topology in enumerate(topologies):
            if topology.hosts != first.hosts or (topology is not first and [port.name for port in topology.ports] != links):
                raise InputError(
                    f"environment {index}: topology {topology.name} of {topology.num_hosts} hosts and {topology.num_ports} ports: "
                    f"expected the hosts and links of environment 0, {first.name} of {first.num_hosts} and {first.num_ports}; "
                    "only rates, delays, queues and routing may differ"
                )
        parts = [cls.of(topology) for topology in topologies]
        return cls(
            hosts=first.hosts,
            host_rates_bps=np.stack([part.host_rates_bps for part in parts]),
            switch_ports=parts[0].switch_ports,
            port_rates_bps=np.stack([part.port_rates_bps for part in parts]),
            queue_bytes=np.stack([part.queue_bytes for part in parts]),
        )


@dataclass(frozen=True)
class FlowArrays:
    """The flows of an episode, or of one episode in each of several environments.

    Environments with fewer flows than others are padded with flows that never start and deliver nothing.

    Attributes:
        num_hosts: of the fabric.
        senders: index of each flow's sender in the per-host array laid flat, shape `(..., num_flows)`.
        pairs: index of each flow's sender and receiver in the array `(..., num_hosts, num_hosts)` laid flat; same shape.
        starts_s: when each flow starts, same shape; infinite for padding.
    """

    num_hosts: int
    senders: Integers
    pairs: Integers
    starts_s: Floats

    @cached_property
    def is_flow(self) -> npt.NDArray[np.bool_]:
        """Which are flows and no padding, in the shape of the others."""
        return self.starts_s < np.inf

    @cached_property
    def has_flows(self) -> npt.NDArray[np.bool_]:
        """Whether an environment's episode has a flow, shape `(...)`."""
        some: npt.NDArray[np.bool_] = np.logical_or.reduce(self.is_flow, axis=-1)
        return some

    @classmethod
    def of(cls, topology: Topology, flows: Sequence[Flow]) -> "FlowArrays":
        index = topology.host_index
        senders = np.array([index[flow.source] for flow in flows], dtype=np.int64)
        receivers = np.array([index[flow.destination] for flow in flows], dtype=np.int64)
        return cls(
            num_hosts=topology.num_hosts,
            senders=senders,
            pairs=senders * topology.num_hosts + receivers,
            starts_s=np.array([flow.start_s for flow in flows], dtype=float),
        )

    @classmethod
    def stack(cls, parts: Sequence["FlowArrays"], num_columns: int) -> "FlowArrays":
        """Of several environments with equal hosts, padded to `num_columns` flows, at least as many as the longest has."""
        num_hosts = parts[0].num_hosts
        # Padding belongs to its own environment's first host: no index lies outside.
        first_hosts = np.arange(len(parts), dtype=np.int64)[:, None] * num_hosts
        senders = np.repeat(first_hosts, num_columns, axis=1)
        pairs = senders * num_hosts
        starts_s = np.full((len(parts), num_columns), np.inf)
        for row, part in enumerate(parts):
            columns = slice(len(part.starts_s))
            senders[row, columns] += part.senders
            pairs[row, columns] += part.pairs
            starts_s[row, columns] = part.starts_s
        return cls(num_hosts=num_hosts, senders=senders, pairs=pairs, starts_s=starts_s)
