"""How long cases run: by fabric, family of transports and rate."""

from dataclasses import dataclass

from benchmarks.parity.policies import POLICIES
from iroko.flows import UDP


@dataclass(frozen=True)
class Timing:
    """How long a case runs, in steps.

    Attributes:
        warm_up_steps: come first and are not measured, so that start-up does not count where flows are endless.
        num_episodes: runs with other starts of the flows, over which measures are averaged.
    """

    interval_s: float
    warm_up_steps: int
    num_steps: int
    num_episodes: int

    @property
    def total_steps(self) -> int:
        return self.warm_up_steps + self.num_steps


FAMILIES = ("udp", "delay", "loss")


def family_of(transport: str) -> str:
    """What decides how long a transport must run.

    UDP is steady as soon as the queues are full, and who loses there follows from the senders' phases; what steers by delay keeps for
    seconds the shortest round trip that it saw at its start: both need many starts. What steers by loss or marks forgets its start
    and needs time, for many cycles.
    """
    if transport in POLICIES:
        return "learned"
    return "udp" if transport == UDP else "delay" if transport in ("vegas", "nv") else "loss"


def without_learned(timings: dict[str, dict[str, Timing]]) -> dict[str, dict[str, Timing]]:
    return {family: of_rates for family, of_rates in timings.items() if family != "learned"}


NARROW = {"10M": Timing(0.02, 500, 2500, 1), "1G": Timing(0.001, 300, 1200, 1)}
SINGLE = {"10M": Timing(0.1, 100, 400, 1), "1G": Timing(0.01, 50, 150, 1)}
INCAST = {"10M": Timing(0.5, 0, 320, 2), "1G": Timing(0.25, 0, 160, 2)}
DUMBBELL = {
    "udp": {"10M": Timing(0.1, 10, 20, 16), "1G": Timing(0.01, 3, 7, 16)},
    "delay": {"10M": Timing(0.1, 50, 50, 10), "1G": Timing(0.01, 15, 15, 12)},
    "loss": {"10M": Timing(0.1, 150, 900, 2), "1G": Timing(0.01, 50, 200, 2)},
}
FATTREE = {
    "udp": {"10M": Timing(0.1, 10, 15, 16), "1G": Timing(0.01, 3, 7, 16)},
    "delay": {"10M": Timing(0.1, 50, 50, 6), "1G": Timing(0.01, 10, 10, 6)},
    "loss": {"10M": Timing(0.1, 80, 320, 2), "1G": Timing(0.01, 30, 70, 2)},
}
LEARNED_TIMINGS = {
    "narrow-1": NARROW | {"10G": Timing(0.001, 100, 300, 1)},
    "dumbbell": DUMBBELL["loss"] | {"10G": Timing(0.001, 100, 300, 2)},
    "fattree": FATTREE["loss"] | {"10G": Timing(0.001, 50, 70, 1)},
    "incast": INCAST | {"10G": Timing(0.25, 0, 80, 2)},
}
"""The learned control forgets its start as what steers by marks does; its policies steer by delay against a least that flows share."""
DUMBBELL["learned"], FATTREE["learned"] = LEARNED_TIMINGS["dumbbell"], LEARNED_TIMINGS["fattree"]
