"""The comparison as a table: on the terminal, as CSV and as Markdown."""

import csv
import math
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from benchmarks.parity.cases import Case
from benchmarks.parity.measures import MEASURES, Comparison
from benchmarks.parity.recording import Recording
from iroko.metrics import MTU_FRAME_BYTES

FULL_TABLE = 40
"""A terminal gets at most so many rows; of more, those that are not plainly within, and the sums."""
_COLORS = {"ok": "green", "chance": "green", "MISS": "bold red", "known": "yellow", "KNOWN?": "bold red"}
_OVER = "over more starts"
_HEADINGS = ("case", "measure", "kernel", "simulator", "difference", "tolerance", _OVER, "verdict")

_SUMMARY_HEADINGS = ("measure", "tolerance", "compared", "within", "chance", "known", "missed", "median", "90%", "greatest")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def _apart(comparison: Comparison) -> str:
    """How far the numbers are apart. A share says more than an amount, except of what is near zero or judged by its amount alone."""
    measure, kernel, difference = comparison.measure, comparison.kernel, comparison.difference
    by_share = measure.relative and kernel and measure.relative * abs(kernel) >= comparison.absolute
    return f"{difference / kernel:+.1%}" if by_share and math.isfinite(difference) else f"{difference / measure.scale:+.3g}"


def row(comparison: Comparison) -> tuple[str, ...]:
    """A comparison as the texts of a row, in the measure's unit."""
    measure = comparison.measure
    kernel, simulator = comparison.kernel / measure.scale, comparison.simulator / measure.scale
    over = f"{_apart(comparison.over_starts)} ({comparison.over_starts.starts})" if comparison.over_starts else ""
    name = f"{measure.key} ({measure.unit})" if measure.unit else measure.key
    return comparison.case.name, name, _number(kernel), _number(simulator), _apart(comparison), measure.tolerance, over, comparison.verdict


def table(comparisons: Iterable[Comparison], title: str, simulator: str) -> Table:
    """A table of one row for each comparison.

    Args:
        simulator: what stands above the numbers that are compared with the kernel's.
    """
    made = Table(title=title, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading in _HEADINGS:
        is_number = heading in ("kernel", "simulator", "difference", _OVER)
        made.add_column(simulator if heading == "simulator" else heading, justify="right" if is_number else "left", no_wrap=True)
    last = None
    for comparison in comparisons:
        *cells, verdict = row(comparison)
        made.add_row("" if comparison.case == last else cells[0], *cells[1:], Text(verdict, style=_COLORS[verdict]))
        last = comparison.case
    return made


def summary(comparisons: Sequence[Comparison]) -> Table:
    """For each measure how many are within, and how the differences are spread."""
    made = Table(title="all cases", box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    made.add_column(_SUMMARY_HEADINGS[0], no_wrap=True)
    for heading in _SUMMARY_HEADINGS[1:]:
        made.add_column(heading, justify="right")
    for cells in _summary_rows(comparisons):
        made.add_row(*cells)
    made.caption = "median, 90% and greatest: of the differences, where 1 is what is allowed"
    return made


def _summary_rows(comparisons: Sequence[Comparison]) -> list[tuple[str, ...]]:
    rows = []
    for measure in MEASURES.values():
        own = [comparison for comparison in comparisons if comparison.measure.key == measure.key]
        if own:
            counts = [sum(c.verdict in verdicts for c in own) for verdicts in (("ok", "KNOWN?"), ("chance",), ("known",), ("MISS",))]
            spread = np.percentile([abs(c.tolerances) for c in own], (50, 90, 100), method="higher")
            rows.append((measure.key, measure.tolerance, str(len(own)), *map(str, counts), *(f"{value:.2f}" for value in spread)))
    return rows


def terminal(comparisons: Sequence[Comparison], simulator: str, everything: bool) -> RenderableType:
    """What is printed.

    Args:
        everything: all rows, however many there are.
    """
    if everything or len(comparisons) <= FULL_TABLE:
        return Group(table(comparisons, "parity with the kernel", simulator), Text(verdict_line(comparisons)))
    parts: list[RenderableType] = []
    if remarkable := [comparison for comparison in comparisons if comparison.verdict != "ok"]:
        parts.append(table(remarkable, "not within the tolerance", simulator))
    return Group(*parts, summary(comparisons), Text(verdict_line(comparisons)))


def verdict_line(comparisons: Sequence[Comparison]) -> str:
    """How many are as they should be, in a sentence."""
    verdicts = [comparison.verdict for comparison in comparisons]
    line = f"{verdicts.count('ok')} of {len(verdicts)} within the tolerance, {verdicts.count('MISS')} missed"
    line += f", {verdicts.count('chance')} that more starts bring within" if "chance" in verdicts else ""
    line += f", {verdicts.count('known')} known to miss" if "known" in verdicts else ""
    return line + (f", {verdicts.count('KNOWN?')} known to miss that are within" if "KNOWN?" in verdicts else "")


def details(case: Case, kernel: Recording, simulator: Recording, name: str) -> RenderableType:
    """One case closely: each flow's goodput, and the ports with the longest queues; means over the episodes.

    Args:
        name: what stands above the simulator's numbers.
    """
    flows = Table(title=case.name, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for heading in ("flow", "kernel (Mbit/s)", f"{name} (Mbit/s)", "difference"):
        flows.add_column(heading, justify="left" if heading == "flow" else "right")
    ours, theirs = (recording.flow_bytes.mean(axis=0) * 8 / recording.measured_s / 1e6 for recording in (kernel, simulator))
    if case.endless:
        for flow, one, other in zip(case.plan(0).flows, ours, theirs, strict=True):
            flows.add_row(f"{flow.source}->{flow.destination}", f"{one:.5g}", f"{other:.5g}", f"{other / one - 1:+.1%}" if one else "")
    ports = Table(box=SIMPLE_HEAD, pad_edge=False)
    ports.add_column("port")
    for heading in ("queue (packets)", "sent (packets)", "drops", "marks"):
        ports.add_column(f"{heading}\nkernel", justify="right")
        ports.add_column(f"\n{name}", justify="right")
    backlog = [recording.port_backlog_bytes.mean(axis=0) / MTU_FRAME_BYTES for recording in (kernel, simulator)]
    for index in np.argsort(-np.maximum(*backlog), kind="stable")[:6].tolist():
        cells = [f"{queue[index]:.2f}" for queue in backlog]
        for field in ("port_packets", "port_drops", "port_marks"):
            cells += [f"{getattr(recording, field)[:, index].sum():,}" for recording in (kernel, simulator)]
        ports.add_row(case.topology.ports[index].name, *cells)
    return Group(flows, ports) if case.endless else ports


def to_csv(comparisons: Sequence[Comparison]) -> str:
    """All rows with whole numbers, in SI units: bit/s, packets, seconds."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    measured = ("measure", "kernel", "simulator", "difference", "allowed", "difference_over_starts", "verdict", "reason")
    writer.writerow(("fabric", "transport", "rate", "limits", *measured))
    for c in comparisons:
        numbers = (f"{value:.8g}" for value in (c.kernel, c.simulator, c.difference, c.allowance))
        case, over = c.case, f"{c.over_starts.difference:.8g}" if c.over_starts else ""
        writer.writerow(
            (case.fabric, case.transport, case.rate, case.limits or "none", c.measure.key, *numbers, over, c.verdict, c.known or "")
        )
    return out.getvalue()


def to_markdown(comparisons: Sequence[Comparison], simulator: str) -> str:
    """A page: the sums, the misses, the known deviations with their reasons, and every row."""
    lines = ["# Parity with the kernel", "", f"{verdict_line(comparisons)}.", "",
             f"Written by `make parity`: the same flows and limits on the Linux kernel in the guest and on the engine `{simulator}`. "
             "Of the differences, median, 90% and greatest are in units of what is allowed.", ""]  # fmt: skip
    lines += _markdown_rows(_SUMMARY_HEADINGS, _summary_rows(comparisons))
    headings = tuple(simulator if heading == "simulator" else heading for heading in _HEADINGS)
    if missed := [c for c in comparisons if c.verdict in ("MISS", "KNOWN?")]:
        lines += ["", "## Missed", "", *_markdown_rows(headings, map(row, missed))]
    if chance := [c for c in comparisons if c.verdict == "chance"]:
        lines += ["", "## Chance", "", "Outside with the first starts of the flows, within over so many more.", "",
                  *_markdown_rows(headings[:-1], (row(c)[:-1] for c in chance))]  # fmt: skip
    if known := [c for c in comparisons if c.verdict == "known"]:
        lines += ["", "## Known deviations", ""]
        lines += _markdown_rows((*headings[:-1], "reason"), [(*row(c)[:-1], c.known or "") for c in known])
    return "\n".join([*lines, "", "## All", "", *_markdown_rows(headings, map(row, comparisons))]) + "\n"


def write(comparisons: Sequence[Comparison], folder: Path, simulator: str) -> None:
    """Write `parity.csv` and `parity.md` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "parity.csv").write_text(to_csv(comparisons), encoding="utf-8")
    (folder / "parity.md").write_text(to_markdown(comparisons, simulator), encoding="utf-8")


def _markdown_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (headings, ["---"] * len(headings), *rows)]
