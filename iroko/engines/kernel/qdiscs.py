"""Rates and queues of ports, as messages to the kernel's traffic control.

A switch port is a token bucket (TBF) that holds the link's rate above a queue limited in bytes: a FIFO, or RED set to mark on the
queue's present length for DCTCP. A host's own port is a class of HTB, whose rate can change without refilling the bucket, above the
queue of `iroko.engines.kernel.host_queue`.
Propagation delay is netem at the receiving end, behind the queue as on a wire. Layouts: `linux/pkt_sched.h`; names:
`iroko.engines.kernel.uapi`.
"""

import math
import socket
import struct

from iroko.engines.kernel.netlink import attribute, message, text
from iroko.engines.kernel.rates import FRAME_BYTES, shaper_rate
from iroko.engines.kernel.uapi import (
    ETH_P_ALL,
    RTM,
    TC_ACT_STOLEN,
    TC_H_INGRESS,
    TC_H_INGRESS_HANDLE,
    TC_H_ROOT,
    TC_RED,
    TCA,
    TCA_ACT,
    TCA_EGRESS_REDIR,
    TCA_HTB,
    TCA_MATCHALL_ACT,
    TCA_MIRRED_PARMS,
    TCA_NETEM,
    TCA_RED,
    TCA_TBF,
    TCMSG,
)

SHAPER, CLASS, FIFO, MARKING_QUEUE, SPLITTER = 0x10000, 0x10001, 0x20000, 0x30000, 0x40000
_TICK_NS = 64
_TIMER_LATENESS_S = 2e-6
UNLIMITED_BPS = 1e14
"""A packet takes no whole nanosecond at this rate."""


def traffic_control(kind: int, index: int, handle: int, parent: int, name: str, options: bytes, **flags: bool) -> bytes:
    """A message about a queueing discipline or class of the kind `name`."""
    body = TCMSG.pack(0, index, handle, parent, 0) + attribute(TCA.KIND, text(name))
    return message(kind, body + attribute(TCA.OPTIONS, options), **flags)


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
    return token_bucket(index, SHAPER, TC_H_ROOT, rate_bps, _burst_bytes(rate_bps, burst_s))


def token_bucket(index: int, handle: int, parent: int, rate_bps: float, burst: int) -> bytes:
    """A TBF; its bucket holds `burst` bytes."""
    parameters, rate = _rate(rate_bps) + bytes(24), round(shaper_rate(rate_bps))
    options = attribute(TCA_TBF.PARMS, parameters) + attribute(TCA_TBF.RATE64, struct.pack("<Q", rate))
    options += attribute(TCA_TBF.BURST, struct.pack("<I", burst))
    return traffic_control(RTM.NEWQDISC, index, handle, parent, "tbf", options, create=True)


def port_queue(index: int, queue_bytes: int, mark_bytes: int | None) -> bytes:
    """What stands below a shaper: a byte-limited FIFO, or with `mark_bytes` RED that marks what finds more than this.

    RED's moving average gets weight 0 in its logarithm and an idle table that forgets at once, so it is the queue's present length, and
    both thresholds are K+1: below, never; above, always. Packets that cannot be marked are queued up to the limit, not dropped early.
    """
    if mark_bytes is None:
        return traffic_control(RTM.NEWQDISC, index, FIFO, CLASS, "bfifo", struct.pack("<I", queue_bytes), create=True, replace=True)
    parameters = struct.pack("<IIIBBBB", queue_bytes, mark_bytes + 1, mark_bytes + 1, 0, 0, 0, 0)
    flags = struct.pack("<II", TC_RED.ECN | TC_RED.NODROP, TC_RED.ECN | TC_RED.NODROP)
    options = attribute(TCA_RED.PARMS, parameters) + attribute(TCA_RED.STAB, bytes([31]) * 256)
    options += attribute(TCA_RED.MAX_P, struct.pack("<I", 0xFFFFFFFF)) + attribute(TCA_RED.FLAGS, flags)
    return traffic_control(RTM.NEWQDISC, index, MARKING_QUEUE, CLASS, "red", options, create=True, replace=True)


def host_shaper(index: int, rate_bps: float, burst_s: float) -> list[bytes]:
    """The rate of a host's own port: HTB with one class for everything."""
    options = attribute(TCA_HTB.INIT, struct.pack("<IIIII", 3, 10, CLASS & 0xFFFF, 0, 0))
    return [
        traffic_control(RTM.NEWQDISC, index, SHAPER, TC_H_ROOT, "htb", options, create=True),
        host_limit(index, rate_bps, burst_s, create=True),
    ]


def host_limit(index: int, rate_bps: float, burst_s: float, *, create: bool = False) -> bytes:
    """Set a host's limit: the rate of its HTB class. Without `create` the class exists and keeps its queue and its tokens."""
    rate = max(1.0, round(shaper_rate(rate_bps)))
    # HTB sends while it has any token, so a small bucket spaces packets evenly; it must outlast the lateness of a timer.
    burst_ns = max(burst_s, _TIMER_LATENESS_S) * 1e9
    ticks = min(math.ceil(burst_ns / _TICK_NS), 0xFFFFFFFF)
    parameters = _rate(rate_bps) + _rate(rate_bps) + struct.pack("<IIIII", ticks, ticks, FRAME_BYTES, 0, 0)
    options = attribute(TCA_HTB.PARMS, parameters)
    if rate > 0xFFFFFFFF:
        options += attribute(TCA_HTB.RATE64, struct.pack("<Q", int(rate))) + attribute(TCA_HTB.CEIL64, struct.pack("<Q", int(rate)))
    return traffic_control(RTM.NEWTCLASS, index, CLASS, SHAPER, "htb", options, create=create)


def block_delay(block: int, delay_s: float) -> bytes:
    """Set the delay of the block with index `block`, whose queue is netem; what it holds keeps its times."""
    return _netem(block, round(delay_s * 1e9), b"")


def block_jitter(block: int, delay_s: float, half_span_ns: int, seed: int) -> bytes:
    """As `block_delay`, with a jitter from 0 to twice `half_span_ns`, drawn from a seed of 64 bits.

    netem keeps packets in order only where it has a rate, so it gets one at which a packet takes no whole nanosecond.
    """
    rate = int(UNLIMITED_BPS / 8)
    jitter = attribute(TCA_NETEM.RATE, struct.pack("<IiIi", 0xFFFFFFFF, 0, 0, 0)) + attribute(TCA_NETEM.RATE64, struct.pack("<Q", rate))
    jitter += attribute(TCA_NETEM.JITTER64, struct.pack("<q", half_span_ns)) + attribute(TCA_NETEM.PRNG_SEED, struct.pack("<Q", seed))
    return _netem(block, round(delay_s * 1e9) + half_span_ns, jitter)


def _netem(block: int, latency_ns: int, more: bytes) -> bytes:
    ticks = min(round(latency_ns / _TICK_NS), 0xFFFFFFFF)
    options = struct.pack("<IIIIII", ticks, 1_000_000, 0, 0, 0, 0) + attribute(TCA_NETEM.LATENCY64, struct.pack("<q", latency_ns))
    return traffic_control(RTM.NEWQDISC, block, SHAPER, TC_H_ROOT, "netem", options + more, create=True, replace=True)


def arrival_block(index: int, block: int) -> list[bytes]:
    """Lead what arrives at an interface through the block with index `block`."""
    redirect = struct.pack("<IIiiiiI", 0, 0, TC_ACT_STOLEN, 0, 0, TCA_EGRESS_REDIR, block)
    action = attribute(1, attribute(TCA_ACT.KIND, text("mirred")) + attribute(TCA_ACT.OPTIONS, attribute(TCA_MIRRED_PARMS, redirect)))
    everything = TCMSG.pack(0, index, 0, TC_H_INGRESS_HANDLE, (1 << 16) | socket.htons(ETH_P_ALL))
    return [
        message(
            RTM.NEWQDISC, TCMSG.pack(0, index, TC_H_INGRESS_HANDLE, TC_H_INGRESS, 0) + attribute(TCA.KIND, text("ingress")), create=True
        ),
        message(
            RTM.NEWTFILTER,
            everything + attribute(TCA.KIND, text("matchall")) + attribute(TCA.OPTIONS, attribute(TCA_MATCHALL_ACT, action)),
            create=True,
        ),
    ]


def no_arrival_block(index: int) -> bytes:
    """Undo `arrival_block`; the block stays."""
    return message(RTM.DELQDISC, TCMSG.pack(0, index, TC_H_INGRESS_HANDLE, TC_H_INGRESS, 0))


DUMP_QUEUES = message(RTM.GETQDISC, TCMSG.pack(0, 0, 0, 0, 0), dump=True)
"""Ask for every queueing discipline of the namespace, with its counters."""
