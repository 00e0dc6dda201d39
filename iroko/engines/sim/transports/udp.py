"""`udp`: no congestion control; the host's limit alone holds it back.

As the kernel engine's sender: bursts of 44 packets go into the host's queue while the socket's buffer has room, and again when less than
half of it is taken.
"""

from iroko.engines.sim.transports._common import Transport

TRANSPORT = Transport(datagrams=True)
