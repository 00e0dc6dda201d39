"""The content of messages between the two ends of a remote engine: JSON for what happens once, packed arrays for a step."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from iroko.errors import EngineError
from iroko.flows import Flow
from iroko.policy.format import Policy
from iroko.port import Port
from iroko.snapshot import QUANTITIES, Axis, Snapshot
from iroko.topology import Topology


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """The fields in the order of `QUANTITIES`, each as values of 8 bytes."""
    return b"".join(np.asarray(getattr(snapshot, name), quantity.dtype).tobytes() for name, quantity in QUANTITIES.items())


def unpack_snapshot(content: bytes, topology: Topology, num_flows: int) -> Snapshot:
    """The snapshot that `pack_snapshot` was given.

    Raises:
        EngineError: the content has another size.
    """
    counts = {None: 1, Axis.PORT: topology.num_ports, Axis.HOST: topology.num_hosts, Axis.FLOW: num_flows}
    expected = 8 * sum(counts[quantity.axis] for quantity in QUANTITIES.values())
    if len(content) != expected:
        raise EngineError(f"a snapshot of {len(content)} bytes arrived, expected {expected}")
    offset = 0
    values: dict[str, Any] = {}
    for name, quantity in QUANTITIES.items():
        array = np.frombuffer(content, quantity.dtype, counts[quantity.axis], offset)
        values[name] = float(array[0]) if quantity.axis is None else array
        offset += array.nbytes
    return Snapshot(**values)


def pack_topology(topology: Topology) -> dict[str, Any]:
    """A topology as a table for JSON."""
    return {"name": topology.name, "hosts": topology.hosts, "switches": topology.switches, "routing": topology.routing,
            "host_queue": topology.host_queue, "ports": [dataclasses.astuple(port) for port in topology.ports]}  # fmt: skip


def unpack_topology(data: dict[str, Any]) -> Topology:
    """The topology that `pack_topology` was given."""
    ports = tuple(Port(*values) for values in data["ports"])
    return Topology(data["name"], tuple(data["hosts"]), tuple(data["switches"]), ports, data["routing"], data["host_queue"])


def pack_episode(flows: Sequence[Flow], transport: str, seed: int) -> bytes:
    """The arguments of `reset`; each policy is listed once, and flows name it by its number."""
    numbers: dict[Policy, int] = {}
    rows = [
        [flow.source, flow.destination, flow.start_s, flow.size_bytes, flow.transport,
         None if flow.policy is None else numbers.setdefault(flow.policy, len(numbers))]
        for flow in flows
    ]  # fmt: skip
    policies = [policy.to_table() for policy in numbers]
    return json.dumps({"flows": rows, "policies": policies, "transport": transport, "seed": int(seed)}).encode()


def unpack_episode(content: bytes) -> tuple[list[Flow], str, int]:
    """The arguments that `pack_episode` was given."""
    data = json.loads(content)
    policies = [Policy.from_table(table) for table in data["policies"]]
    flows = [
        Flow(source, destination, start_s, size_bytes, own, None if number is None else policies[number])
        for source, destination, start_s, size_bytes, own, number in data["flows"]
    ]
    return flows, data["transport"], data["seed"]
