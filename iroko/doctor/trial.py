"""One engine, tried in a process of its own: `python -m iroko.doctor.trial ENGINE TRANSPORT...` prints what happened as JSON.

In a process of its own a trial can hang, run out of memory or crash, and the doctor goes on.
"""

import json
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

STEP_S = 0.05
_TIMEOUT_S = 40.0


def try_engine(name: str, transports: list[str]) -> dict[str, Any]:
    """Open an engine, let each transport carry traffic for a step, close it; see `Surroundings.try_engine`."""
    import numpy as np

    from iroko.engines.open import open_engine
    from iroko.errors import IrokoError
    from iroko.flows import Flow
    from iroko.scenario import Scenario

    topology = Scenario(topology="dumbbell", topology_parameters={"rate_bps": 10e6}).fabric
    flows = [Flow(topology.hosts[0], topology.hosts[-1])]
    limits = np.array(topology.host_rates_bps)
    began_s, first_s = time.monotonic(), 0.0
    found: dict[str, str] = {}
    try:
        engine = _open_guest(topology) if name == "guest" else open_engine(name, topology)
        try:
            for transport in transports:
                try:
                    engine.reset(flows, transport, 1)
                    snapshot = engine.step(limits, STEP_S)
                    first_s = first_s or time.monotonic() - began_s
                    found[transport] = "" if snapshot.flow_bytes.sum() > 0 else "it carried nothing"
                except IrokoError as error:
                    found[transport] = str(error)
            return {"engine": engine.describe(), "transports": found, "seconds": round(first_s, 1)}
        finally:
            engine.close()
    except IrokoError as error:
        return {"error": str(error)}


def _open_guest(topology: Any) -> Any:
    from iroko.engines.guest import GuestEngine

    return GuestEngine(topology, timeout_s=_TIMEOUT_S)


def _leave(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main() -> None:
    """Try the engine that the command line names."""
    signal.signal(signal.SIGTERM, _leave)
    # Whatever else prints goes to the errors.
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)
        json.dump(try_engine(sys.argv[1], sys.argv[2:]), out)


if __name__ == "__main__":
    main()
