"""Measures of a network's performance, on plain arrays.

Those with a plural name work over the last axis of arrays with any axes before it, and leave out what a mask says does not count.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.snapshot import Floats, Integers
from iroko.topology import Port

Booleans = npt.NDArray[np.bool_]

UDP_HEADERS_BYTES = 14 + 20 + 8
"""Ethernet, IPv4 and UDP headers of one frame."""
TCP_HEADERS_BYTES = 14 + 20 + 20 + 12
"""Ethernet, IPv4 and TCP headers of one frame, with the TCP timestamps that Linux sends by default."""
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
    else:
        quotient = np.divide(numerator, denominator, out=np.full(denominator.shape, otherwise), where=denominator > 0)
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


def wire_sizes(size_bytes: int, headers_bytes: int = TCP_HEADERS_BYTES) -> tuple[int, int]:
    """How a flow is cut into frames: the number of full ones before the last, and the bytes of the last, headers included."""
    payload_bytes = MTU_FRAME_BYTES - headers_bytes
    num_full = (size_bytes - 1) // payload_bytes
    return num_full, size_bytes - num_full * payload_bytes + headers_bytes


def ideal_completion_s(size_bytes: int, path: Sequence[Port], headers_bytes: int = TCP_HEADERS_BYTES) -> float:
    """The time from a flow's start to its last byte's arrival when it has the path to itself and sends back to back.

    Each port receives a frame whole before it sends it on. So the last of m full frames reaches the far end of port j after
    sum over i <= j of (frame/rate_i + delay_i) + (m - 1) frame / (the slowest rate up to j). The shorter frame behind it leaves
    each port once it has arrived there and that one has left. A transport's handshake and acknowledgements come on top.

    Args:
        size_bytes: application bytes.
        path: the ports from the sender to the receiver.
        headers_bytes: of each frame, `UDP_HEADERS_BYTES` or `TCP_HEADERS_BYTES`.

    Raises:
        InputError: the path is empty or broken, or the flow has no bytes.
    """
    if not path:
        raise InputError("ideal_completion_s of an empty path: expected the ports from sender to receiver")
    if size_bytes < 1:
        raise InputError(f"size_bytes={size_bytes}: expected 1 or more")
    for port, following in pairwise(path):
        if port.peer != following.owner:
            raise InputError(f"path goes from {port.name} to {following.name}: expected each port to end where the next begins")
    num_full, last_bytes = wire_sizes(size_bytes, headers_bytes)
    first_s = slowest_s = last_s = 0.0
    for port in path:
        full_s = MTU_FRAME_BYTES * 8 / port.rate_bps
        slowest_s = max(slowest_s, full_s)
        free_s = first_s + full_s + (num_full - 1) * slowest_s if num_full else 0.0  # the last full frame has left this port
        last_s = max(last_s, free_s) + last_bytes * 8 / port.rate_bps + port.delay_s
        first_s += full_s + port.delay_s
    return last_s


def slowdown(completion_s: npt.ArrayLike, ideal_s: npt.ArrayLike) -> Floats:
    """Flow completion time over its ideal on an idle path: 1 is the best; NaN for a flow that did not finish.

    Args:
        completion_s: shape `(num_flows,)`, NaN where unfinished.
        ideal_s: shape `(num_flows,)`, from `ideal_completion_s`.

    Raises:
        InputError: an ideal time is not above 0, or the shapes differ.
    """
    completion, ideal = np.asarray(completion_s, dtype=float), np.asarray(ideal_s, dtype=float)
    if completion.shape != ideal.shape:
        raise InputError(f"slowdown of {completion.shape} times over {ideal.shape} ideals: expected equal shapes")
    if not (ideal > 0).all():
        raise InputError(f"ideal_s={ideal.min():g}: expected every ideal time to be above 0")
    ratio: Floats = completion / ideal
    return ratio
