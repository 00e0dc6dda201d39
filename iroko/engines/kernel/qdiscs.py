"""Rates and queues of ports, as messages to the kernel's traffic control.

A switch port is a token bucket (TBF) that holds the link's rate above a queue limited in bytes: a FIFO, or RED set to mark on the
queue's present length for DCTCP. A host's own port is a class of HTB, because its rate can change without a gift of tokens.
Propagation delay is netem at the receiving end, behind the queue as on a wire. Layouts: `linux/pkt_sched.h`.
"""

import math
import struct
from enum import IntEnum

from iroko.engines.kernel.netlink import attribute, message, text
from iroko.engines.kernel.rates import FRAME_BYTES, shaper_rate

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC, RTM_NEWTCLASS, RTM_NEWTFILTER = 36, 37, 38, 40, 44
ROOT, INGRESS = 0xFFFFFFFF, 0xFFFFFFF1
SHAPER, CLASS, FIFO, MARKING_QUEUE, SPLITTER = 0x10000, 0x10001, 0x20000, 0x30000, 0x40000
_TICK_NS = 64
_TIMER_LATENESS_S = 2e-6
_UNLIMITED_BPS = 1e14
_RED_ECN, _RED_NODROP = 1, 8


class _Netem(IntEnum):
    """`TCA_NETEM_*`."""

    RATE = 6
    RATE64 = 8
    LATENCY64 = 10
    JITTER64 = 11
    PRNG_SEED = 14


def _traffic_control(kind: int, index: int, handle: int, parent: int, name: str, options: bytes, **flags: bool) -> bytes:
    body = struct.pack("<BxxxiIII", 0, index, handle, parent, 0) + attribute(1, text(name))
    return message(kind, body + attribute(2, options), **flags)


def _rate(rate_bps: float) -> bytes:
    return struct.pack("<BBHhHI", 0, 1, 0, 0, 0, min(round(shaper_rate(rate_bps)), 0xFFFFFFFF))


def _burst_bytes(rate_bps: float, burst_s: float) -> int:
    # One packet, and what a timer's lateness earns: a full bucket would lose it, 4% of 1 Gbit/s.
    return FRAME_BYTES + math.ceil(rate_bps / 8 * max(burst_s, _TIMER_LATENESS_S))


def port_shaper(index: int, rate_bps: float, burst_s: float) -> bytes:
    """The rate of a switch's port: TBF.

    Args:
        burst_s: how long a burst at the link's rate may be, for clocks that wake late; one packet at least.
    """
    return _token_bucket(index, SHAPER, ROOT, rate_bps, _burst_bytes(rate_bps, burst_s))


def _token_bucket(index: int, handle: int, parent: int, rate_bps: float, burst: int) -> bytes:
    parameters, rate = _rate(rate_bps) + bytes(24), round(shaper_rate(rate_bps))
    options = attribute(1, parameters) + attribute(4, struct.pack("<Q", rate)) + attribute(6, struct.pack("<I", burst))
    return _traffic_control(RTM_NEWQDISC, index, handle, parent, "tbf", options, create=True)


def port_queue(index: int, queue_bytes: int, mark_bytes: int | None) -> bytes:
    """What stands below a shaper: a byte-limited FIFO, or with `mark_bytes` RED that marks what finds more than this.

    RED's moving average gets weight 0 in its logarithm and an idle table that forgets at once, so it is the queue's present length, and
    both thresholds are K+1: below, never; above, always. Packets that cannot be marked are queued up to the limit, not dropped early.
    """
    if mark_bytes is None:
        return _traffic_control(RTM_NEWQDISC, index, FIFO, CLASS, "bfifo", struct.pack("<I", queue_bytes), create=True, replace=True)
    parameters = struct.pack("<IIIBBBB", queue_bytes, mark_bytes + 1, mark_bytes + 1, 0, 0, 0, 0)
    flags = struct.pack("<II", _RED_ECN | _RED_NODROP, _RED_ECN | _RED_NODROP)
    options = attribute(1, parameters) + attribute(2, bytes([31]) * 256) + attribute(3, struct.pack("<I", 0xFFFFFFFF)) + attribute(4, flags)
    return _traffic_control(RTM_NEWQDISC, index, MARKING_QUEUE, CLASS, "red", options, create=True, replace=True)


def host_shaper(index: int, rate_bps: float, queue_bytes: int, burst_s: float) -> list[bytes]:
    """A host's own port: HTB with one class for everything, and its queue.

    UDP hands down many packets as one buffer, which HTB would let pass as one; a token bucket that holds one packet splits it. Its rate is
    so high that a packet takes no whole nanosecond: it never waits for a timer, which fires after 500 ns at the earliest.
    """
    options = attribute(2, struct.pack("<IIIII", 3, 10, CLASS & 0xFFFF, 0, 0))
    return [
        _traffic_control(RTM_NEWQDISC, index, SHAPER, ROOT, "htb", options, create=True),
        host_limit(index, rate_bps, burst_s, create=True),
        _token_bucket(index, SPLITTER, CLASS, _UNLIMITED_BPS, FRAME_BYTES),
        _traffic_control(RTM_NEWQDISC, index, FIFO, SPLITTER | 1, "bfifo", struct.pack("<I", queue_bytes), create=True),
    ]


def host_limit(index: int, rate_bps: float, burst_s: float, *, create: bool = False) -> bytes:
    """Set a host's limit: the rate of its HTB class. Without `create` the class exists and keeps its queue and its tokens."""
    rate = max(1.0, round(shaper_rate(rate_bps)))
    # HTB sends while it has any token, so a small bucket spaces packets evenly; it must outlast the lateness of a timer.
    burst_ns = max(burst_s, _TIMER_LATENESS_S) * 1e9
    ticks = min(math.ceil(burst_ns / _TICK_NS), 0xFFFFFFFF)
    parameters = _rate(rate_bps) + _rate(rate_bps) + struct.pack("<IIIII", ticks, ticks, FRAME_BYTES, 0, 0)
    options = attribute(1, parameters)
    if rate > 0xFFFFFFFF:
        options += attribute(6, struct.pack("<Q", int(rate))) + attribute(7, struct.pack("<Q", int(rate)))
    return _traffic_control(RTM_NEWTCLASS, index, CLASS, SHAPER, "htb", options, create=create)


def block_delay(block: int, delay_s: float) -> bytes:
    """Set the delay of the block with index `block`, whose queue is netem; what it holds keeps its times."""
    return _netem(block, round(delay_s * 1e9), b"")


def block_jitter(block: int, delay_s: float, half_span_ns: int, seed: int) -> bytes:
    """As `block_delay`, with a jitter from 0 to twice `half_span_ns`, drawn from a seed of 64 bits.

    netem keeps packets in order only where it has a rate, so it gets one at which a packet takes no whole nanosecond.
    """
    rate = int(_UNLIMITED_BPS / 8)
    jitter = attribute(_Netem.RATE, struct.pack("<IiIi", 0xFFFFFFFF, 0, 0, 0)) + attribute(_Netem.RATE64, struct.pack("<Q", rate))
    jitter += attribute(_Netem.JITTER64, struct.pack("<q", half_span_ns)) + attribute(_Netem.PRNG_SEED, struct.pack("<Q", seed))
    return _netem(block, round(delay_s * 1e9) + half_span_ns, jitter)


def _netem(block: int, latency_ns: int, more: bytes) -> bytes:
    ticks = min(round(latency_ns / _TICK_NS), 0xFFFFFFFF)
    options = struct.pack("<IIIIII", ticks, 1_000_000, 0, 0, 0, 0) + attribute(_Netem.LATENCY64, struct.pack("<q", latency_ns))
    return _traffic_control(RTM_NEWQDISC, block, SHAPER, ROOT, "netem", options + more, create=True, replace=True)


def arrival_block(index: int, block: int) -> list[bytes]:
    """Lead what arrives at an interface through the block with index `block`."""
    redirect = struct.pack("<IIiiiiI", 0, 0, 4, 0, 0, 1, block)  # stolen, to the egress of the block
    action = attribute(1, attribute(1, text("mirred")) + attribute(2, attribute(2, redirect)))
    everything = struct.pack("<BxxxiIII", 0, index, 0, 0xFFFF0000, (1 << 16) | 0x0300)
    return [
        message(RTM_NEWQDISC, struct.pack("<BxxxiIII", 0, index, 0xFFFF0000, INGRESS, 0) + attribute(1, text("ingress")), create=True),
        message(RTM_NEWTFILTER, everything + attribute(1, text("matchall")) + attribute(2, attribute(2, action)), create=True),
    ]


def no_arrival_block(index: int) -> bytes:
    """Undo `arrival_block`; the block stays."""
    return message(RTM_DELQDISC, struct.pack("<BxxxiIII", 0, index, 0xFFFF0000, INGRESS, 0))


DUMP_QUEUES = message(RTM_GETQDISC, struct.pack("<BxxxiIII", 0, 0, 0, 0, 0), dump=True)
"""Ask for every queueing discipline of the namespace, with its counters."""
