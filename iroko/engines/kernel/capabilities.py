"""What this machine's kernel can do: asked of the kernel itself, which loads a module where it has one."""

import os
import socket
import threading
from collections.abc import Callable, Iterable

from iroko.engines.kernel.endpoints import ECN_TRANSPORTS
from iroko.engines.kernel.host_queue import fair_queue
from iroko.engines.kernel.namespaces import Namespace
from iroko.engines.kernel.netlink import Netlink, NetlinkError
from iroko.engines.kernel.qdiscs import block_delay, port_queue, port_shaper
from iroko.engines.kernel.sockets import missing_congestion_control, set_congestion_control
from iroko.engines.kernel.uapi import TC_H_ROOT
from iroko.errors import UnsupportedError
from iroko.flows import UDP
from iroko.policy.bpf.marking import Marking
from iroko.topology import Topology


def require_root() -> None:
    """Raise UnsupportedError unless the process may make network namespaces."""
    if os.geteuid() != 0:
        raise UnsupportedError("engine mininet needs root: start it with sudo, or use --engine guest, which needs none")


def missing_transports(names: Iterable[str]) -> dict[str, str]:
    """Which of these transports the host's kernel lacks, each with a line that says how to get it. Needs root."""
    missing = {}
    for name in names:
        if name == UDP:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
            try:
                set_congestion_control(made, name)
            except UnsupportedError:
                missing[name] = missing_congestion_control(name)
                continue
        if name in ECN_TRANSPORTS and not _has_red() and not _marks_by_bpf():
            missing[name] = (
                f"this kernel has no RED queue, which marks packets for {name!r}: load it with `modprobe sch_red`, or use --engine guest"
            )
    return missing


def _has_red() -> bool:
    return _in_namespace(lambda netlink: netlink.send([port_shaper(1, 1e9, 0), port_queue(1, 100_000, 10_000)]))


def _marks_by_bpf() -> bool:
    """Whether a BPF program can mark packets, where there is no RED."""
    try:
        marking = Marking()
    except UnsupportedError:
        return False
    namespace = Namespace()
    try:
        with namespace.inside():
            marking.add(1, 10_000)
        return True
    except UnsupportedError:
        return False
    finally:
        marking.close()
        namespace.close()


def check_topology(topology: Topology) -> None:
    """Raise UnsupportedError if the kernel lacks what the topology's hosts and links need."""
    if topology.host_queue == "fq" and not _in_namespace(lambda netlink: netlink.send([fair_queue(1, TC_H_ROOT, 16_000_000)])):
        raise UnsupportedError(
            'this kernel has no queue fq, one per flow in each host: load it with `modprobe sch_fq`, set host_queue = "fifo" '
            "(--set topology.host_queue=fifo), or use --engine guest"
        )
    if any(port.delay_s > 0 for port in topology.ports) and not _in_namespace(lambda netlink: netlink.send([block_delay(1, 0.001)])):
        raise UnsupportedError(
            "this kernel has no netem, which delays packets: load it with `modprobe sch_netem`, set --set topology.delay_s=0, "
            "or use --engine guest"
        )
    if not _in_namespace(lambda netlink: netlink.send([port_shaper(1, 1e9, 0)])):
        raise UnsupportedError("this kernel has no TBF queue: load it with `modprobe sch_tbf`, or use --engine guest")


def _in_namespace(attempt: Callable[[Netlink], None]) -> bool:
    """Whether the kernel takes these messages, tried on the loopback of a namespace of its own."""
    taken: list[bool] = []

    def run() -> None:
        namespace = Namespace()
        with namespace.inside():
            netlink = Netlink()
        try:
            attempt(netlink)
            taken.append(True)
        except NetlinkError:
            taken.append(False)
        finally:
            netlink.close()
            namespace.close()

    thread = threading.Thread(target=run)  # a thread's namespace is its own, so the caller's stays whatever happens
    thread.start()
    thread.join()
    if not taken:
        raise UnsupportedError("this kernel gives no network namespaces: run as root outside a container, or use --engine guest")
    return taken[0]
