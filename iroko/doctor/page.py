"""The report on a screen of 80 columns: with colours on a terminal, plain elsewhere."""

import textwrap
from collections.abc import Iterator, Sequence

from iroko.doctor.engines import SIMULATED, TRANSPORTS
from iroko.doctor.findings import OK, SHORT, EngineState, Report

WIDTH = 80
_INDENT = 15
_MARKS = {OK: "✓", SHORT: "✗"}
Line = tuple[str, str]
"""A style of rich, and the text."""


def lines(report: Report) -> Iterator[Line]:
    """The report's lines, each at most `WIDTH` characters but for commands, which stay whole."""
    yield "bold", f"Iroko {report.iroko} on this machine"
    for finding in report.findings:
        mark = _MARKS.get(finding.state, "?")
        yield from _paragraph(f"{mark} {finding.name}", finding.found, {OK: "", SHORT: "yellow"}.get(finding.state, "magenta"))
        if finding.mend:
            yield "cyan", f"{'':{_INDENT}}{finding.mend}"
    yield "", ""
    yield from _matrix(report.engines)
    yield "", ""
    for way in report.ways:
        yield from _paragraph(f"{'✓' if way.runs else '✗'} {way.name}", way.why, "" if way.runs else "yellow", 44)
    verdict = "the main job runs: python -m iroko.run" if report.ok else f"the main job does not run: {report.ways[0].why}"
    yield from _paragraph("", verdict, "bold green" if report.ok else "bold red", 0)


def _paragraph(head: str, text: str, style: str, indent: int = _INDENT) -> Iterator[Line]:
    pieces = textwrap.wrap(" ".join(text.split()), WIDTH - indent) or [""]
    yield style, f"{head:{indent}}{pieces[0]}".rstrip()
    for piece in pieces[1:]:
        yield style, f"{'':{indent}}{piece}"


def _matrix(engines: Sequence[EngineState]) -> Iterator[Line]:
    others = [name for name in TRANSPORTS if name not in SIMULATED]
    yield "bold", f"{'':{_INDENT}}" + "".join(f"{name:7}" for name in SIMULATED) + "other TCPs"
    for engine in engines:
        cells = [("✓" if engine.runs and not engine.transports.get(name, "-") else "·") for name in SIMULATED]
        run = [name for name in others if engine.runs and not engine.transports.get(name, "-")]
        rest = f"all {len(run)}" if len(run) == len(others) else " ".join(run) if 0 < len(run) <= 2 else f"{len(run)} of {len(others)}"
        mark = "✓" if engine.runs else "✗"
        style = "" if engine.runs else "yellow"
        yield style, f"{f'{mark} {engine.name}':{_INDENT}}" + "".join(f"{cell:7}" for cell in cells) + rest
        yield from _paragraph("", engine.why, style)
        if not engine.runs and engine.mend:
            yield "cyan", f"{'':{_INDENT}}{engine.mend}"


def print_report(report: Report) -> None:
    """Print to standard output; without rich, or to a file, plain."""
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        for _, text in lines(report):
            print(text)
        return
    console = Console()
    for style, text in lines(report):
        console.print(Text(text, style=style), soft_wrap=True)
