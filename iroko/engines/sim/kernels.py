"""What Python calls: one compiled function that carries many simulations through an interval."""

from numba import int64

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import entry
from iroko.engines.sim.loop import run, view
from iroko.engines.sim.measure import measure_flows, measure_ports, unaccounted

_Table = int64[:, ::1]


@entry(int64(_Table, int64[::1], _Table, int64[::1], int64[:, :, ::1], int64[:, :, ::1], int64[:, :, ::1]))
def advance(memories, chosen, costs, until, ports, flows, hosts):  # type: ignore[no-untyped-def]
    """Set the limits of the chosen simulations, carry each to its time and measure it.

    Args:
        memories: shape `(num, words)`, one simulation in each row.
        chosen: which rows, shape `(num_chosen,)`.
        costs: cost of a byte for each host, shape `(num, num_hosts)`; -1: as before.
        until: shape `(num,)`, in ns.
        ports, flows, hosts: reports, shapes `(num, PORT_REPORT, num_ports)`, `(num, 2, num_flows)` and `(num, HOST_REPORT, num_hosts)`.

    Returns:
        -1: all are done; else the position in `chosen` of one that has to be grown first, from which to go on; `len(chosen)` and more:
        of one that has lost count of its packets.
    """
    for position in range(len(chosen)):
        row = chosen[position]
        s = view(memories[row])
        for host in range(costs.shape[1]):
            if costs[row, host] >= 0:
                s.hosts[host * w.HOST + w.NIC_COST] = costs[row, host]
        if not run(s, until[row]):
            return position
        measure_ports(s, ports[row], until[row])
        measure_flows(s, flows[row, 0], flows[row, 1], hosts[row])
        if unaccounted(s) != 0:
            return len(chosen) + position
    return -1
