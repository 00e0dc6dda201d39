"""The scenarios that both engines run: fabric and traffic, transport, rate, and what limits are set."""

import fnmatch
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from benchmarks.parity.policies import POLICIES
from benchmarks.parity.timings import (
    DUMBBELL,
    FAMILIES,
    FATTREE,
    INCAST,
    LEARNED_TIMINGS,
    NARROW,
    SINGLE,
    Timing,
    family_of,
    without_learned,
)
from iroko.errors import InputError
from iroko.flows import LEARNED, UDP, Flow
from iroko.metrics import MTU_FRAME_BYTES
from iroko.seeds import parity_engine_seed, parity_generator
from iroko.snapshot import Floats
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import Topology
from iroko.traffic.pairs import pairs
from iroko.traffic.permutation import permutation
from iroko.traffic.stride import stride
from iroko.units import parse_rate

TRANSPORTS = (UDP, "reno", "cubic", "vegas", "nv", "dctcp", *POLICIES)
"""The transports of the cases; the learned control comes once with each policy."""
DROP_TAIL = ("reno", "cubic")
"""The transports that fill a queue until it overflows."""
RATES = ("10M", "1G", "10G")
"""The learned control alone runs at the last."""
LIMITS = ("", "fixed", "changing")
"""No limits, a limit of its own for each host, or limits that are drawn anew every few steps."""
QUEUE_BYTES = 100 * MTU_FRAME_BYTES
"""A fifth of the default: the cycle of a loss-based TCP grows with the square of the queue (its window shrinks by a share of it and
grows by a packet in each round trip, which is the queue's length in time), and at 10 Mbit/s is 5 s here against 120 s."""
INCAST_UDP_QUEUE_BYTES = 2_000_000
"""Holds a whole round of incast: a UDP flow that loses a packet never completes."""
ECN_BYTES = 20 * MTU_FRAME_BYTES
CHANGE_EVERY = 5
"""Steps from one change of the limits to the next."""
NUM_SENDERS = 8
START_SPREAD_PACKETS = 500
"""Endless flows start within so many packet times of each other, a few round trips with a full queue."""
INCAST_SPREAD_PACKETS = 20
FULL_PACKETS = 2000
"""Packet times after which the first flow of `joining` has filled the queue."""
_ALL = (0, 0, 0)
"""In place of fabric, rate and episode: what all have in common."""


@dataclass(frozen=True)
class Plan:
    """One episode of a case: all that an engine is told.

    Attributes:
        limits_bps: shape `(total_steps, num_hosts)`.
    """

    flows: tuple[Flow, ...]
    limits_bps: Floats
    seed: int


@dataclass(frozen=True)
class Case:
    """One scenario.

    Attributes:
        fabric: a key of `FABRICS`.
        rate: of every link, one of `RATES`.
        limits: one of `LIMITS`.
    """

    fabric: str
    transport: str
    rate: str
    limits: str = ""

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.fabric, self.transport, self.rate, self.limits)))

    @property
    def runs_over(self) -> str:
        """The transport by its name in the engines."""
        return LEARNED if self.transport in POLICIES else self.transport

    @property
    def rate_bps(self) -> float:
        return parse_rate(self.rate)

    @property
    def endless(self) -> bool:
        return self.fabric != "incast"

    @cached_property
    def topology(self) -> Topology:
        queue_bytes = INCAST_UDP_QUEUE_BYTES if (self.fabric, self.transport) == ("incast", UDP) else QUEUE_BYTES
        return _make_topology(self.fabric, self.rate_bps, queue_bytes)

    @cached_property
    def timing(self) -> Timing:
        return FABRICS[self.fabric].timings[family_of(self.transport)][self.rate]

    def plan(self, episode: int, variant: int = 0) -> Plan:
        """What an episode is; equal for both engines.

        Args:
            variant: another one lets the flows start at other times and changes nothing else, which shows how much an engine
                differs from itself.
        """
        fabric = FABRICS[self.fabric]
        words = (zlib.crc32(self.fabric.encode()), round(self.rate_bps), episode)
        fixed, starts = parity_generator(words, 0), parity_generator(words, 1 + variant)
        flows = fabric.traffic(self, fixed, starts)
        if policy := POLICIES.get(self.transport):
            flows = [replace(flow, policy=policy) for flow in flows]
        return Plan(tuple(flows), self._limits(fixed), parity_engine_seed(words, variant))

    def _limits(self, rng: np.random.Generator) -> Floats:
        rates, steps = np.array(self.topology.host_rates_bps), self.timing.total_steps
        low, high = FABRICS[self.fabric].limit_range
        if not self.limits:
            return np.tile(rates, (steps, 1))
        if self.limits == "fixed":
            # Evenly spread and in one order for all episodes: how loaded the links are is no matter of luck.
            order = parity_generator(_ALL, 0).permutation(len(rates))
            return np.tile(rates * np.linspace(low, high, len(rates))[order], (steps, 1))
        drawn = rng.uniform(low, high, (-(-steps // CHANGE_EVERY), len(rates)))
        changing: Floats = np.repeat(drawn * rates, CHANGE_EVERY, axis=0)[:steps]
        return changing


@dataclass(frozen=True)
class Fabric:
    """A topology and the traffic on it.

    Attributes:
        make: from rate and queue to the topology.
        traffic: draws one episode's flows, from a generator of what is equal in all variants and one of the starts.
        limit_range: least and greatest limit of a host, as a fraction of its link.
        timings: for each family of transports and each of `RATES`.
    """

    make: Callable[[float, int], Topology]
    traffic: Callable[[Case, np.random.Generator, np.random.Generator], list[Flow]]
    limit_range: tuple[float, float]
    timings: dict[str, dict[str, Timing]]


@cache
def _make_topology(fabric: str, rate_bps: float, queue_bytes: int) -> Topology:
    return FABRICS[fabric].make(rate_bps, queue_bytes)


def _dumbbell(pairs: int) -> Callable[[float, int], Topology]:
    def make(rate_bps: float, queue_bytes: int) -> Topology:
        delay_s = 20e-6 if rate_bps > 1e9 else 0.0  # round trips without delay would be a few of the kernel's microseconds there
        return dumbbell(pairs, pairs, rate_bps, delay_s, queue_bytes=queue_bytes, ecn_bytes=ECN_BYTES)

    return make


def _narrow(rate_bps: float, queue_bytes: int) -> Topology:
    """A dumbbell whose middle link has half the hosts' rate, so that one flow fills its queue."""
    wide = _dumbbell(1)(rate_bps, queue_bytes)
    ports = (replace(port, rate_bps=rate_bps / 2) if {port.owner, port.peer} == {"s0", "s1"} else port for port in wide.ports)
    return replace(wide, name="narrow", ports=tuple(ports))


def _fattree(rate_bps: float, queue_bytes: int) -> Topology:
    return fattree(4, rate_bps, queue_bytes=queue_bytes, ecn_bytes=ECN_BYTES)


def _ecmp(rate_bps: float, queue_bytes: int) -> Topology:
    return replace(_fattree(rate_bps, queue_bytes), routing="ecmp")


def _star(rate_bps: float, queue_bytes: int) -> Topology:
    return star(NUM_SENDERS + 1, rate_bps, queue_bytes=queue_bytes, ecn_bytes=ECN_BYTES)


def _short_star(rate_bps: float, queue_bytes: int) -> Topology:
    """Delays of 20 us: with none, nanoseconds of the kernel's timers decide which packet finds the last place in a queue."""
    return star(7, rate_bps, 20e-6, queue_bytes=queue_bytes, ecn_bytes=ECN_BYTES)


def _start(flows: list[Flow], starts: np.random.Generator, spread_packets: float, case: Case) -> list[Flow]:
    """Let each flow start up to so many packet times later."""
    spread_s = spread_packets * MTU_FRAME_BYTES * 8 / case.rate_bps
    later = starts.uniform(0, spread_s, len(flows)).tolist()
    return [replace(flow, start_s=flow.start_s + offset) for flow, offset in zip(flows, later, strict=True)]


def _pairs(case: Case, fixed: np.random.Generator, starts: np.random.Generator) -> list[Flow]:
    return _start(pairs(case.topology, fixed), starts, START_SPREAD_PACKETS, case)


def _permutation(case: Case, _: np.random.Generator, starts: np.random.Generator) -> list[Flow]:
    # The same one in all episodes, so that each port has the same load in all.
    return _start(permutation(case.topology, parity_generator(_ALL, 0)), starts, START_SPREAD_PACKETS, case)


def _stride(case: Case, fixed: np.random.Generator, starts: np.random.Generator) -> list[Flow]:
    return _start(stride(case.topology, fixed), starts, START_SPREAD_PACKETS, case)


def _incast(case: Case, fixed: np.random.Generator, starts: np.random.Generator) -> list[Flow]:
    """Rounds of 8 flows of 64 to 200 kB; a round has time to end, also after two timeouts, before the next."""
    flows = []
    for second in np.arange(0, case.timing.num_steps * case.timing.interval_s - INCAST_PERIOD_S[case.rate] / 2, INCAST_PERIOD_S[case.rate]):
        sizes = np.exp(fixed.uniform(np.log(64_000), np.log(200_000), NUM_SENDERS)).astype(int).tolist()
        flows += [Flow(f"h{sender}", f"h{NUM_SENDERS}", float(second), size) for sender, size in enumerate(sizes)]
    return _start(flows, starts, INCAST_SPREAD_PACKETS, case)


def _joining(case: Case, _fixed: np.random.Generator, starts: np.random.Generator) -> list[Flow]:
    """Five flows start, one by one, into a port of their own link's rate that a sixth keeps full."""
    full_s = FULL_PACKETS * MTU_FRAME_BYTES * 8 / case.rate_bps
    late = [Flow(f"h{sender}", "h6", full_s) for sender in range(1, 6)]
    return [Flow("h0", "h6"), *_start(late, starts, START_SPREAD_PACKETS, case)]


_LIMITS = (0.3, 0.9)
FABRICS = {
    "narrow-1": Fabric(_narrow, _pairs, _LIMITS, dict.fromkeys(FAMILIES, NARROW) | {"learned": LEARNED_TIMINGS["narrow-1"]}),
    "dumbbell-1": Fabric(_dumbbell(1), _pairs, _LIMITS, dict.fromkeys(FAMILIES, SINGLE)),
    "dumbbell-2": Fabric(_dumbbell(2), _pairs, _LIMITS, DUMBBELL),
    # Eight flows get an eighth each: limits that are to matter must be of that size.
    "dumbbell-8": Fabric(_dumbbell(8), _pairs, (0.04, 0.3), DUMBBELL),
    "permutation": Fabric(_fattree, _permutation, _LIMITS, FATTREE),
    "stride": Fabric(_fattree, _stride, _LIMITS, without_learned(FATTREE)),
    "ecmp": Fabric(_ecmp, _permutation, _LIMITS, without_learned(FATTREE)),
    "incast": Fabric(_star, _incast, _LIMITS, dict.fromkeys(FAMILIES, INCAST) | {"learned": LEARNED_TIMINGS["incast"]}),
    "joining": Fabric(_short_star, _joining, _LIMITS, {"loss": {"1G": Timing(0.01, 3, 27, 16)}}),
}
INCAST_PERIOD_S = {"10M": 4.0, "1G": 1.0, "10G": 1.0}


def all_cases() -> list[Case]:
    """Every case; those on equal topologies stand together."""
    cases = []
    for rate in RATES:
        for fabric in FABRICS:
            limits = LIMITS if fabric not in ("narrow-1", "ecmp", "incast", "joining") and rate != "10G" else ("",)
            transports = [transport for transport in TRANSPORTS if rate in FABRICS[fabric].timings.get(family_of(transport), ())]
            if fabric == "joining":
                transports = [transport for transport in transports if transport in DROP_TAIL]
            cases += [Case(fabric, transport, rate, kind) for transport in transports for kind in limits]
    # Stable, so that of two fat-trees' traffic each keeps its order.
    order = {topology: number for number, topology in reversed(list(enumerate(case.topology for case in cases)))}
    return sorted(cases, key=lambda case: order[case.topology])


def find_cases(patterns: Sequence[str]) -> list[Case]:
    """The cases that a pattern names: by the whole name, or by words that each fit one of the name's (`*` and `?` stand for any).

    Raises:
        InputError: a pattern fits no case.
    """
    cases, found = all_cases(), set[Case]()
    for pattern in patterns:
        fitting = [case for case in cases if case.name == pattern] or [
            case for case in cases if all(fnmatch.filter(case.name.split(), word) for word in pattern.split())
        ]
        if not fitting:
            raise InputError(f"no case fits {pattern!r}: expected words such as 'dumbbell-2 cubic 10M' of {', '.join(FABRICS)}; "
                             f"{', '.join(TRANSPORTS)}; {', '.join(RATES)}; fixed or changing")  # fmt: skip
        found |= set(fitting)
    return [case for case in cases if case in found]
