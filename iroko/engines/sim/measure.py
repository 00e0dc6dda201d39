"""What a simulation says of an interval when it is over."""

from typing import Any

from iroko.engines.sim.fair_queue import node_slot
from iroko.engines.sim.hooks import trait
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import (
    AREA,
    ARRIVAL,
    CONSUMED,
    COST,
    DELAY,
    DELIVERED,
    DELIVERED_CE,
    DISCARDED,
    DONE,
    DONE_ECHOES,
    DONE_RESENT,
    DROPS,
    ENTERED,
    FIRST,
    FLOW,
    FROM,
    GONE,
    HOST,
    IS_UDP,
    LEFT,
    MARKS,
    MEASURED,
    NIC_PORT,
    NUM_FLOWS,
    NXT,
    PEAK,
    POOLED,
    PORT,
    QUEUE,
    RCV_NXT,
    RCV_READ,
    REPORTED,
    RESENT_COUNT,
    RING,
    RUNNING,
    SIZE_MASK,
    SRTT,
    STATE,
    TAIL,
    TO,
    WORD,
    Sim,
)
from iroko.engines.sim.layout import QUEUED as HELD
from iroko.engines.sim.ports import kind_of, ring_size, ring_slot, settle, take_care

BYTES, PACKETS, DROPPED, MARKED, QUEUED, QUEUE_AREA, QUEUE_PEAK = range(7)
PORT_REPORT = 7
"""Rows of the report of all ports: `BYTES` and `PACKETS` since the start, `QUEUED` now, the others of the interval.
`QUEUE_AREA` is in byte ns."""
RECEIVED, ECHOES, COUNTED, RTT, CONNECTIONS = range(5)
HOST_REPORT = 5
"""Rows of the report of all hosts: bytes `RECEIVED` in the interval; since the start, the `ECHOES` of marks that its flows were told of and
what `COUNTED` as lost: sent again over TCP, sent and not arrived over UDP; now, the sum of the smoothed round-trip times, in us, of its
`CONNECTIONS`."""


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
        for index in range(queues[q + GONE], ports[p + TAIL] - queues[q + POOLED]):
            slot = ring_slot(ring, index)
            size = packets[slot + WORD] & SIZE_MASK
            if timed:
                waiting += size * (packets[slot + ARRIVAL] - s.kinds[kind + DELAY] - now)
            else:
                waiting += size * (now - max(packets[slot + ARRIVAL], since))
        if queues[q + POOLED]:
            for node in range(1, ring_size(ring) + 1):
                slot = node_slot(ring, node)
                waiting += (packets[slot + WORD] & SIZE_MASK) * (now - max(packets[slot + ARRIVAL], since))
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
def measure_flows(s: Sim, delivered: Any, done: Any, hosts: Any) -> None:
    """Fill what arrived of each flow since the last measurement, in bytes; when each was done, -1: it is not; the report of `hosts`.

    The applications read what has arrived.
    """
    flows = s.flows
    for row in range(HOST_REPORT):
        for host in range(s.num_hosts):
            hosts[row, host] = 0
    for number in range(s.head[NUM_FLOWS]):
        f = number * FLOW
        fresh = flows[f + DELIVERED] - flows[f + REPORTED]
        flows[f + REPORTED] = flows[f + DELIVERED]
        flows[f + RCV_READ] = flows[f + RCV_NXT]
        delivered[number] = fresh
        done[number] = flows[f + DONE]
        hosts[RECEIVED, flows[f + TO]] += fresh
        host = flows[f + FROM]
        if trait(s, f, IS_UDP):
            hosts[COUNTED, host] += flows[f + NXT] - flows[f + HELD] - flows[f + RCV_NXT]
        elif flows[f + DONE] >= 0:
            # What its sender learns after the last byte's arrival is of no use to it any more.
            hosts[ECHOES, host] += flows[f + DONE_ECHOES]
            hosts[COUNTED, host] += flows[f + DONE_RESENT]
        else:
            hosts[ECHOES, host] += flows[f + DELIVERED_CE]
            hosts[COUNTED, host] += flows[f + RESENT_COUNT]
            if flows[f + STATE] == RUNNING:
                hosts[RTT, host] += flows[f + SRTT] >> 3
                hosts[CONNECTIONS, host] += 1


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
