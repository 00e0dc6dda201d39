"""The manifest of a run: what ran where, with which versions, how long it took, and what to be wary of."""

import importlib.metadata
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

COMPLETE, INCOMPLETE = "complete", "incomplete"
PACKAGES = ("gymnasium", "matplotlib", "mininet", "networkx", "numba", "numpy", "pandas", "pyarrow", "stable-baselines3", "torch")


@dataclass
class Manifest:
    """What `manifest.json` holds.

    Attributes:
        status: `complete`, or `incomplete` while the run works and after it was stopped.
        reason: why it is incomplete, in a line.
        engines: for each engine what it says of itself: kernel version, build, settings.
        wall_s: real seconds of each phase, over all starts of the run.
        virtual_s: network seconds of each phase.
        transports: what each scored scheme ran over.
        clocks: for each scored scheme how its engine's time ran against real time, see `iroko.engine.Clock`; also for `SCHEME in sim`
            and the like, where it was scored on the engine of the training too.
        rewards: for each engine the reward per step of each scheme that was scored on it.
        left_out: for a baseline that was not scored the reason.
    """

    seed: int
    status: str = INCOMPLETE
    reason: str = ""
    iroko: str = ""
    commit: str | None = None
    python: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    engines: dict[str, dict[str, str]] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    virtual_s: dict[str, float] = field(default_factory=dict)
    transports: dict[str, str] = field(default_factory=dict)
    clocks: dict[str, dict[str, float]] = field(default_factory=dict)
    rewards: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def warn(self, warning: str) -> bool:
        """Note a warning once; returns whether it is new."""
        if warning in self.warnings:
            return False
        self.warnings.append(warning)
        return True

    def describe_machine(self) -> None:
        """Fill in versions, commit and machine as they are now."""
        self.iroko = package_version("iroko") or "source"
        self.commit = git_commit()
        self.python = platform.python_version()
        self.packages = {name: version for name in PACKAGES if (version := package_version(name))}
        self.machine = {
            "system": platform.system(),
            "kernel": platform.release(),
            "architecture": platform.machine(),
            "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        }

    def to_table(self) -> dict[str, Any]:
        return asdict(self)


def package_version(name: str) -> str | None:
    """The installed version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def git_commit() -> str | None:
    """The commit that this source is at, with `+changes` when files differ from it; None outside a checkout of Iroko."""
    source = Path(sys.modules[__name__].__file__ or __file__).resolve().parents[1]
    # Under sudo the checkout belongs to another user, and git would refuse to look at it.
    git = ["git", "-c", f"safe.directory={source}", "-C", str(source)]
    try:
        top, commit = (_output([*git, "rev-parse", what]) for what in ("--show-toplevel", "HEAD"))
        if Path(top).resolve() != source:
            return None
        return commit + ("+changes" if _output([*git, "status", "--porcelain", "--untracked-files=no"]) else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout.strip()
