"""Runs a case on an engine and keeps what its snapshots said; recordings of the kernel stay on disk."""

import ast
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.parity.cases import Case
from iroko.engines.base import Engine
from iroko.engines.guest.build import kernel_path
from iroko.engines.open import open_engine
from iroko.snapshot import Floats, Integers, Snapshot
from iroko.system.cache import cache_folder
from iroko.topology import Topology

KERNEL = "guest"
_FORMAT = 1
"""To be raised when a recording holds something else than before."""
_ROOT = Path(__file__).parents[2]
_KERNEL_ROOMS = (_ROOT / "iroko" / "kernel", _ROOT / "iroko" / "guest")
"""What decides, besides the built kernel and the plan, how the kernel behaves; of how the guest boots, the nanoseconds."""


@dataclass(frozen=True)
class Recording:
    """What one engine measured of a case, over the measured steps of each episode.

    Attributes:
        measured_s: length of the measured part of an episode.
        port_bytes, port_packets, port_drops, port_marks: shape `(num_episodes, num_ports)`.
        port_backlog_bytes: mean over time, shape `(num_episodes, num_ports)`.
        flow_bytes: shape `(num_episodes, num_flows)`.
        flow_completion_s: shape `(num_episodes, num_flows)`, NaN for a flow that did not finish.
        trace_goodput_bps: of all flows, in each step of the first episode with its warm-up, shape `(total_steps,)`.
        trace_backlog_bytes: mean over the step at each switch port, shape `(total_steps, num_switch_ports)`.
    """

    measured_s: float
    port_bytes: Integers
    port_packets: Integers
    port_drops: Integers
    port_marks: Integers
    port_backlog_bytes: Floats
    flow_bytes: Integers
    flow_completion_s: Floats
    trace_goodput_bps: Floats
    trace_backlog_bytes: Floats

    def of_ports(self, ports: Sequence[int]) -> "Recording":
        """The same, of these ports only."""
        columns = list(ports)
        return replace(
            self, **{field.name: getattr(self, field.name)[:, columns] for field in fields(self) if field.name.startswith("port_")}
        )

    @classmethod
    def pool(cls, recordings: Sequence["Recording"]) -> "Recording":
        """Recordings of one case as one of all their episodes; the traces are the first's."""
        names = [field.name for field in fields(cls) if field.name.startswith(("port_", "flow_"))]
        return replace(recordings[0], **{name: np.concatenate([getattr(each, name) for each in recordings]) for name in names})

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.npz")
        try:
            np.savez_compressed(beside, **{field.name: getattr(self, field.name) for field in fields(self)})
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: Path) -> "Recording":
        with np.load(path) as data:
            values = {field.name: data[field.name] for field in fields(cls)}
        return cls(**values | {"measured_s": float(values["measured_s"])})


class Recorder:
    """Runs cases on one engine, which stays open as long as the topology does; close it.

    Args:
        name: of the engine.
        variant: which starts of the flows, and which seed of the engine: see `Case.plan`.
    """

    def __init__(self, name: str, variant: int = 0) -> None:
        self.name, self.variant = name, variant
        self._engine: Engine | None = None

    def record(self, case: Case) -> Recording:
        """Run every episode of a case."""
        engine = self._open(case.topology)
        episodes = [self._run(engine, case, episode) for episode in range(case.timing.num_episodes)]
        return _collect(case, episodes)

    def _open(self, topology: Topology) -> Engine:
        if self._engine is None or self._engine.topology != topology:
            self.close()
            self._engine = open_engine(self.name, topology, self.variant)
        return self._engine

    def _run(self, engine: Engine, case: Case, episode: int) -> list[Snapshot]:
        plan = case.plan(episode, self.variant)
        engine.reset(plan.flows, case.runs_over, plan.seed)
        return [engine.step(limits_bps, case.timing.interval_s) for limits_bps in plan.limits_bps]

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def _collect(case: Case, episodes: list[list[Snapshot]]) -> Recording:
    measured = [snapshots[case.timing.warm_up_steps :] for snapshots in episodes]

    def total(name: str) -> Integers:
        return np.array([np.sum([getattr(snapshot, name) for snapshot in part], axis=0) for part in measured])

    # All steps are of one length, so that the mean of means is the mean over time.
    backlog = np.array([np.mean([snapshot.backlog_mean_bytes for snapshot in part], axis=0) for part in measured])
    first = episodes[0]
    return Recording(
        measured_s=case.timing.num_steps * case.timing.interval_s,
        port_bytes=total("port_bytes"),
        port_packets=total("port_packets"),
        port_drops=total("port_drops"),
        port_marks=total("port_marks"),
        port_backlog_bytes=backlog,
        flow_bytes=total("flow_bytes"),
        flow_completion_s=np.array([snapshots[-1].flow_completion_s for snapshots in episodes]),
        trace_goodput_bps=np.array([snapshot.flow_bytes.sum() * 8 / snapshot.interval_s for snapshot in first]),
        trace_backlog_bytes=np.array([snapshot.backlog_mean_bytes[list(case.topology.switch_ports)] for snapshot in first]),
    )


def read_kernel(folders: Sequence[Path]) -> str:
    """What the kernel engine is: the built kernel, and what Python makes of the sources in these folders, so that comments change nothing.

    Raises:
        UnsupportedError: the guest kernel has not been built.
    """
    sources = [path.read_text(encoding="utf-8") for folder in folders for path in sorted(folder.glob("*.py"))]
    return kernel_path().parent.name + "".join(map(_meaning, sources))


@cache
def _meaning(source: str) -> str:
    return ast.dump(ast.parse(source))


class KernelRecorder:
    """Recordings of the kernel: from disk where they are, else made and kept.

    Args:
        fresh: make them anew.

    Raises:
        UnsupportedError: the guest kernel has not been built.
    """

    def __init__(self, variant: int = 0, fresh: bool = False) -> None:
        self.variant, self.fresh = variant, fresh
        self._recorder = Recorder(KERNEL, variant)
        self._kernel = read_kernel(_KERNEL_ROOMS)

    def path(self, case: Case) -> Path:
        """Where the recording is kept: named by all that it depends on."""
        digest = hashlib.sha256(self._kernel.encode())
        digest.update(repr((_FORMAT, self.variant, case.runs_over, case.topology, case.timing)).encode())
        for episode in range(case.timing.num_episodes):
            plan = case.plan(episode, self.variant)
            digest.update(repr((plan.flows, plan.seed)).encode() + plan.limits_bps.tobytes())
        return cache_folder() / "parity" / f"{case.name.replace(' ', '_')}-{digest.hexdigest()[:16]}.npz"

    def is_kept(self, case: Case) -> bool:
        """Whether the recording is taken from disk."""
        return not self.fresh and self.path(case).exists()

    def record(self, case: Case) -> Recording:
        """The recording of a case; one of sources that change meanwhile is not kept."""
        if (kernel := read_kernel(_KERNEL_ROOMS)) != self._kernel:
            self._recorder.close()
            self._kernel = kernel
        if self.is_kept(case):
            return Recording.load(self.path(case))
        recording = self._recorder.record(case)
        if read_kernel(_KERNEL_ROOMS) == self._kernel:
            recording.save(self.path(case))
        return recording

    def close(self) -> None:
        self._recorder.close()
