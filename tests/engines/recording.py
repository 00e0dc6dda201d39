"""Everything that the guest reports of two episodes, as bytes. As a program: of a transport on a topology, as a digest."""

import dataclasses
import hashlib
import os
import signal
import sys
import threading
import time

import numpy as np

from iroko.engines.guest.engine import GuestEngine
from iroko.flows import Flow
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree

LONG_S = 0.5
"""Steps of which an episode is longer than the five seconds after which `nv` draws its next random number."""
TOPOLOGIES = {"dumbbell": dumbbell, "fattree": fattree}


def record(transport: str, seed: int, *, topology: str = "dumbbell", interval_s: float = 0.1,
           disturb: bool = False) -> list[bytes]:  # fmt: skip
    """Every field of every snapshot of two episodes of 15 steps in a fresh guest; limits change between half of the link and all of it."""
    fabric = TOPOLOGIES[topology]()
    half = fabric.num_hosts // 2
    flows = [Flow(f"h{i}", f"h{i + half}") for i in range(half)]
    engine = GuestEngine(fabric, seed)
    try:
        rows = []
        for episode in range(2):
            engine.reset(flows, transport, seed + episode)
            for step in range(15):
                limits = np.array(fabric.host_rates_bps) * (0.5 + 0.1 * (step % 6))
                if disturb and step == 7:  # the guest's clock must not see that the host was away
                    assert engine.machine.process is not None
                    pid = engine.machine.process.pid
                    os.kill(pid, signal.SIGSTOP)
                    threading.Timer(0.5, os.kill, (pid, signal.SIGCONT)).start()
                    time.sleep(0.1)
                snapshot = engine.step(limits, interval_s)
                values = (np.asarray(getattr(snapshot, field.name)) for field in dataclasses.fields(snapshot))
                rows.append(b"".join(value.tobytes() for value in values))
        return rows
    finally:
        engine.close()


def digest(rows: list[bytes]) -> str:
    """One line that is equal where all rows are."""
    return hashlib.sha256(b"".join(rows)).hexdigest()


if __name__ == "__main__":
    print(digest(record(sys.argv[1], 3, topology=sys.argv[2], interval_s=LONG_S)))
