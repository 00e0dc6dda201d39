"""Addresses and port numbers of flows, and the hash seeds of switches: equal in every engine, so that flows take equal paths."""

import hashlib
from functools import lru_cache

from iroko.seeds import port_offset

TCP_PORT = 5001
"""The port on which every host listens for TCP."""

_HOSTS, _SWITCHES = 10 << 24, (172 << 24) | (16 << 16)
_FIRST_PORT, _PORT_SPAN = 10_000, 20_000
MAX_KERNEL_FLOWS = (1 << 16) - _FIRST_PORT - _PORT_SPAN
"""Flows of one episode in a kernel: each has a port number of its own."""


def host_address(index: int) -> int:
    """The IPv4 address of a host, by its index in the topology: 10.0.0.1 and following."""
    return _HOSTS + index + 1


def switch_address(index: int) -> int:
    """The IPv4 address of a switch, by its index in the topology: 172.16.0.1 and following."""
    return _SWITCHES + index + 1


def dotted(address: int) -> str:
    """An IPv4 address in its usual notation."""
    return ".".join(str(byte) for byte in address.to_bytes(4, "big"))


@lru_cache(maxsize=4096)
def first_port(seed: int) -> int:
    """The port number of an episode's first flow; with it a seed chooses the paths of equal-cost multipath."""
    return _FIRST_PORT + port_offset(seed, _PORT_SPAN)


def flow_ports(is_udp: bool, seed: int, number: int) -> tuple[int, int]:
    """Source and destination port of the flow with this number in its episode.

    Port numbers wrap around above 65,535, which only the simulator reaches (`MAX_KERNEL_FLOWS`).
    """
    port = (first_port(seed) + number) & 0xFFFF
    return (port, port) if is_udp else (port, TCP_PORT)


def multipath_seed(switch: str) -> int:
    """The seed of a switch's multipath hash, 1 to 2^32 - 1, fixed by the switch's name.

    Switches need different seeds: with equal ones, all switches of a path would choose alike and leave most of the core idle.
    """
    return int.from_bytes(hashlib.blake2b(f"multipath {switch}".encode(), digest_size=4).digest(), "big") or 1
