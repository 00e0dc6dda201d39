"""Runs in the guest for test_capture: two DCTCP flows meet, what arrives at a receiver is captured and printed as JSON of hex."""

import json
import socket
import sys

import numpy as np

from iroko.engines.kernel.engine import KernelEngine
from iroko.flows import Flow
from iroko.topologies.dumbbell import dumbbell

if __name__ == "__main__":
    transport = sys.argv[1]
    topology = dumbbell(ecn_bytes=10 * 1514)
    engine = KernelEngine(topology, virtual=True)
    engine.reset([Flow("h0", "h2"), Flow("h1", "h2")], transport, 1)
    with engine.fabric.nodes["h2"].namespace.inside():
        capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    capture.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 26)
    capture.setblocking(False)
    frames, marks, sent = [], 0, 0
    down = next(i for i, port in enumerate(topology.ports) if port.peer == "h2")
    for _ in range(20):
        snapshot = engine.step(np.array(topology.host_rates_bps), 0.1)
        marks += int(snapshot.port_marks.sum())
        sent += int(snapshot.port_packets[down])
    try:
        while True:
            frames.append(capture.recv(65536).hex())
    except BlockingIOError:
        pass
    print("CAPTURE", json.dumps({"frames": frames, "marks": marks, "sent": sent}))
    engine.close()
