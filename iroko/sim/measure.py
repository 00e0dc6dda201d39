"""What a simulation says of an interval when it is over."""

from iroko.sim.compiled import inlined
from iroko.sim.layout import (
    AREA,
    ARRIVAL,
    BACKLOG,
    CONSUMED,
    COST,
    COST_BITS,
    DELAY,
    DELIVERED,
    DISCARDED,
    DONE,
    DROPS,
    FIRST,
    FLOW,
    FULL_PORT,
    GONE,
    HOST,
    MARKS,
    MASK,
    MEASURED,
    NIC_COST,
    NIC_LEAF,
    NIC_PORT,
    NUM_HOSTS,
    NUM_PORTS,
    PACKET,
    PEAK,
    PORT,
    REPORTED,
    RING,
    SENT_BYTES,
    SIZE_MASK,
    TAIL,
    TIME_BITS,
    TO,
    WORD,
    Sim,
)
from iroko.sim.ports import settle

BYTES, PACKETS, DROPPED, MARKED, QUEUE, QUEUE_AREA, QUEUE_PEAK = range(7)
PORT_REPORT = 7
"""Rows of the report of all ports: since the last measurement, but `PACKETS` since the start and `QUEUE` now; `QUEUE_AREA` in byte ns."""


@inlined
def measure_ports(s: Sim, report: object, now: int) -> None:
    """Fill `report`, shape `(PORT_REPORT, num_ports)`, and begin the next interval."""
    ports, packets, since = s.ports, s.packets, s.head[MEASURED]
    for port in range(s.head[NUM_PORTS]):
        p = port * PORT
        if ports[p + COST]:
            settle(s, p, now)
        gone, tail, ring, mask = ports[p + GONE], ports[p + TAIL], ports[p + RING], ports[p + MASK]
        waiting = 0
        for index in range(gone, tail):
            slot = ring + (index & mask) * PACKET
            size = packets[slot + WORD] & SIZE_MASK
            if ports[p + COST]:
                waiting += size * (packets[slot + ARRIVAL] - ports[p + DELAY] - now)
            else:
                waiting += size * (now - max(packets[slot + ARRIVAL], since))
        backlog = ports[p + BACKLOG]
        if ports[p + COST]:
            # A switch's port counts a packet's bytes and its whole time in the queue when it arrives.
            report[BYTES, port] = ports[p + SENT_BYTES] - backlog
            report[QUEUE_AREA, port] = ports[p + AREA] - waiting
            ports[p + SENT_BYTES], ports[p + AREA] = backlog, waiting
        else:
            report[BYTES, port] = ports[p + SENT_BYTES]
            report[QUEUE_AREA, port] = ports[p + AREA] + waiting
            ports[p + SENT_BYTES], ports[p + AREA] = 0, 0
        report[PACKETS, port] = gone
        report[DROPPED, port], report[MARKED, port] = ports[p + DROPS], ports[p + MARKS]
        report[QUEUE, port], report[QUEUE_PEAK, port] = backlog, ports[p + PEAK]
        ports[p + DROPS], ports[p + MARKS], ports[p + PEAK] = 0, 0, backlog
    s.head[MEASURED] = now


@inlined
def measure_flows(s: Sim, num_flows: int, delivered: object, done: object, received: object) -> None:
    """Fill what arrived: bytes for each flow and each host since the last measurement; when each flow was done, -1: it is not."""
    flows = s.flows
    for host in range(s.head[NUM_HOSTS]):
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
    for host in range(s.head[NUM_HOSTS]):
        balance += ports[s.hosts[host * HOST + NIC_PORT] * PORT + TAIL]
    for port in range(s.head[NUM_PORTS]):
        p = port * PORT
        balance -= ports[p + TAIL] - ports[p + FIRST]
    return balance
