"""Lives of an engine, one after the other, as a program: `python -m tests.faults.engine_life ENGINE LIVES`; signals end it in order."""

import sys
import time

import numpy as np

from iroko.engines.open import open_engine
from iroko.flows import Flow
from iroko.system.command import Stopped, signals_raise
from iroko.topologies.dumbbell import dumbbell
from tests.engines.driver import fabric

FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]


def live(name: str) -> float:
    """Open an engine, let traffic run, close it; returns the bytes that were delivered."""
    engine = open_engine(name, fabric(name, dumbbell()), seed=1)
    try:
        delivered = 0.0
        for seed in (1, 2):
            engine.reset(FLOWS, "cubic", seed)
            delivered += sum(float(engine.step(np.full(4, 1e7), 0.02).flow_bytes.sum()) for _ in range(5))
        return delivered
    finally:
        engine.close()


def main(name: str, lives: int) -> int:
    try:
        with signals_raise():
            print("ready", flush=True)
            for _ in range(lives):
                began = time.monotonic()
                delivered = live(name)
                print(f"{time.monotonic() - began:.3f} {delivered:.0f}", flush=True)
        return 0
    except Stopped as stopped:
        return 128 + stopped.number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
