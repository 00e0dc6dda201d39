"""Flows: what an episode's traffic is made of, as plain data."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from iroko.errors import InputError, UnsupportedError
from iroko.registry import show
from iroko.units import plain, whole

if TYPE_CHECKING:
    from iroko.policy.format import Policy

UDP, LEARNED = "udp", "iroko"
"""The transport without congestion control, and the one whose control a policy is; every other transport is the name of a TCP congestion
control of Linux."""
MAX_TRANSPORT_NAME = 16


@dataclass(frozen=True)
class Flow:
    """One transfer between two hosts.

    Numbers of numpy become Python's own, so that every engine can send them on.

    Attributes:
        source, destination: names of hosts.
        start_s: when it starts, in seconds from the start of the episode.
        size_bytes: application bytes to deliver, a whole number; None: it sends until the episode ends.
        transport: what it runs over; None: what the episode's flows run over.
        policy: what decides over the transport `iroko`; None: the episode's policy.

    Raises:
        InputError: a value of another type, or out of range.
    """

    source: str
    destination: str
    start_s: float = 0.0
    size_bytes: int | None = None
    transport: str | None = None
    policy: "Policy | None" = None

    def __post_init__(self) -> None:
        for key in ("source", "destination"):
            name = getattr(self, key)
            if not isinstance(name, str):
                raise InputError(f"{key}={show(name)} of a flow: expected the name of a host, such as topology.hosts[0]")
            object.__setattr__(self, key, str(name))
        what = f"flow {self.source}->{self.destination}"
        if self.source == self.destination:
            raise InputError(f"flow from {self.source} to itself: expected two different hosts")
        start_s = plain(self.start_s)
        if not isinstance(start_s, (int, float)) or isinstance(start_s, bool) or not 0 <= start_s < math.inf:
            raise InputError(f"start_s={show(start_s)} of {what}: expected seconds, 0 or more")
        object.__setattr__(self, "start_s", _to_float(start_s, what))
        if self.size_bytes is not None:
            size_bytes = whole(self.size_bytes)
            if size_bytes is None or not 1 <= size_bytes <= 1 << 50:
                raise InputError(f"size_bytes={show(self.size_bytes)} of {what}: expected 1 or more, at most 2^50, or None, in whole bytes")
            object.__setattr__(self, "size_bytes", size_bytes)
        if self.transport is not None:
            check_transport(self.transport, f" of {what}")
        if self.policy is not None and not hasattr(self.policy, "to_words"):
            raise InputError(f"policy={show(self.policy)} of {what}: expected a Policy, such as iroko.policy.format.read_policy gives")


def check_transport(name: Any, where: str = "") -> str:
    """Return the name of a transport if it may be one.

    Raises:
        InputError: it is no name.
    """
    if not isinstance(name, str) or len(name) > MAX_TRANSPORT_NAME or not name.replace("_", "").isalnum():
        raise InputError(f"transport={show(name)}{where}: expected udp or the name of a TCP congestion control")
    return name


def transports_of(flows: Sequence[Flow], transport: str) -> list[str]:
    """The transports of an episode, each once.

    Args:
        transport: what flows that name none run over; it counts where there are no flows.
    """
    return list(dict.fromkeys(flow.transport or transport for flow in flows)) or [transport]


def expect_udp_alone(flows: Sequence[Flow], transport: str) -> None:
    """Refuse UDP beside TCP, for engines that count what UDP has lost as what left a host and did not arrive.

    Raises:
        UnsupportedError: some flows run over UDP and others do not.
    """
    named = transports_of(flows, transport)
    if UDP in named and len(named) > 1:
        other = next(name for name in named if name != UDP)
        raise UnsupportedError(f"flows over {UDP} and over {other} in one episode: use engine sim, which alone has that")


def _to_float(start_s: Any, what: str) -> float:
    try:
        return float(start_s)
    except OverflowError as error:
        raise InputError(f"start_s of {what}: expected a number below 1e308") from error
