"""UDP's sender and receiver: bursts, which a socket's buffer takes until it holds a number of packets."""

from tests.engines.sim.reference.network import FULL_FRAME, Interface, Network, Packet

BURST, FULL, FEW = 44, 166, 82
PAYLOAD, HEADERS = 1472, 42


class UdpFlow:
    """A flow of datagrams; `size_bytes` None: endless."""

    def __init__(self, network: Network, order: int, source: Interface, path: list[object], start: int, size_bytes: int | None) -> None:
        self.network, self.source, self.path, self.start, self.size_bytes = network, source, path, start, size_bytes
        self.next_byte = 0
        self.order = order
        self.send_at: int | None = None
        self.delivered = 0
        self.num_arrived = 0
        self.done: int | None = None
        network.at(start, order, self.send)

    @property
    def num_packets(self) -> float:
        return float("inf") if self.size_bytes is None else -(-self.size_bytes // PAYLOAD)

    @property
    def next_packet(self) -> int:
        return -(-self.next_byte // PAYLOAD)

    @property
    def num_missing(self) -> int:
        """Packets that have left the host and not arrived."""
        return self.next_packet - self.source.held[self] - self.num_arrived

    def _try_again(self) -> None:
        if self.network.now == self.send_at:
            self.send()

    def send(self) -> None:
        """Fill the socket's buffer once it is nearly empty."""
        if self.source.held[self] > FEW:
            return
        while self.next_packet < self.num_packets and self.source.held[self] < FULL:
            left_in_burst = min(BURST, self.num_packets - self.next_packet)
            while left_in_burst:
                payload = PAYLOAD if self.size_bytes is None else min(PAYLOAD, self.size_bytes - self.next_byte)
                packet = Packet(self, "data", payload + HEADERS, self.path, releases=True)
                again = self.source.push(packet)
                if again is not None:
                    self.send_at = again
                    self.network.at(again, self.order, self._try_again)
                    return
                self.next_byte += payload
                left_in_burst -= 1

    def receive(self, packet: Packet) -> None:
        self.delivered += packet.size - HEADERS
        self.num_arrived += 1
        if self.num_arrived == self.num_packets:
            self.done = self.network.now - self.start


assert PAYLOAD + HEADERS == FULL_FRAME
