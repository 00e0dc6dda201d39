"""How a host queues what it sends, below the rate of its port: a FIFO, or Linux's `fq`.

UDP hands down many packets as one buffer, which HTB would let pass as one, so a token bucket above the queue splits it. It holds one
packet, at a rate so high that a packet takes no whole nanosecond: it never waits for a timer, which fires after 500 ns at the earliest.
"""

import struct

from iroko.engines.fair_queue import FIRST_QUANTUM_BYTES, QUANTUM_BYTES, REFILL_MS, limit_packets
from iroko.engines.kernel.netlink import Netlink, attribute, attributes, message
from iroko.engines.kernel.qdiscs import CLASS, DUMP_QUEUES, FIFO, SPLITTER, UNLIMITED_BPS, token_bucket, traffic_control
from iroko.engines.kernel.rates import FRAME_BYTES
from iroko.engines.kernel.uapi import RTM, TCA, TCA_FQ, TCMSG
from iroko.errors import EngineError

FAIR = 0x50000
_BELOW = SPLITTER | 1
_HEADER_BYTES = 16 + TCMSG.size
_ONE_BAND = struct.pack("<i16s", 3, bytes(16))
"""All priorities in the first of three bands. Since 6.7 Linux puts a flow's first packet there whatever its priority (`fq_enqueue`), and in
the second band, the default, that flow would wait until the others have had 192 kB."""


def host_queue(index: int, kind: str, queue_bytes: int) -> list[bytes]:
    """The queue of a host's interface, below its HTB class; `kind` is `Topology.host_queue`."""
    return [token_bucket(index, SPLITTER, CLASS, UNLIMITED_BPS, FRAME_BYTES), _queue(index, _BELOW, kind, queue_bytes)]


def fresh_queue(index: int, kind: str, queue_bytes: int) -> list[bytes]:
    """Replace a queue that is empty by one that remembers no flow; a FIFO remembers none."""
    if kind == "fifo":
        return []
    return [message(RTM.DELQDISC, TCMSG.pack(0, index, FAIR, _BELOW, 0)), _queue(index, _BELOW, kind, queue_bytes)]


def fair_queue(index: int, parent: int, queue_bytes: int) -> bytes:
    """Linux's `fq`, with `iroko.engines.fair_queue`'s settings."""
    options = b"".join(attribute(key, struct.pack("<I", value)) for key, value in _fair_settings(queue_bytes).items())
    return traffic_control(RTM.NEWQDISC, index, FAIR, parent, "fq", options + attribute(TCA_FQ.PRIOMAP, _ONE_BAND), create=True)


def _queue(index: int, parent: int, kind: str, queue_bytes: int) -> bytes:
    if kind == "fq":
        return fair_queue(index, parent, queue_bytes)
    return traffic_control(RTM.NEWQDISC, index, FIFO, parent, "bfifo", struct.pack("<I", queue_bytes), create=True)


def _fair_settings(queue_bytes: int) -> dict[TCA_FQ, int]:
    limit = limit_packets(queue_bytes)
    return {
        TCA_FQ.PLIMIT: limit,
        TCA_FQ.FLOW_PLIMIT: limit,
        TCA_FQ.QUANTUM: QUANTUM_BYTES,
        TCA_FQ.INITIAL_QUANTUM: FIRST_QUANTUM_BYTES,
        TCA_FQ.RATE_ENABLE: 0,
        TCA_FQ.FLOW_REFILL_DELAY: REFILL_MS * 1000,
    }


def check_host_queue(netlink: Netlink, index: int, kind: str, queue_bytes: int) -> None:
    """Read an interface's queue back from the kernel.

    Raises:
        EngineError: it is another one than `host_queue` asked for, or has other settings.
    """
    expected = "fq" if kind == "fq" else "bfifo"
    for data in netlink.dump(DUMP_QUEUES):
        _, interface, _, parent, _ = TCMSG.unpack_from(data, 16)
        if interface != index or parent != _BELOW:
            continue
        found = attributes(data, _HEADER_BYTES)
        name = bytes(found[TCA.KIND]).rstrip(b"\0").decode()
        if name != expected:
            raise EngineError(f"the kernel made a host's queue of the kind {name!r}, not {expected!r}")
        if kind == "fq":
            options = attributes(found[TCA.OPTIONS])
            for key, value in _fair_settings(queue_bytes).items():
                if (got := struct.unpack("<I", options[key])[0]) != value:
                    raise EngineError(f"the kernel set {key.name}={got} of a host's queue fq, not {value}")
        return
    raise EngineError(f"the kernel made no queue below a host's limit, not {expected!r}")
