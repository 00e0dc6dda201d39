"""What a simulation says of an interval when it is over."""

from typing import Any

from iroko.engines.sim import layout as w
from iroko.engines.sim.fair_queue import node_slot
from iroko.engines.sim.hooks import trait
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import Sim
from iroko.engines.sim.ports import settle, take_care
from iroko.engines.sim.rings import kind_of, ring_size, ring_slot

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
    ports, queues, packets, since = s.ports, s.queues, s.packets, s.head[w.MEASURED]
    for port in range(s.num_ports):
        p, q = port * w.PORT, port * w.QUEUE
        ring = ports[p + w.RING]
        kind = kind_of(ring)
        timed = s.kinds[kind + w.COST] > 0
        if timed:
            settle(s, port, now)
        waiting = 0
        for index in range(queues[q + w.GONE], ports[p + w.TAIL] - queues[q + w.POOLED]):
            slot = ring_slot(ring, index)
            size = packets[slot + w.WORD] & w.SIZE_MASK
            if timed:
                waiting += size * (packets[slot + w.ARRIVAL] - s.kinds[kind + w.DELAY] - now)
            else:
                waiting += size * (now - max(packets[slot + w.ARRIVAL], since))
        if queues[q + w.POOLED]:
            for node in range(1, ring_size(ring) + 1):
                slot = node_slot(ring, node)
                waiting += (packets[slot + w.WORD] & w.SIZE_MASK) * (now - max(packets[slot + w.ARRIVAL], since))
        backlog = ports[p + w.ENTERED] - queues[q + w.LEFT]
        if timed:
            # A switch's port counts a packet's whole time in the queue when it arrives: what is yet to come belongs to later.
            report[QUEUE_AREA, port] = ports[p + w.AREA] - waiting
            ports[p + w.AREA] = waiting
        else:
            report[QUEUE_AREA, port] = ports[p + w.AREA] + waiting
            ports[p + w.AREA] = 0
        report[BYTES, port], report[PACKETS, port] = queues[q + w.LEFT], queues[q + w.GONE]
        report[DROPPED, port], report[MARKED, port] = queues[q + w.DROPS], queues[q + w.MARKS]
        report[QUEUED, port], report[QUEUE_PEAK, port] = backlog, queues[q + w.PEAK]
        queues[q + w.DROPS], queues[q + w.MARKS], queues[q + w.PEAK] = 0, 0, backlog
        take_care(s, port)
    s.head[w.MEASURED] = now


@inlined
def measure_flows(s: Sim, delivered: Any, done: Any, hosts: Any) -> None:
    """Fill what arrived of each flow since the last measurement, in bytes; when each was done, -1: it is not; the report of `hosts`.

    The applications read what has arrived.
    """
    flows = s.flows
    for row in range(HOST_REPORT):
        for host in range(s.num_hosts):
            hosts[row, host] = 0
    for number in range(s.head[w.NUM_FLOWS]):
        f = number * w.FLOW
        fresh = flows[f + w.DELIVERED] - flows[f + w.REPORTED]
        flows[f + w.REPORTED] = flows[f + w.DELIVERED]
        flows[f + w.RCV_READ] = flows[f + w.RCV_NXT]
        delivered[number] = fresh
        done[number] = flows[f + w.DONE]
        hosts[RECEIVED, flows[f + w.TO]] += fresh
        host = flows[f + w.FROM]
        if trait(s, f, w.IS_UDP):
            hosts[COUNTED, host] += flows[f + w.NXT] - flows[f + w.QUEUED] - flows[f + w.RCV_NXT]
        elif flows[f + w.DONE] >= 0:
            # What its sender learns after the last byte's arrival is of no use to it any more.
            hosts[ECHOES, host] += flows[f + w.DONE_ECHOES]
            hosts[COUNTED, host] += flows[f + w.DONE_RESENT]
        else:
            hosts[ECHOES, host] += flows[f + w.DELIVERED_CE]
            hosts[COUNTED, host] += flows[f + w.RESENT_COUNT]
            if flows[f + w.STATE] == w.RUNNING:
                hosts[RTT, host] += flows[f + w.SRTT] >> 3
                hosts[CONNECTIONS, host] += 1


@inlined
def unaccounted(s: Sim) -> int:
    """Packets handed to hosts, less those that were delivered, dropped, are queued or on a wire: 0 unless the simulator is wrong."""
    ports = s.ports
    balance = -s.head[w.CONSUMED] - s.head[w.DISCARDED]
    for host in range(s.num_hosts):
        balance += ports[s.hosts[host * w.HOST + w.NIC_PORT] * w.PORT + w.TAIL]
    for port in range(s.num_ports):
        p = port * w.PORT
        balance -= ports[p + w.TAIL] - ports[p + w.FIRST]
    return balance
