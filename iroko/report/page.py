"""What a page of a report consists of: text, tables, figures and the fabric, before any HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from iroko.analysis.charts import Style
from iroko.analysis.looks import Look, label, look

Spec = dict[str, Any]
"""A figure as data for `page/chart.js`; see `iroko.report.charts`."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        value: what the column is sorted by; None: it stands last.
        spread: smaller text below, such as an interval.
        link: relative address of a file or folder.
        ink: class of the scheme's colour.
    """

    text: str
    value: float | str | None = None
    spread: str = ""
    best: bool = False
    link: str = ""
    ink: str = ""


@dataclass(frozen=True)
class Column:
    """One column: what stands above it, and how its cells are set and sorted; a wrapped one may break its lines."""

    heading: str
    numeric: bool = True
    hint: str = ""
    wrap: bool = False


@dataclass(frozen=True)
class Table:
    """A table whose columns can be sorted; a folded one opens on demand, under its title."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False
    title: str = ""


@dataclass(frozen=True)
class Facts:
    """Names and values, such as the settings of a scenario."""

    title: str
    pairs: Sequence[tuple[str, str]]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        fabric: whether the drawing of the fabric stands here.
    """

    name: str
    title: str
    text: Sequence[str] = ()
    facts: Sequence[Facts] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Spec] = ()
    fabric: bool = False
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Ink:
    """How a scheme is drawn on a page: the class of its colour, and its look of the papers' figures."""

    name: str
    scheme: str
    label: str
    look: Look

    @property
    def spec(self) -> Spec:
        dashes = " ".join(f"{dash * 1.5:g}" for dash in self.look.dashes)
        spec = {"ink": self.name, "label": self.label, "dash": dashes, "marker": self.look.marker}
        return spec | ({"hollow": True} if self.look.hollow else {})


@dataclass(frozen=True)
class Page:
    """A whole page.

    Attributes:
        kind: `run` or `experiment`.
        lead: what this is, in two sentences.
        notices: what a reader must know first: it is unfinished, something was left out.
        fabric: topologies and recordings, see `iroko.report.recordings`; None where nothing is scored.
    """

    title: str
    kind: str
    lead: str
    sections: Sequence[Section]
    inks: Sequence[Ink]
    notices: Sequence[str] = ()
    fabric: Spec | None = None


@dataclass
class Palette:
    """Gives each scheme of a page its ink: the look that it has in the printed figures too."""

    labels: Mapping[str, str] = field(default_factory=dict)
    inks: dict[str, Ink] = field(default_factory=dict)

    def ink(self, scheme: str) -> Ink:
        if scheme not in self.inks:
            self.inks[scheme] = Ink(f"s{len(self.inks)}", scheme, self.labels.get(scheme, label(scheme)), look(scheme))
        return self.inks[scheme]

    def of(self, style: Style) -> Ink:
        """The ink of a series."""
        if style.key not in self.inks:
            self.inks[style.key] = Ink(f"s{len(self.inks)}", style.key, style.label, style.look)
        return self.inks[style.key]
