"""How schemes and quantities appear in figures and tables: colours, lines, markers, printed names and units."""

import zlib
from dataclasses import dataclass
from typing import Any

from iroko.agent import TCP_NAMES


@dataclass(frozen=True)
class Look:
    """How a scheme is drawn in every figure: colour, line and marker, each of which identifies it.

    Attributes:
        hollow: whether the marker is open, as of an agent that was trained in another scenario.
    """

    color: str
    dashes: tuple[float, ...]
    marker: str
    hollow: bool = False

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of a line without markers."""
        return {"color": self.color, "linestyle": (0, self.dashes) if self.dashes else "-"}


# Dark to light: a few steps of grey remain apart in print, and the dashes and markers carry the rest.
_COLORS = ("#0b0405", "#b5179e", "#1f4e9c", "#c1440e", "#0f7f63", "#7a5cc9", "#d1851b", "#4aa3d8", "#8fae3c", "#9a9a9a")
_DASHES: tuple[tuple[float, ...], ...] = (
    (), (4, 1.5), (1, 1.2), (5, 1.2, 1, 1.2), (7, 2), (3, 1, 1, 1, 1, 1), (2, 1), (8, 1.5, 2, 1.5), (1, 2.4), (5, 1, 5, 3),
)  # fmt: skip
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*", "h", "p")

_KNOWN = {
    "ppo": Look("#1f4e9c", (), "o"),
    "nv": Look("#d1851b", (4, 1.5), "s"),
    "dctcp": Look("#149673", (5, 1.2, 1, 1.2), "^"),
    "maxmin": Look("#0b0405", (1, 1.2), "D"),
    "ddpg": Look("#b5179e", (7, 2), "v"),
    "reinforce": Look("#c1440e", (3, 1, 1, 1, 1, 1), "P"),
    "a2c": Look("#4aa3d8", (2, 1), "X"),
    "sac": Look("#7a5cc9", (8, 1.5, 2, 1.5), "<"),
    "td3": Look("#8fae3c", (5, 1, 5, 3), ">"),
    "cubic": Look("#7b3f00", (6, 1, 1, 1, 1, 1), "p"),
    "reno": Look("#e07a9b", (3, 2), "h"),
    "udp": Look("#2f6f8f", (4, 1, 1, 1), "h"),
    "vegas": Look("#a3123a", (2, 1.2), "v"),
    "bbr": Look("#5b6b7b", (1, 0.8), "*"),
    "random": Look("#9a9a9a", (1, 2.4), "X"),
    "static": Look("#6a6a6a", (2, 2.5), "d"),
}


def look(scheme: str) -> Look:
    """The look of a scheme: from the table for the usual ones, from a hash of its name for any other."""
    if scheme in _KNOWN:
        return _KNOWN[scheme]
    number = zlib.crc32(scheme.encode())
    return Look(_COLORS[number % 10], _DASHES[number // 10 % 10], _MARKERS[number // 100 % 12])


def label(scheme: str) -> str:
    """A scheme's name as a paper writes it."""
    written = {"nv": "New Vegas", "dctcp": "DCTCP", "bbr": "BBR", "maxmin": "max-min", "reinforce": "REINFORCE", "iroko": "Iroko"}
    if scheme in written:
        return written[scheme]
    if scheme in TCP_NAMES or scheme in ("random", "static"):
        return scheme.capitalize()
    return scheme.upper() if scheme in ("a2c", "ars", "ddpg", "ppo", "sac", "td3", "udp") else scheme


def rate_unit(rate_bps: float) -> tuple[float, str]:
    """The unit in which a rate of this size reads well: bit/s in one of it, and its name."""
    return next(((factor, name) for factor, name in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")) if rate_bps >= factor),
                (1.0, "bit/s"))  # fmt: skip


def size_unit(size_bytes: float) -> tuple[float, str]:
    """The unit in which a size of this size reads well: bytes in one of it, and its name."""
    return next(((factor, name) for factor, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")) if size_bytes >= factor), (1.0, "B"))


def engine_label(engine: str) -> str:
    """An engine's name in print."""
    return {"sim": "simulator", "guest": "guest kernel", "mininet": "Mininet"}.get(engine, engine)
