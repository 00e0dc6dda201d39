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
    MEASURED,
    NIC_PORT,
    NUM_FLOWS,
    PEAK,
    PORT,
    QUEUE,
    REPORTED,
    RING,
    SIZE_MASK,
    TAIL,
    TO,
    WORD,
    Sim,
)
from iroko.sim.ports import kind_of, ring_slot, settle, take_care

BYTES, PACKETS, DROPPED, MARKED, QUEUED, QUEUE_AREA, QUEUE_PEAK = range(7)
PORT_REPORT = 7
"""Rows of the report of all ports: `BYTES` and `PACKETS` since the start, `QUEUED` now, the others of the interval.
`QUEUE_AREA` is in byte ns."""


@inlined
def measure_ports(s: Sim, report: Any, now: int) -> None:
    """Fill `report`, shape `(PORT_REPORT, num_ports)`, and begin the next interval."""
    ports, queues, packets, since = s.ports, s.queues, s.packets, s.head[MEASURED]
    for port in range(s.num_ports):
        p, q = port * PORT, port * QUEUE
        ring = ports[p + RING]
        kind = kind_of(ring)
        timed = s.kinds[kind + COST] > 0
        if timed:
            settle(s, port, now)
        waiting = 0
        for index in range(queues[q + GONE], ports[p + TAIL]):
            slot = ring_slot(ring, index)
            size = packets[slot + WORD] & SIZE_MASK
            if timed:
                waiting += size * (packets[slot + ARRIVAL] - s.kinds[kind + DELAY] - now)
            else:
                waiting += size * (now - max(packets[slot + ARRIVAL], since))
        backlog = ports[p + ENTERED] - queues[q + LEFT]
        if timed:
            # A switch's port counts a packet's whole time in the queue when it arrives: what is yet to come belongs to later.
            report[QUEUE_AREA, port] = ports[p + AREA] - waiting
            ports[p + AREA] = waiting
        else:
            report[QUEUE_AREA, port] = ports[p + AREA] + waiting
            ports[p + AREA] = 0
        report[BYTES, port], report[PACKETS, port] = queues[q + LEFT], queues[q + GONE]
        report[DROPPED, port], report[MARKED, port] = queues[q + DROPS], queues[q + MARKS]
        report[QUEUED, port], report[QUEUE_PEAK, port] = backlog, queues[q + PEAK]
        queues[q + DROPS], queues[q + MARKS], queues[q + PEAK] = 0, 0, backlog
        take_care(s, port)
    s.head[MEASURED] = now


@inlined
def measure_flows(s: Sim, delivered: Any, done: Any, received: Any) -> None:
    """Fill what arrived: bytes for each flow and each host since the last measurement; when each flow was done, -1: it is not."""
    flows = s.flows
    for host in range(s.num_hosts):
        received[host] = 0
    for number in range(s.head[NUM_FLOWS]):
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
