"""A fabric in this kernel: a topology's nodes, links, queues, routes and marks, built over netlink."""

from collections.abc import Iterator

from iroko.engines.addressing import dotted, host_address, switch_address
from iroko.engines.kernel.delays import delay_requests, jitter_requests, no_jitter_requests
from iroko.engines.kernel.host_queue import check_host_queue, fresh_queue, host_queue
from iroko.engines.kernel.multipath import multipath_settings
from iroko.engines.kernel.namespaces import write_settings
from iroko.engines.kernel.netlink import NetlinkError, add_address, add_neighbour, add_route, set_link_up
from iroko.engines.kernel.nodes import FastHost, FastIntf, FastLink, FastMininet, FastNode, Router
from iroko.engines.kernel.qdiscs import host_shaper, port_queue, port_shaper
from iroko.engines.tcp_window import MIN_BUFFER_BYTES, tcp_window
from iroko.policy.bpf.marking import Marking
from iroko.topology import Topology


class Fabric:
    """A topology, built in this kernel.

    Args:
        burst_s: how long a burst at the full rate a shaper may let through; more than 0 where clocks wake late.
        jitter: whether `set_jitter` will be used.

    Attributes:
        net: the Mininet network.
        addresses: for each host its address.
        tcp_buffer_bytes: of each TCP receiver, and at most of each sender, as Linux counts it.
    """

    def __init__(self, topology: Topology, burst_s: float = 0.0, jitter: bool = False) -> None:
        self.topology, self.burst_s, self.jitter = topology, burst_s, jitter
        self.net = FastMininet(controller=None, host=FastHost, switch=Router, link=FastLink, intf=FastIntf, build=False)
        self.nodes: dict[str, FastNode] = {}
        self.addresses = {name: dotted(host_address(i)) for i, name in enumerate(topology.hosts)}
        self.addresses |= {name: dotted(switch_address(i)) for i, name in enumerate(topology.switches)}
        self.marking = self.jittering = False
        self.bpf_marking: Marking | None = None
        self.mark_keys: dict[int, bytes] = {}
        self.tcp_buffer_bytes = tcp_window(topology).buffer_bytes
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def _build(self) -> None:
        for name in self.topology.hosts:
            self.nodes[name] = self.net.addHost(name, ip=self.addresses[name])
            if self.tcp_buffer_bytes > MIN_BUFFER_BYTES:
                with self.nodes[name].namespace.inside():
                    write_settings({"ipv4/tcp_wmem": f"4096 16384 {self.tcp_buffer_bytes}"})
        for name in self.topology.switches:
            self.nodes[name] = self.net.addSwitch(name)
            if self.topology.routing == "ecmp":
                with self.nodes[name].namespace.inside():
                    write_settings(multipath_settings(name))
        self.interfaces: list[int] = [0] * self.topology.num_ports
        macs = [f"02:00:{i >> 24 & 255:02x}:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}" for i in range(self.topology.num_ports)]
        for owner, peer in self.topology.graph.edges:
            there, back = self.topology.graph.edges[owner, peer]["index"], self.topology.graph.edges[peer, owner]["index"]
            if there > back:
                continue
            link = self.net.addLink(owner, peer, addr1=macs[there], addr2=macs[back])
            for index, interface in ((there, link.intf1), (back, link.intf2)):
                node = interface.node
                self.interfaces[index] = node.interfaces[interface.name]
                interface.ip, interface.prefixLen, interface.mac = self.addresses[node.name], "32", macs[index]
        # A queue that is set where both ends are up is in force at once. The kernel puts other queues in force as it notices that the far
        # end is up, 100 interfaces a second at most, and until then drops what is sent.
        for node in self.nodes.values():
            node.netlink.send(set_link_up(interface) for interface in getattr(node, "interfaces", {}).values())
        requests: dict[str, list[bytes]] = {name: [] for name in self.nodes}
        for index, port in enumerate(self.topology.ports):
            back = self.topology.graph.edges[port.peer, port.owner]["index"]
            interface = self.interfaces[index]
            mac = bytes.fromhex(macs[back].replace(":", ""))
            requests[port.owner] += [
                add_address(interface, self.addresses[port.owner]),
                add_neighbour(interface, self.addresses[port.peer], mac),
                *self._queue_requests(index),
            ]
            jitter = self.jitter and port.owner in self.topology.host_index
            requests[port.peer] += delay_requests(port, self.interfaces[back], jitter)
        for name, batch in requests.items():
            batch += self._route_requests(name)
            self.nodes[name].netlink.send(batch)
        for node, interface, queue_bytes in self._host_interfaces():
            check_host_queue(node.netlink, interface, self.topology.host_queue, queue_bytes)
        self.net.built = True

    def _host_interfaces(self) -> Iterator[tuple[FastNode, int, int]]:
        """Each host with the index of its interface and the bytes of its queue."""
        for host, index in zip(self.topology.hosts, self.topology.host_ports, strict=True):
            yield self.nodes[host], self.interfaces[index], self.topology.ports[index].queue_bytes

    def forget_flows(self) -> None:
        """Let the hosts' queues remember nothing of earlier flows; they have to be empty."""
        for node, interface, queue_bytes in self._host_interfaces():
            node.netlink.send(fresh_queue(interface, self.topology.host_queue, queue_bytes))

    def _queue_requests(self, index: int) -> list[bytes]:
        port, interface = self.topology.ports[index], self.interfaces[index]
        if port.owner in self.topology.host_index:
            shaper = host_shaper(interface, port.rate_bps, self.burst_s)
            return shaper + host_queue(interface, self.topology.host_queue, port.queue_bytes)
        return [port_shaper(interface, port.rate_bps, self.burst_s), port_queue(interface, port.queue_bytes, None)]

    def _route_requests(self, name: str) -> list[bytes]:
        topology = self.topology
        if name in topology.host_index:
            port = topology.host_ports[topology.host_index[name]]
            return [add_route(None, [(self.interfaces[port], self.addresses[topology.ports[port].peer])])]
        routes = []
        for host in topology.hosts:
            choices = topology.next_ports[name][host] if topology.routing == "ecmp" else (topology.static_port(name, host),)
            hops = [(self.interfaces[port], topology.ports[port].peer) for port in choices]
            routes.append(
                add_route(self.addresses[host], [(index, None if peer == host else self.addresses[peer]) for index, peer in hops])
            )
        return routes

    def set_marking(self, marking: bool) -> None:
        """Let the switches' queues mark above each port's ECN threshold, or not; the queues have to be empty.

        Only what asks for it can be marked: a new namespace's `tcp_ecn` is 2, so a connection has ECN where its control needs it.
        """
        if marking == self.marking:
            return
        if self.bpf_marking:
            self.bpf_marking.close()
        self.bpf_marking, self.mark_keys = None, {}
        for index in self.topology.switch_ports:
            port = self.topology.ports[index]
            if port.ecn_bytes is not None:
                self._mark_at(index, port.ecn_bytes if marking else None)
        self.marking = marking

    def _mark_at(self, index: int, ecn_bytes: int | None) -> None:
        """Let a port's queue mark: RED, or, where the kernel has none, a BPF program before the queue."""
        port = self.topology.ports[index]
        node = self.nodes[port.owner]
        if ecn_bytes is None or not self.bpf_marking:
            try:
                node.netlink.send([port_queue(self.interfaces[index], port.queue_bytes, ecn_bytes)])
                return
            except NetlinkError:
                if ecn_bytes is None:
                    raise
        assert ecn_bytes is not None
        self.bpf_marking = self.bpf_marking or Marking()
        with node.namespace.inside():
            self.mark_keys[index] = self.bpf_marking.add(self.interfaces[index], ecn_bytes)

    def bpf_marks(self) -> dict[int, int]:
        """Count the marks of the ports that mark by BPF, by the ports' indices."""
        return {index: self.bpf_marking.count(key) for index, key in self.mark_keys.items()} if self.bpf_marking else {}

    def set_jitter(self, seed: int | None) -> None:
        """Let packets leave the hosts as late as the jitter of UDP senders wants it (`iroko.engines.jitter`); the links have to be empty.

        Args:
            seed: of the episode; None: no jitter.
        """
        if seed is None and not self.jittering:
            return
        for host, index in enumerate(self.topology.host_ports):
            port = self.topology.ports[index]
            interface = self.interfaces[self.topology.graph.edges[port.peer, port.owner]["index"]]
            if seed is None:
                requests = no_jitter_requests(port, interface)
            else:
                requests = jitter_requests(port, interface, seed, host, begin=not self.jittering)
            self.nodes[port.peer].netlink.send(requests)
        self.jittering = seed is not None

    def shell(self) -> None:
        """Run Mininet's command line."""
        self.net.shell()

    def close(self) -> None:
        """Close every namespace; the kernel takes interfaces, queues and routes with them."""
        if self.bpf_marking:
            self.bpf_marking.close()
        self.bpf_marking, self.mark_keys = None, {}
        for node in self.nodes.values():
            if node.namespace.descriptor >= 0:
                node.terminate()
        self.nodes = {}
        self.net.hosts, self.net.switches, self.net.links = [], [], []
