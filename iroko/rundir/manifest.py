"""The manifest of a run: what ran where, with which versions, how long it took, and what to be wary of."""

import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from iroko import __version__
from iroko.registry import printable, show
from iroko.rundir import provenance
from iroko.system.places import without_places
from iroko.system.privileges import allowed_environment

COMPLETE, INCOMPLETE = "complete", "incomplete"


@dataclass
class Manifest:
    """What `manifest.json` holds.

    Attributes:
        status: `complete`, or `incomplete` while the run works and after it was stopped.
        reason: why it is incomplete, in a line.
        starts: how often it was started; more than 1: it was stopped and went on.
        sources: hash of Iroko's code, see `iroko.rundir.provenance`.
        user_files: hash or version of each topology, traffic and agent that is not Iroko's own.
        packages, machine, guest_kernel, variables: further ingredients that decide the bytes of the results.
        files: hashes of the complete run's files, by path in the folder.
        engines: for each engine what it says of itself: kernel version, build, settings.
        hosts: for each address of the traffic's file its host, where the order of the file decides.
        wall_s: real seconds of each phase, over all starts of the run.
        virtual_s: network seconds of each phase.
        transports: what each scored scheme ran over.
        clocks: for each scored scheme how its engine's time ran against real time, see `iroko.engines.base.Clock`; also for `SCHEME in sim`
            and the like, where it was scored on the engine of the training too.
        rewards: for each engine the reward per step of each scheme that was scored on it.
        left_out: for a baseline that was not scored the reason.
    """

    seed: int
    status: str = INCOMPLETE
    reason: str = ""
    starts: int = 0
    iroko: str = ""
    commit: str | None = None
    sources: str = ""
    python: str = ""
    user_files: dict[str, str] = field(default_factory=dict)
    packages: dict[str, str] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    guest_kernel: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    engines: dict[str, dict[str, str]] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    wall_s: dict[str, float] = field(default_factory=dict)
    virtual_s: dict[str, float] = field(default_factory=dict)
    transports: dict[str, str] = field(default_factory=dict)
    clocks: dict[str, dict[str, float]] = field(default_factory=dict)
    rewards: dict[str, dict[str, float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "Manifest":
        """Read what `to_table` wrote.

        Raises:
            TypeError: an unknown key, or a value of another type.
        """
        manifest = cls(**_printable(table))
        for name, usual in vars(cls(seed=0)).items():
            value = getattr(manifest, name)
            if not isinstance(value, type(usual)) and not (name == "commit" and isinstance(value, str)):
                raise TypeError(f"{name}={show(value)}: expected a value like {usual!r}")
        for name in ("user_files", "packages", "machine", "guest_kernel", "variables", "hosts", "files"):
            if not all(isinstance(value, str) for value in getattr(manifest, name).values()):
                raise TypeError(f"{name}: expected texts")
        for name in ("wall_s", "virtual_s"):
            if not all(isinstance(value, (int, float)) for value in getattr(manifest, name).values()):
                raise TypeError(f"{name}: expected numbers")
        for name in ("engines", "clocks", "rewards"):
            if not all(isinstance(value, dict) for value in getattr(manifest, name).values()):
                raise TypeError(f"{name}: expected tables")
        return manifest

    def warn(self, warning: str) -> bool:
        """Note a warning once; returns whether it is new."""
        if warning in self.warnings:
            return False
        self.warnings.append(warning)
        return True

    def describe_machine(self, user_files: dict[str, str] | None = None) -> None:
        """Fill in versions, commit and machine as they are now, at a start; a run that goes on with others is warned of.

        Args:
            user_files: see the attribute.
        """
        before = self.ingredients() if self.starts else {}
        self.starts += 1
        self.iroko = __version__
        self.commit, self.sources = git_commit(), provenance.sources_hash()
        self.python = platform.python_version()
        self.packages, self.machine = provenance.packages(), provenance.machine()
        self.user_files = user_files or {}
        self.guest_kernel, self.variables = provenance.guest_kernel(), provenance.variables()
        for line in provenance.differences(before, self.ingredients()) if before else ():
            self.warn(f"the run went on with another {line.replace(' there,', ' before,').removesuffix(' here')} now")

    def ingredients(self) -> dict[str, str]:
        """What decides the results beside the config, as far as it differs between machines, by name."""
        told = {key: value for key, value in self.machine.items() if key not in ("cores", "kernel")}
        if "mininet" in self.engines:
            told["kernel"] = self.machine.get("kernel", "")
        if "guest" in self.engines:
            told |= {f"guest kernel's {key}": value for key, value in self.guest_kernel.items()}
        named = {"iroko": self.iroko, "commit": self.commit or "none", "sources": self.sources, "python": self.python}
        return {**named, **told, **self.packages, **self.variables, **self.user_files}

    def to_table(self) -> dict[str, Any]:
        """As JSON holds it; in every text the home folder of whoever ran it is `~`, and paths begin at the working folder."""
        return dict(_without_places(asdict(self)))


def _printable(value: Any) -> Any:
    """The same with texts that a terminal can show: a manifest from elsewhere can hold anything."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list) else value


def _without_places(value: Any) -> Any:
    if isinstance(value, str):
        return without_places(value)
    if isinstance(value, dict):
        return {key: _without_places(item) for key, item in value.items()}
    return [_without_places(item) for item in value] if isinstance(value, list) else value


def git_commit() -> str | None:
    """The commit that this source is at, with `+changes` when files differ from it; None outside a checkout of Iroko."""
    source = Path(sys.modules[__name__].__file__ or __file__).resolve().parents[2]
    # Without locks git writes nothing there.
    git = ["git", "--no-optional-locks", "-C", str(source)]
    try:
        # As the owner of the checkout, whose configuration can name programs for git to start: root must not start them.
        owner = source.stat()
        top, commit = (_output([*git, "rev-parse", what], owner) for what in ("--show-toplevel", "HEAD"))
        if Path(top).resolve() != source:
            return None
        return commit + ("+changes" if _output([*git, "status", "--porcelain", "--untracked-files=no"], owner) else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _output(command: list[str], owner: os.stat_result) -> str:
    as_owner: dict[str, Any] = {}
    if os.geteuid() == 0 and owner.st_uid != 0:
        as_owner = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    nobodys = {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    environment = allowed_environment(nobodys)
    output: bytes = subprocess.run(command, check=True, capture_output=True, timeout=10, env=environment, **as_owner).stdout
    return output.decode().strip()
