"""Which ports a flow's packets pass: the same static paths as on every engine, or one of the shortest by a hash of the flow."""

import hashlib

from iroko.flows import first_port
from iroko.topology import Topology


class Paths:
    """Paths of one topology; static ones are kept."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._static: dict[tuple[str, str], tuple[int, ...]] = {}

    def find(self, source: str, destination: str, number: int, seed: int) -> tuple[int, ...]:
        """The ports from one host to another for the flow with this number in its episode.

        Args:
            seed: of the episode; with `ecmp` routing it takes part in the choice, as the flow's port number does in the kernel.
        """
        if self.topology.routing == "static":
            if (source, destination) not in self._static:
                self._static[source, destination] = self.topology.static_path(source, destination)
            return self._static[source, destination]
        label = f"{source}>{destination}:{first_port(seed) + number}"
        path, node = [], source
        while node != destination:
            choices = self.topology.next_ports[node][destination]
            choice = 0
            if len(choices) > 1:
                digest = hashlib.blake2b(f"{node} {label}".encode(), digest_size=8).digest()
                choice = int.from_bytes(digest, "big") % len(choices)
            path.append(choices[choice])
            node = self.topology.ports[path[-1]].peer
        return tuple(path)
