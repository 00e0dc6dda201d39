"""Measures of a network's performance, on plain arrays.

Those with a plural name work over the last axis of arrays with any axes before it, and leave out what a mask says does not count.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.snapshot import Floats, Integers

Booleans = npt.NDArray[np.bool_]

UDP_HEADERS_BYTES = 14 + 20 + 8
"""Ethernet, IPv4 and UDP headers of one frame."""
TCP_HEADERS_BYTES = 14 + 20 + 20 + 12
"""Ethernet, IPv4 and TCP headers of one frame, with the TCP timestamps that Linux sends by default."""
SYN_BYTES = 14 + 20 + 40
"""The frame of a SYN with the options that Linux sends."""
MTU_FRAME_BYTES = 1514
"""The largest frame: an IP packet of 1500 bytes and the Ethernet header."""


def jain_index(values: npt.ArrayLike) -> float:
    """Jain's fairness index, (sum x)^2 / (n sum x^2): 1 when all are equal, 1/n when one has everything; 1 when all are 0.

    Jain, Chiu, Hawe: A Quantitative Measure of Fairness and Discrimination, DEC TR-301, 1984.
    """
    x = np.asarray(values, dtype=float)
    return float(jain_indices(x, np.ones(x.shape, dtype=bool)))


def jain_indices(values: Integers | Floats, counts: Booleans) -> Floats:
    """Jain's index over the last axis of those values that count, shape `(...)` for values and mask of shape `(..., n)`.

    What does not count changes no digit of the result, wherever and however often it stands.
    """
    x = np.where(counts, values, 0.0)
    total, squares = running_sum(x), running_sum(x * x)
    return ratio(total * total, np.add.reduce(counts, axis=-1, dtype=float) * squares, 1.0)


def gini_index(values: npt.ArrayLike) -> float:
    """The Gini coefficient of values from 0 up: 0 when all are equal, (n-1)/n when one has everything; 0 when all are 0.

    With x in ascending order it is the sum over i = 1..n of (2i - n - 1) x_i, over n times the sum of x.
    """
    x = np.asarray(values, dtype=float)
    return float(gini_indices(x, np.ones(x.shape, dtype=bool)))


def gini_indices(values: Floats, counts: Booleans) -> Floats:
    """The Gini coefficient over the last axis of those values that count, shape `(...)` for both of shape `(..., n)`."""
    # As zeros, what does not count comes first, where it adds nothing but shifts the ranks of the rest.
    x = np.sort(np.where(counts, values, 0.0), axis=-1)
    size, number = x.shape[-1], np.add.reduce(counts, axis=-1, dtype=float)
    ranks = np.arange(1 - 2 * size, 0, 2) + column(number)
    return ratio(np.add.reduce(ranks * x, axis=-1), number * np.add.reduce(x, axis=-1), 0.0)


def running_sum(values: Floats) -> Floats:
    """The sum over the last axis, one after the other: unlike numpy's own, zeros in between or behind change no digit of it."""
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1])
    total: Floats = np.add.accumulate(values, axis=-1)[..., -1]
    return total


def ratio(numerator: float | Floats, denominator: float | Floats, otherwise: float) -> Floats:
    """A quotient of arrays, or of numbers, with another value where the denominator is not above 0."""
    quotient: Any
    if isinstance(denominator, float):  # a number of numpy too, for which a quotient of arrays would take some times as long
        quotient = numerator / denominator if denominator > 0 else np.float64(otherwise)
    elif np.logical_and.reduce(is_positive := denominator > 0, axis=None):
        quotient = numerator / denominator  # the usual case, in half the time
    else:
        quotient = np.divide(numerator, denominator, out=np.full(denominator.shape, otherwise), where=is_positive)
    result: Floats = quotient
    return result


def column(values: float | Floats) -> float | Floats:
    """One value for each environment, shape `(...)`, as `(..., 1)`, to go with several for each; the number of a single one as it is."""
    return values if isinstance(values, float) else values[..., None]


def rate_fractions(sent_bytes: Integers, interval_s: float | Floats, rates_bps: Floats) -> Floats:
    """Bytes of an interval as fractions of what links could carry in it; 0 for an empty interval.

    Args:
        sent_bytes, rates_bps: shape `(..., n)`.
        interval_s: shape `(...)`.
    """
    fractions: Floats = sent_bytes * column(ratio(8.0, interval_s, 0.0)) / rates_bps
    return fractions


def goodput_bps(received_bytes: npt.ArrayLike, time_s: float) -> float:
    """Application bytes that arrived, of all receivers together, as a rate in bit/s; 0 for an empty time."""
    return float(goodputs_bps(np.ravel(np.asarray(received_bytes)), float(time_s)))


def goodputs_bps(received_bytes: Integers | Floats, time_s: float | Floats) -> Floats:
    """Goodput over the last axis: bytes of shape `(..., num_receivers)` in times of shape `(...)` give rates of shape `(...)`."""
    return ratio(np.add.reduce(received_bytes, axis=-1) * 8.0, time_s, 0.0)


def goodput_share(received_bytes: npt.ArrayLike, time_s: float, fair_bps: float) -> float:
    """Goodput over a reference rate, such as the sum of the max-min fair shares.

    Raises:
        InputError: the reference is not above 0.
    """
    if not fair_bps > 0:
        raise InputError(f"fair_bps={fair_bps!r}: expected the reference rate to be above 0")
    return goodput_bps(received_bytes, time_s) / fair_bps


def queue_percentiles(backlog_bytes: npt.ArrayLike, percents: Sequence[float] = (50, 90, 99)) -> Floats:
    """Percentiles of backlogs in bytes, each port and interval counting alike.

    Args:
        backlog_bytes: any shape, such as `(num_steps, num_ports)`.
        percents: 0 to 100 each.

    Returns:
        Shape `(len(percents),)`, with linear interpolation between the two nearest values.

    Raises:
        InputError: there is no backlog, or a percentage is out of range.
    """
    backlog = np.asarray(backlog_bytes, dtype=float).ravel()
    if len(backlog) == 0:
        raise InputError("queue_percentiles of no backlogs: expected at least one")
    for percent in percents:
        if not 0 <= percent <= 100:
            raise InputError(f"percent={percent}: expected 0 <= percent <= 100")
    percentiles: Floats = np.percentile(backlog, list(percents))
    return percentiles


def ideal_completions_s(
    sizes_bytes: npt.ArrayLike,
    rates_bps: npt.ArrayLike,
    delays_s: npt.ArrayLike,
    headers_bytes: int = TCP_HEADERS_BYTES,
    round_trips_s: npt.ArrayLike | None = None,
) -> Floats:
    """The completion times of flows that have their paths to themselves: all frames at the slowest link's rate, and the delays.

    A flow of s bytes in frames of p bytes of payload and h of headers has s + h ceil(s/p) bytes on the wire. They take that many bits
    over the rate, and the last one the delays of the path. TCP sends them behind its handshake: the answer to the SYN is there after
    a round trip, or when the SYN has left if that is later, and the ACK leaves before the first segment.

    Args:
        sizes_bytes: application bytes, 1 or more, shape `(num_flows,)`, as all the others.
        rates_bps: of each path's slowest link.
        delays_s: sum of the delays from sender to receiver.
        headers_bytes: of each frame, `UDP_HEADERS_BYTES` or `TCP_HEADERS_BYTES`.
        round_trips_s: sum of the delays to the receiver and back; None: no handshake (UDP).

    Raises:
        InputError: a size is below 1, or a rate not above 0.
    """
    sizes, rates = _sizes_and_rates(sizes_bytes, rates_bps)
    wire_bytes = sizes + headers_bytes * np.ceil(sizes / (MTU_FRAME_BYTES - headers_bytes))
    ideal = wire_bytes * 8 / rates + np.asarray(delays_s, dtype=float)
    if round_trips_s is not None:
        ideal = ideal + np.maximum(np.asarray(round_trips_s, dtype=float), SYN_BYTES * 8 / rates) + TCP_HEADERS_BYTES * 8 / rates
    result: Floats = ideal
    return result


def last_frames_s(sizes_bytes: npt.ArrayLike, rates_bps: npt.ArrayLike, headers_bytes: int = TCP_HEADERS_BYTES) -> Floats:
    """What the last frame of each flow takes on its path's slowest link; arguments as in `ideal_completions_s`."""
    sizes, rates = _sizes_and_rates(sizes_bytes, rates_bps)
    payload_bytes = MTU_FRAME_BYTES - headers_bytes
    frames: Floats = (sizes - payload_bytes * (np.ceil(sizes / payload_bytes) - 1) + headers_bytes) * 8 / rates
    return frames


def _sizes_and_rates(sizes_bytes: npt.ArrayLike, rates_bps: npt.ArrayLike) -> tuple[Floats, Floats]:
    sizes, rates = np.asarray(sizes_bytes, dtype=float), np.asarray(rates_bps, dtype=float)
    if not (sizes >= 1).all():
        raise InputError(f"sizes_bytes={sizes[~(sizes >= 1)].flat[0]:g}: expected 1 or more")
    if not (rates > 0).all():
        raise InputError(f"rates_bps={rates[~(rates > 0)].flat[0]:g}: expected every rate to be above 0")
    return sizes, rates


def slowdowns(completions_s: npt.ArrayLike, ideals_s: npt.ArrayLike, last_frames_s: npt.ArrayLike = 0.0) -> Floats:
    """Flow completion time over its ideal: 1 for a flow that has its path to itself, infinite for one that did not finish.

    An engine's idle link lets a frame through at once and is busy for the frame's time after it. So the time of the last frame is in
    no completion time, and a flow of one frame would have none at all: it is added to what was measured, as the ideal has it.

    Args:
        completions_s: NaN where unfinished, shape `(num_flows,)`.
        ideals_s: from `ideal_completions_s`, same shape.
        last_frames_s: from `last_frames_s`, same shape.

    Raises:
        InputError: an ideal time is not above 0, or the shapes differ.
    """
    completions, ideals = np.asarray(completions_s, dtype=float), np.asarray(ideals_s, dtype=float)
    if completions.shape != ideals.shape:
        raise InputError(f"slowdowns of {completions.shape} times over {ideals.shape} ideals: expected equal shapes")
    if not (ideals > 0).all():
        raise InputError(f"ideals_s={ideals.min():g}: expected every ideal time to be above 0")
    ratios: Floats = np.where(np.isnan(completions), np.inf, completions + last_frames_s) / ideals
    return ratios


def rank_percentile(values: npt.ArrayLike, percent: float) -> float:
    """The least of the values that `percent` % of them do not exceed (nearest rank); it may be infinite. NaN for no values.

    There is no interpolation, so that flows which did not finish, with a time of infinity, take part as the slowest.

    Raises:
        InputError: the percentage is out of range.
    """
    if not 0 <= percent <= 100:
        raise InputError(f"percent={percent}: expected 0 <= percent <= 100")
    ordered = np.sort(np.asarray(values, dtype=float).ravel())
    if not len(ordered):
        return math.nan
    # What is a whole number on paper, such as 99% of 200, must not become the next rank by rounding.
    rank = math.ceil(round(percent / 100 * len(ordered), 9))
    return float(ordered[max(rank, 1) - 1])


def size_classes(sizes_bytes: npt.ArrayLike, bounds_bytes: Sequence[float]) -> Integers:
    """The class of each flow by its size: 0 up to the first bound, included, and so on; shape `(num_flows,)`.

    Raises:
        InputError: the bounds do not rise from above 0.
    """
    if any(not low < high for low, high in pairwise((0.0, *bounds_bytes))):
        raise InputError(f"size classes with bounds {tuple(bounds_bytes)}: expected sizes in bytes that rise from above 0")
    classes: Integers = np.searchsorted(np.asarray(bounds_bytes, dtype=float), np.asarray(sizes_bytes, dtype=float), side="left")
    return classes
