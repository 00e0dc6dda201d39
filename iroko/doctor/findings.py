"""What a doctor finds: single findings, engines, ways to run, and all of it as one JSON object."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from iroko.doctor.surroundings import Surroundings

FORMAT = 1
"""Of the JSON; a change that breaks its readers raises it."""
OK, SHORT, UNKNOWN = "ok", "short", "unknown"


@dataclass(frozen=True)
class Finding:
    """The outcome of one check.

    Attributes:
        name: of what was looked at.
        state: `ok`; `short`: something is missing or too small; `unknown`: it could not be checked.
        found: what was seen, in a line.
        mend: the command that mends a shortfall.
        stops: whether the main job cannot run like this.
    """

    name: str
    state: str
    found: str
    mend: str = ""
    stops: bool = False


@dataclass(frozen=True)
class EngineState:
    """Whether an engine runs here.

    Attributes:
        why: why not, or what it said of itself.
        mend: the command that mends it.
        transports: for each transport "" when it runs, or why it does not.
    """

    name: str
    runs: bool
    why: str
    mend: str = ""
    transports: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Way:
    """A kind of scenario.

    Attributes:
        command: that starts it.
        why: why it does not run.
    """

    name: str
    command: str
    runs: bool
    why: str = ""


@dataclass(frozen=True)
class Report:
    """All that was found.

    Attributes:
        iroko: its version.
        ways: the main job with its defaults first.
    """

    iroko: str
    findings: list[Finding]
    engines: list[EngineState]
    ways: list[Way]

    @property
    def ok(self) -> bool:
        """Whether the main job runs with its defaults."""
        return self.ways[0].runs

    def to_table(self) -> dict[str, Any]:
        """The JSON object: `format`, `iroko`, `ok`, and the lists `checks`, `engines` and `ways` with the attributes of `Finding`,
        `EngineState` and `Way`.
        """
        return {"format": FORMAT, "iroko": self.iroko, "ok": self.ok, "checks": [asdict(one) for one in self.findings],
                "engines": [asdict(one) for one in self.engines], "ways": [asdict(one) for one in self.ways]}  # fmt: skip


Check = Callable[[Surroundings], Finding]


def run_check(name: str, check: Check, here: Surroundings) -> Finding:
    """Run a check; whatever goes wrong in it is its finding."""
    try:
        return check(here)
    except Exception as error:
        return Finding(name, UNKNOWN, f"could not be checked: {in_a_line(error)}")


def in_a_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
