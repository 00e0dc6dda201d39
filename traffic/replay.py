"""Flows read from a file: a capture of packets, or a CSV."""

from functools import lru_cache
from typing import Any

import numpy as np

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.registry import show
from iroko.topology import Topology

from ._capture import MAGICS, read_capture
from ._common import MAX_FLOWS, check_range
from ._csv import COLUMNS, read_csv
from ._placement import place
from ._records import Record, Stamp, digest, stamp

_PACKED = {b"\x1f\x8b": "gunzip", b"\x28\xb5\x2f\xfd": "unzstd", b"\xfd7zX": "unxz", b"BZh": "bunzip2", b"\x04\x22\x4d\x18": "unlz4"}
CAPTURE_SUFFIXES = (".pcap", ".pcapng", ".cap")


def replay(
    topology: Topology,
    rng: np.random.Generator,
    file: str = "",
    time_scale: float = 1.0,
    size_scale: float = 1.0,
    max_flows: int = 10_000,
    sha256: str | None = None,
) -> list[Flow]:
    """The flows of a file, the same in every episode: `traffic._capture` and `traffic._csv` say how each kind of file is read.

    `traffic._placement` says which host an address of the file is: by name, by number, or in the order of the file. Where that puts both
    ends of a flow on one host, the destination is the next host.

    Args:
        file: path of a pcap, a pcapng, or a CSV of the columns source, destination, start_s and size_bytes.
        time_scale: factor for every start, 0.000001 to 1,000,000: 10 lets the flows arrive at a tenth of the pace.
        size_scale: factor for every size, which is rounded to 1 byte or more, 0.000001 to 1,000,000.
        max_flows: refuse a file with more, 1 to 100,000.
        sha256: what the file's SHA-256 has to be; None: anything. A scenario fills it in, so that a run that is resumed
            or repeated notices that the file has changed.

    Raises:
        InputError: no file, one that cannot be read, has no flow, is not the one that `sha256` says, or names a host that the
            topology does not have.
    """
    check_range("time_scale", time_scale, 1e-6, 1e6, "times the starts in the file")
    check_range("size_scale", size_scale, 1e-6, 1e6, "times the sizes in the file")
    check_range("max_flows", max_flows, 1, MAX_FLOWS, "flows in an episode")
    seen = _find(file)
    if sha256 is not None and (now := _digest(file, seen)) != sha256.lower():
        raise InputError(
            f"file={show(file)} of traffic replay has changed: its SHA-256 is {now}, expected sha256={sha256[:100]}; "
            "bring the old file back, or start a new run with sha256 of none"
        )
    records = _read(file, seen, max_flows)
    hosts = place(topology, records).hosts
    flows = []
    for record in records:
        source, destination = hosts[record.source], hosts[record.destination]
        if source == destination:
            destination = (destination + 1) % topology.num_hosts
        size_bytes = max(1, round(record.size_bytes * size_scale))
        flows.append(Flow(topology.hosts[source], topology.hosts[destination], record.start_s * time_scale, size_bytes))
    return sorted(flows, key=lambda flow: flow.start_s)


def complete_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Fill in the SHA-256 of the file, which identifies the traffic of a scenario.

    Raises:
        InputError: there is no such file.
    """
    if parameters["sha256"] is not None:
        return parameters
    return parameters | {"sha256": _digest(parameters["file"], _find(parameters["file"]))}


def describe_hosts(topology: Topology, parameters: dict[str, Any]) -> dict[str, str]:
    """For each address of the file its host, where neither names nor numbers say it; empty: they do."""
    file = parameters["file"]
    placement = place(topology, _read(file, _find(file), parameters["max_flows"]))
    return {address: topology.hosts[index] for address, index in placement.hosts.items()} if placement.is_by_order else {}


def _find(file: str) -> Stamp:
    if not file:
        raise InputError(f"traffic replay has no file: name a pcap, pcapng or CSV ({','.join(COLUMNS)}) with --set traffic.file=PATH")
    return stamp(file)


# An episode of every environment reads the file: once is enough as long as it does not change.
@lru_cache(maxsize=4)
def _digest(file: str, seen: Stamp) -> str:
    return digest(file)


@lru_cache(maxsize=4)
def _read(file: str, seen: Stamp, max_flows: int) -> tuple[Record, ...]:
    try:
        with open(file, "rb") as raw:
            start = raw.read(4)
    except OSError as error:
        raise InputError(f"file={show(file)} of traffic replay: {error.strerror or error}") from error
    if not start:
        raise InputError(f"file={show(file)} of traffic replay is empty: expected a capture (pcap, pcapng) or CSV")
    for magic, program in _PACKED.items():
        if start.startswith(magic):
            raise InputError(f"file={show(file)} of traffic replay is compressed: unpack it with {program} first")
    if start in MAGICS:
        return tuple(read_capture(file, max_flows))
    if file.lower().endswith(CAPTURE_SUFFIXES):
        raise InputError(f"{file} is no capture: it begins with {start!r}, not as a pcap or pcapng")
    records = read_csv(file, max_flows)
    if not records:
        raise InputError(f"{file} has no flow: expected lines below {','.join(COLUMNS)}")
    return tuple(records)
