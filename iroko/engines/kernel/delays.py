"""Propagation delay of links, and the jitter of UDP senders on the links of hosts: requests for the interface at the receiving end."""

from iroko.engines.jitter import half_span_ns
from iroko.engines.kernel.netlink import add_ifb
from iroko.engines.kernel.qdiscs import arrival_block, block_delay, block_jitter, no_arrival_block
from iroko.port import Port
from iroko.seeds import jitter_seed

_FIRST_BLOCK = 1000
"""An interface's block has the interface's own number on top of this."""


def delay_requests(port: Port, interface: int, jitter: bool) -> list[bytes]:
    """Delay what arrives from a port.

    Args:
        jitter: whether `jitter_requests` will follow; a block is made for it, through which nothing leads yet without a delay.
    """
    block = _FIRST_BLOCK + interface
    if port.delay_s == 0 and not jitter:
        return []
    requests = [add_ifb(block, f"delay{interface}"), block_delay(block, port.delay_s)]
    return requests + arrival_block(interface, block) if port.delay_s > 0 else requests


def jitter_requests(port: Port, interface: int, seed: int, host: int, begin: bool) -> list[bytes]:
    """Let what a host sends from its port arrive with jitter.

    Args:
        seed: of the episode.
        begin: whether there is none yet.
    """
    block = _FIRST_BLOCK + interface
    jitter = block_jitter(block, port.delay_s, half_span_ns(port), jitter_seed(seed, host))
    return [jitter, *arrival_block(interface, block)] if begin and port.delay_s == 0 else [jitter]


def no_jitter_requests(port: Port, interface: int) -> list[bytes]:
    """Undo `jitter_requests`."""
    return [block_delay(_FIRST_BLOCK + interface, port.delay_s) if port.delay_s > 0 else no_arrival_block(interface)]
