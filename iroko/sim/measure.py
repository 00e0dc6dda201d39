"""What a simulation says of an interval when it is over."""

from typing import Any

from iroko.sim.compiled import inlined
from iroko.sim.layout import (
    AREA,
    ARRIVAL,
    CONSUMED,
    COST,
    DELAY,
    DELIVERED,
    DISCARDED,
    DONE,
    DROPS,
    ENTERED,
    FIRST,
    FLOW,
    GONE,
    HOST,
    LEFT,
    MARKS,
    MASK,
    MEASURED,
    NIC_PORT,
    PACKET,
    PEAK,
    PORT,
    REPORTED,
    RING,
    SIZE_MASK,
    TAIL,
    TO,
    WORD,
    Sim,
)
from iroko.sim.ports import settle, take_care

BYTES, PACKETS, DROPPED, MARKED, QUEUE, QUEUE_AREA, QUEUE_PEAK = range(7)
PORT_REPORT = 7
"""Rows of the report of all ports: `BYTES` and `PACKETS` since the start, `QUEUE` now, the others of the interval; `QUEUE_AREA` in byte ns."""


@inlined
def measure_ports(s: Sim, report: Any, now: int) -> None:
    """Fill `report`, shape `(PORT_REPORT, num_ports)`, and begin the next interval."""
    ports, packets, since = s.ports, s.packets, s.head[MEASURED]
    for port in range(s.num_ports):
        p = port * PORT
        timed = ports[p + COST] > 0
        if timed:
            settle(s, p, now)
        ring, mask = ports[p + RING], ports[p + MASK]
        waiting = 0
        for index in range(ports[p + GONE], ports[p + TAIL]):
            slot = ring + (index & mask) * PACKET
            size = packets[slot + WORD] & SIZE_MASK
            if timed:
                waiting += size * (packets[slot + ARRIVAL] - ports[p + DELAY] - now)
            else:
                waiting += size * (now - max(packets[slot + ARRIVAL], since))
        backlog = ports[p + ENTERED] - ports[p + LEFT]
        if timed:
            # A switch's port counts a packet's whole time in the queue when it arrives: what is yet to come belongs to later.
            report[QUEUE_AREA, port] = ports[p + AREA] - waiting
            ports[p + AREA] = waiting
        else:
            report[QUEUE_AREA, port] = ports[p + AREA] + waiting
            ports[p + AREA] = 0
        report[BYTES, port], report[PACKETS, port] = ports[p + LEFT], ports[p + GONE]
        report[DROPPED, port], report[MARKED, port] = ports[p + DROPS], ports[p + MARKS]
        report[QUEUE, port], report[QUEUE_PEAK, port] = backlog, ports[p + PEAK]
        ports[p + DROPS], ports[p + MARKS], ports[p + PEAK] = 0, 0, backlog
        take_care(ports, p)
    s.head[MEASURED] = now


@inlined
def measure_flows(s: Sim, num_flows: int, delivered: Any, done: Any, received: Any) -> None:
    """Fill what arrived: bytes for each flow and each host since the last measurement; when each flow was done, -1: it is not."""
    flows = s.flows
    for host in range(s.num_hosts):
        received[host] = 0
    for number in range(num_flows):
        f = number * FLOW
        fresh = flows[f + DELIVERED] - flows[f + REPORTED]
        flows[f + REPORTED] = flows[f + DELIVERED]
        delivered[number] = fresh
        done[number] = flows[f + DONE]
        received[flows[f + TO]] += fresh


@inlined
def unaccounted(s: Sim) -> int:
    """Packets handed to hosts, less those that were delivered, dropped, are queued or on a wire: 0 unless the simulator is wrong."""
    ports = s.ports
    balance = -s.head[CONSUMED] - s.head[DISCARDED]
    for host in range(s.num_hosts):
        balance += ports[s.hosts[host * HOST + NIC_PORT] * PORT + TAIL]
    for port in range(s.num_ports):
        p = port * PORT
        balance -= ports[p + TAIL] - ports[p + FIRST]
    return balance
