"""An engine at the other end of a byte channel: what the messages hold, the near end and the far end.

The far end runs beside the network, in the guest or in a process of its own; the near end is the `Engine` that the environment holds. A
message's content is JSON for what happens once, packed arrays for a step.
"""

import contextlib
import dataclasses
import json
import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from iroko import errors
from iroko.engines.base import Clock
from iroko.engines.remote.channel import CLOSE, DESCRIBE, DONE, FAILED, OPEN, RESET, SNAPSHOT, STEP, Channel
from iroko.errors import ClosedError, EngineError, InputError, IrokoError
from iroko.flows import Flow, expect_one_transport
from iroko.snapshot import QUANTITIES, Axis, Floats, Snapshot
from iroko.system.lifetime import Lifetime
from iroko.topology import Port, Topology


def _pack_snapshot(snapshot: Snapshot) -> bytes:
    """The fields in the order of `QUANTITIES`, each as values of 8 bytes."""
    return b"".join(np.asarray(getattr(snapshot, name), quantity.dtype).tobytes() for name, quantity in QUANTITIES.items())


def _unpack_snapshot(content: bytes, topology: Topology, num_flows: int) -> Snapshot:
    counts = {None: 1, Axis.PORT: topology.num_ports, Axis.HOST: topology.num_hosts, Axis.FLOW: num_flows}
    expected = 8 * sum(counts[quantity.axis] for quantity in QUANTITIES.values())
    if len(content) != expected:
        raise EngineError(f"a snapshot of {len(content)} bytes arrived, expected {expected}")
    offset = 0
    values: dict[str, Any] = {}
    for name, quantity in QUANTITIES.items():
        array = np.frombuffer(content, quantity.dtype, counts[quantity.axis], offset)
        values[name] = float(array[0]) if quantity.axis is None else array
        offset += array.nbytes
    return Snapshot(**values)


def _pack_topology(topology: Topology) -> dict[str, Any]:
    return {"name": topology.name, "hosts": topology.hosts, "switches": topology.switches, "routing": topology.routing,
            "host_queue": topology.host_queue, "ports": [dataclasses.astuple(port) for port in topology.ports]}  # fmt: skip


def _unpack_topology(data: dict[str, Any]) -> Topology:
    ports = tuple(Port(*values) for values in data["ports"])
    return Topology(data["name"], tuple(data["hosts"]), tuple(data["switches"]), ports, data["routing"], data["host_queue"])


class RemoteEngine:
    """The near end: an `Engine` whose network is elsewhere.

    A failure of the far end, Ctrl-C in the middle of a step, `close`, or the last reference's end ends it; then only `close` is left.

    Args:
        channel: connected to a far end that runs `serve`.
        end: called at the end, in every case: undoes what was started for the far end; again after an exception in it. It and
            `explain` hold no reference to this engine.
        explain: called when the far end has gone or hangs: what is known about it, for the error.
    """

    def __init__(self, topology: Topology, channel: Channel, end: Callable[[], None], explain: Callable[[], str]) -> None:
        self.topology, self.clock = topology, Clock()
        self._channel, self._explain = channel, explain
        self._lifetime = Lifetime(self, end)
        self._num_flows = 0
        self._closed = False
        self._stepping = False
        self._began_s = 0.0
        self._description: dict[str, str] = {}
        try:
            self._ask(OPEN, json.dumps(_pack_topology(topology)).encode(), DONE)
            self._description = json.loads(self._ask(DESCRIBE, b"", DONE))["engine"]
        except BaseException:
            self._finish()
            raise

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot:
        """See `Engine.reset`."""
        self._check_open()
        if self._stepping:
            self.finish_step()
        expect_one_transport(flows)
        content = {"flows": [dataclasses.astuple(flow) for flow in flows], "transport": transport, "seed": int(seed)}
        self._num_flows = len(flows)
        answer = self._ask(RESET, json.dumps(content).encode(), SNAPSHOT)
        return _unpack_snapshot(answer, self.topology, self._num_flows)

    def begin_step(self, limits_bps: Floats, interval_s: float) -> None:
        """See `Engine.begin_step`."""
        self._check_open()
        if self._stepping:
            raise EngineError("begin_step was called twice without finish_step")
        content = struct.pack("<d", interval_s) + np.asarray(limits_bps, dtype=np.float64).tobytes()
        self._began_s = time.perf_counter()
        with self._guard():
            self._channel.send(STEP, content)
        self._stepping = True

    def finish_step(self) -> Snapshot:
        """See `Engine.finish_step`."""
        self._check_open()
        if not self._stepping:
            raise EngineError("finish_step was called without begin_step")
        self._stepping = False
        snapshot = _unpack_snapshot(self._answer(SNAPSHOT), self.topology, self._num_flows)
        # From the start of the interval, also where other engines were served meanwhile: the time spent waiting alone would flatter.
        self.clock.real_s += time.perf_counter() - self._began_s
        self.clock.virtual_s += float(snapshot.interval_s)
        return snapshot

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot:
        """See `Engine.step`."""
        self.begin_step(limits_bps, interval_s)
        return self.finish_step()

    def describe(self) -> dict[str, str]:
        """See `Engine.describe`."""
        return dict(self._description)

    def close(self) -> None:
        """See `Engine.close`."""
        if self._closed:
            self._finish()  # which an exception may have interrupted
            return
        try:
            self._lifetime.check_process()
            if not self._stepping:
                report = json.loads(self._ask(DESCRIBE, b"", DONE))["clock"]
                for name in ("lateness_s", "steps", "late_steps", "foreign_drops"):
                    setattr(self.clock, name, report[name])
            self._channel.send(CLOSE)
        except (IrokoError, OSError):
            pass  # what is being closed may be gone already
        finally:
            self._finish()

    def _finish(self) -> None:
        self._closed = True
        self._lifetime.finish()

    def __reduce__(self) -> Any:
        """Refuse to be copied or pickled: a network that runs elsewhere has no copy.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"a running {type(self).__name__} cannot be copied or pickled: make another environment or engine with the same arguments "
            "and seed; equal seeds give equal runs where time is virtual"
        )

    def _check_open(self) -> None:
        self._lifetime.check_process()
        if self._closed:
            raise ClosedError("the engine is closed: open a new one")

    @contextlib.contextmanager
    def _guard(self) -> Any:
        """End the far end when it fails, and say why; also when the caller is interrupted, since the answer is then lost."""
        try:
            yield
        except (EOFError, OSError) as error:
            what = "hangs" if isinstance(error, TimeoutError) else "has ended"
            detail = self._explain()
            self._finish()
            raise EngineError(f"the engine {what}: {error}{detail}") from error
        except EngineError as error:
            detail = self._explain()
            self._finish()
            raise EngineError(f"{error}{detail}") from error
        except BaseException:
            self._finish()
            raise

    def _ask(self, kind: bytes, content: bytes, expected: bytes) -> bytes:
        with self._guard():
            self._channel.send(kind, content)
        return self._answer(expected)

    def _answer(self, expected: bytes) -> bytes:
        with self._guard():
            kind, content = self._channel.receive()
        if kind == FAILED:
            failure = json.loads(content)
            kinds = {name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, IrokoError)}
            raise kinds.get(failure["type"], EngineError)(failure["message"])
        if kind != expected:
            self._finish()
            raise EngineError(f"the engine answered {kind!r}, expected {expected!r}")
        return content


class FarEngine(Protocol):
    """What `serve` steps."""

    topology: Topology

    def reset(self, flows: Sequence[Flow], transport: str, seed: int) -> Snapshot: ...

    def step(self, limits_bps: Floats, interval_s: float) -> Snapshot: ...

    def idle(self, stop: int) -> None: ...

    def report(self) -> Clock: ...

    def close(self) -> None: ...


def serve(channel: Channel, make: Callable[[Topology], FarEngine], describe: Callable[[], dict[str, str]]) -> None:
    """The far end: make an engine for the topology that arrives, answer until the near end closes or is gone."""
    engine: FarEngine | None = None
    try:
        while True:
            if engine is not None:
                engine.idle(channel.descriptor)
            kind, content = channel.receive()
            if kind == CLOSE:
                return
            try:
                if kind == OPEN:
                    engine = make(_unpack_topology(json.loads(content)))
                    answer = DONE, b""
                else:
                    assert engine is not None
                    answer = _handle(engine, kind, content, describe)
            except Exception as error:
                name = type(error).__name__ if isinstance(error, IrokoError) else "EngineError"
                message = str(error) if isinstance(error, IrokoError) else f"{type(error).__name__}: {error}"
                answer = FAILED, json.dumps({"type": name, "message": message}).encode()
            channel.send(*answer)
    except (EOFError, OSError):
        return  # the near end is gone, and with it the reason to be here
    finally:
        if engine is not None:
            engine.close()


def _handle(engine: FarEngine, kind: bytes, content: bytes, describe: Callable[[], dict[str, str]]) -> tuple[bytes, bytes]:
    if kind == STEP:
        interval_s, limits = struct.unpack_from("<d", content)[0], np.frombuffer(content, np.float64, offset=8)
        return SNAPSHOT, _pack_snapshot(engine.step(limits, interval_s))
    if kind == RESET:
        data = json.loads(content)
        flows = [Flow(*values) for values in data["flows"]]
        return SNAPSHOT, _pack_snapshot(engine.reset(flows, data["transport"], data["seed"]))
    if kind == DESCRIBE:
        return DONE, json.dumps({"engine": describe(), "clock": dataclasses.asdict(engine.report())}).encode()
    raise EngineError(f"unknown request {kind!r}")
