"""Which ports a flow's packets pass: the same as in every engine, by static routes or by Linux's hash for equal-cost multipath."""

from iroko.engines.addressing import flow_ports, host_address, multipath_seed
from iroko.engines.sim import multipath
from iroko.topology import Topology


class Paths:
    """Paths of one topology; static ones are kept."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._static: dict[tuple[str, str], tuple[int, ...]] = {}
        self._seeds = {name: multipath_seed(name) for name in topology.switches}

    def there_and_back(self, source: str, destination: str, number: int, is_udp: bool, seed: int) -> list[tuple[int, ...]]:
        """The ports from one host to another and back, for a flow.

        Args:
            number: of the flow in its episode; with `ecmp` routing its port numbers follow from it and the seed.
            seed: of the episode.
        """
        if self.topology.routing == "static":
            return [self._static_path(source, destination), self._static_path(destination, source)]
        ports = flow_ports(is_udp, seed, number)
        protocol = multipath.UDP if is_udp else multipath.TCP
        return [
            self._hashed_path(source, destination, protocol, *ports),
            self._hashed_path(destination, source, protocol, *reversed(ports)),
        ]

    def _static_path(self, source: str, destination: str) -> tuple[int, ...]:
        if (source, destination) not in self._static:
            self._static[source, destination] = self.topology.static_path(source, destination)
        return self._static[source, destination]

    def _hashed_path(self, source: str, destination: str, protocol: int, source_port: int, destination_port: int) -> tuple[int, ...]:
        topology = self.topology
        addresses = (host_address(topology.host_index[source]), host_address(topology.host_index[destination]))
        path, node = [], source
        while node != destination:
            choices = topology.next_ports[node][destination]
            choice = 0
            if len(choices) > 1:
                packet_hash = multipath.multipath_hash(self._seeds[node], protocol, *addresses, source_port, destination_port)
                choice = multipath.choose(packet_hash, len(choices))
            path.append(choices[choice])
            node = topology.ports[path[-1]].peer
        return tuple(path)
