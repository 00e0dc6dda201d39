"""Flows: what an episode's traffic is made of, as plain data."""

import math
from dataclasses import dataclass

from iroko.errors import InputError

UDP = "udp"
"""The transport without congestion control; every other transport is the name of a TCP congestion control of Linux."""


@dataclass(frozen=True)
class Flow:
    """One transfer between two hosts.

    Attributes:
        source, destination: names of hosts.
        start_s: when it starts, in seconds from the start of the episode.
        size_bytes: application bytes to deliver; None: it sends until the episode ends.
    """

    source: str
    destination: str
    start_s: float = 0.0
    size_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.source == self.destination:
            raise InputError(f"flow from {self.source} to itself: expected two different hosts")
        if not 0 <= self.start_s < math.inf:
            raise InputError(f"start_s={self.start_s} of flow {self.source}->{self.destination}: expected 0 or more")
        if self.size_bytes is not None and not 1 <= self.size_bytes <= 1 << 50:
            raise InputError(
                f"size_bytes={self.size_bytes} of flow {self.source}->{self.destination}: expected 1 or more, at most 2^50, or None"
            )
