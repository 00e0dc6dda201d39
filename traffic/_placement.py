"""Which host of a fabric an address of a file is."""

import difflib
import re
from collections.abc import Iterable
from typing import NamedTuple

from iroko.errors import InputError
from iroko.registry import check_name, show
from iroko.topology import Topology

from ._records import Record

_NEAR = 0.8
"""Likeness from which on an address is taken for a misspelt name."""
_MOST_COMPARED = 100
"""Addresses and hosts that are compared letter by letter."""


class Placement(NamedTuple):
    """Hosts of addresses.

    Attributes:
        hosts: for each address the index of its host.
        is_by_order: whether the order of the file decides, as the addresses are neither names nor numbers of hosts.
    """

    hosts: dict[str, int]
    is_by_order: bool


def place(topology: Topology, records: Iterable[Record]) -> Placement:
    """Find the host of each address.

    An address can be the name of a host, or its number, from 0 to `num_hosts - 1`. If any address is one of these, all must be. If none is,
    each gets a host in the order in which the addresses appear in the file, beginning again with the first host when all are taken.

    Raises:
        InputError: some addresses are names or numbers of hosts and others are not, or one is nearly a host's name.
    """
    places: dict[str, str] = {}
    for record in records:
        places.setdefault(record.source, record.place)
        places.setdefault(record.destination, record.place)
    known = {address: _index(topology, address) for address in places}
    found = {address: index for address, index in known.items() if index is not None}
    if len(found) == len(places):
        return Placement(found, False)
    if found:
        address = next(address for address in places if address not in found)
        if _is_number(address):
            raise InputError(
                f"host number {show(address)} in {places[address]}: expected a whole number from 0 to {topology.num_hosts - 1}, "
                f"as topology {topology.name} has {topology.num_hosts} hosts"
            )
        check_name(f"host in {places[address]},", address, topology.hosts)
    shapes = {_shape(host): host for host in reversed(topology.hosts)}
    for number, address in enumerate(places):
        near = shapes.get(_shape(address))
        if near is None and number < _MOST_COMPARED:
            near = next(iter(difflib.get_close_matches(address, topology.hosts[:_MOST_COMPARED], 1, _NEAR)), None)
        if near is not None:
            raise InputError(
                f"unknown host in {places[address]}, {show(address)}. Did you mean {_meant(topology, address, near)!r}? Known: "
                f"{', '.join(topology.hosts[:8])}{', ...' if topology.num_hosts > 8 else ''}; other addresses must not look like them"
            )
    return Placement({address: index % topology.num_hosts for index, address in enumerate(places)}, True)


def _index(topology: Topology, address: str) -> int | None:
    index = topology.host_index.get(address)
    if index is None and _is_number(address) and int(address) < topology.num_hosts:
        index = int(address)
    return index


def _is_number(address: str) -> bool:
    return re.fullmatch(r"[0-9]{1,9}", address) is not None


def _shape(name: str) -> str:
    """What is alike in names: `H12`, `h_3` and `host3` look like `h0`."""
    parts = re.findall(r"[^\W\d_]+|[0-9]+", name.casefold())
    return " ".join("0" if part.isdecimal() else "h" if part == "host" else part for part in parts)


def _meant(topology: Topology, address: str, near: str) -> str:
    numbers = re.findall(r"[0-9]+", address)
    guess = re.sub(r"[0-9]+$", numbers[-1], near) if numbers else near
    return guess if guess in topology.host_index else near
