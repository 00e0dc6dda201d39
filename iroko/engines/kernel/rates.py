"""Which rates Linux's shapers can hold: they count the time of a packet in whole nanoseconds, rounded down (`psched_l2t_ns`)."""

from iroko.errors import UnsupportedError
from iroko.topology import Topology
from iroko.units import format_rate

FRAME_BYTES = 1514
"""A full Ethernet frame."""
MAX_RATE_ERROR = 0.01
"""By how much the rate of a shaper may differ from its link's, as a fraction."""
_EXACT_BPS = 10e9
"""Up to this rate, rounding changes a frame's time by less than 0.1%: there the rate is left as it is."""
_MARGIN_NS = 1e-3
"""Linux's reciprocal of a rate is rounded down too, by less than this over a frame."""


def _frame_ns(rate_bps: float) -> float:
    return FRAME_BYTES * 8e9 / rate_bps


def shaper_rate(rate_bps: float) -> float:
    """The rate to set, in bytes/s, so that a full frame takes the nearest whole number of nanoseconds and not the next lower one."""
    if rate_bps <= _EXACT_BPS:
        return rate_bps / 8
    whole_ns = round(_frame_ns(rate_bps))
    return FRAME_BYTES * 1e9 / (whole_ns + _MARGIN_NS) if whole_ns > _frame_ns(rate_bps) else rate_bps / 8


def check_rates(topology: Topology) -> None:
    """Refuse links whose rate a shaper would miss by more than `MAX_RATE_ERROR`: some of those above 240 Gbit/s.

    Raises:
        UnsupportedError: there is one.
    """
    for port in topology.ports:
        frame_ns = _frame_ns(port.rate_bps)
        if abs(frame_ns / round(frame_ns) - 1) > MAX_RATE_ERROR:
            below, above = (FRAME_BYTES * 8e9 / (int(frame_ns) + more) for more in (1, 0))
            raise UnsupportedError(
                f"rate_bps={port.rate_bps:g} of port {port.name}: Linux's shapers count whole nanoseconds, a frame takes {frame_ns:.1f}: "
                f"expected a rate within {MAX_RATE_ERROR:.0%} of {format_rate(below)} or {format_rate(above)}; or use --engine sim"
            )
