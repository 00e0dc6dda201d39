"""Table, CSV, Markdown, figures, and the command that makes them."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.parity import __main__ as command
from benchmarks.parity import deviations, recording, report
from benchmarks.parity.cases import FABRICS, RATES, Case, find_cases
from benchmarks.parity.measures import MEASURES, Comparison
from benchmarks.parity.timings import Timing
from iroko.topology import Topology
from tests.fake_engine import FakeEngine

CASE = Case("incast", "dctcp", "1G")


def comparison(key: str, kernel: float, simulator: float, known: str | None = None) -> Comparison:
    measure = MEASURES[key]
    return Comparison(CASE, measure, kernel, simulator, 10.0 if callable(measure.absolute) else measure.absolute, known)


ROWS = [
    comparison("goodput", 9.5e6, 9.6e6),
    comparison("queue", 50, 60),
    comparison("drops", 20_000, 21_000),
    comparison("marked share", 0.2, 0.3, "because"),
    comparison("99% completion", 0.2, math.inf),
]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The command with fake engines, which the name `broken` makes fail, and a cache folder of the test's own."""

    def open_engine(name: str, topology: Topology, seed: int) -> FakeEngine:
        return FakeEngine(topology, fail_at=5 if name == "broken" else None)

    short = {rate: Timing(0.001, 5, 20, 1) for rate in RATES}
    monkeypatch.setitem(FABRICS, "narrow-1", replace(FABRICS["narrow-1"], timings=dict.fromkeys(("udp", "loss"), short)))
    monkeypatch.setattr(recording, "open_engine", open_engine)
    monkeypatch.setattr(recording, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(recording, "kernel_path", lambda: tmp_path / "linux-1" / "kernel")
    return tmp_path


def test_rows_are_in_the_unit_of_the_measure() -> None:
    assert [report.row(one)[1:] for one in ROWS] == [
        ("goodput (Mbit/s)", "9.5", "9.6", "+1.1%", "3%", "", "ok"),
        ("queue (packets)", "50", "60", "+20.0%", "15% or 2", "", "MISS"),
        ("drops (packets)", "20,000", "21,000", "+5.0%", "25% or 1 in 10,000", "", "ok"),
        ("marked share (%)", "20", "30", "+50.0%", "20% or 0.5", "", "known"),
        ("99% completion (ms)", "200", "inf", "+inf", "20%", "", "MISS"),
    ]
    # What is judged by its amount is written as an amount.
    assert report.row(comparison("queue", 1, 2))[4] == report.row(comparison("queue", 0, 1))[4] == "+1"


def test_csv_has_every_row_in_si_units() -> None:
    rows = list(csv.DictReader(report.to_csv(ROWS).splitlines()))
    assert len(rows) == len(ROWS)
    assert rows[3] == {"fabric": "incast", "transport": "dctcp", "rate": "1G", "limits": "none", "measure": "marked share", "kernel": "0.2",
                       "simulator": "0.3", "difference": "0.1", "allowed": "0.04", "difference_over_starts": "",
                       "verdict": "known", "reason": "because"}  # fmt: skip


def test_markdown_has_sums_misses_and_reasons() -> None:
    page = report.to_markdown(ROWS, "sim")
    assert "2 of 5 within the tolerance, 2 missed, 1 known to miss." in page
    assert "| queue | 15% or 2 | 1 | 0 | 0 | 0 | 1 | 1.33 | 1.33 | 1.33 |" in page
    assert "| incast dctcp 1G | marked share (%) | 20 | 30 | +50.0% | 20% or 0.5 |  | because |" in page
    assert page.count("| incast dctcp 1G | queue (packets) | 50 | 60 | +20.0% | 15% or 2 |  | MISS |") == 2


def test_what_more_starts_bring_within_is_chance_and_says_so() -> None:
    over = replace(comparison("queue", 50, 51), starts=4)
    rows = [replace(ROWS[1], over_starts=over), replace(ROWS[1], over_starts=replace(over, simulator=60, starts=16))]
    assert [row.verdict for row in rows] == ["chance", "MISS"] and [row.as_expected for row in rows] == [True, False]
    page = report.to_markdown(rows, "sim")
    assert "0 of 2 within the tolerance, 1 missed, 1 that more starts bring within." in page
    assert (
        "| incast dctcp 1G | queue (packets) | 50 | 60 | +20.0% | 15% or 2 | +2.0% (4) |" in page.split("## Chance")[1].split("## All")[0]
    )
    assert "| queue | 15% or 2 | 2 | 0 | 1 | 0 | 1 | 1.33" in page
    assert [line["difference_over_starts"] for line in csv.DictReader(report.to_csv(rows).splitlines())] == ["1", "10"]
    assert rows[1].sentence().endswith("difference 10, allowed 15% or 2, and over 16 starts +1.33 of what is allowed")


def test_of_many_rows_the_terminal_gets_those_that_miss() -> None:
    def text(everything: bool) -> str:
        console = Console(width=command.TABLE_WIDTH, record=True, quiet=False, file=open("/dev/null", "w"))  # noqa: SIM115
        with console.file:
            console.print(report.terminal(ROWS * 10, "sim", everything))
            return console.export_text()

    assert text(False).count("MISS") == 20 and text(False).count("goodput") == 1 and text(True).count("goodput") == 10
    assert "20 of 50 within the tolerance, 20 missed, 10 known to miss" in text(False)


def test_the_command_compares_writes_and_draws(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = fake / "out"
    assert command.main(["--case", "narrow-1 [ru]* 1G", "--engine", "sim", "--out", str(out), "--jobs", "2"]) == 0
    printed = capsys.readouterr()
    assert "6 of 6 within the tolerance, 0 missed" in printed.out
    assert "h0->h1" in printed.out  # two cases are shown closely
    assert "2 of 2" in printed.err
    assert {path.name for path in out.iterdir()} == {
        "parity.csv", "parity.md", "differences.pdf", "differences.png", "traces-1G.pdf", "traces-1G.png"}  # fmt: skip
    # The second time the kernel's recordings are there.
    assert command.main(["--case", "narrow-1 [ru]* 1G", "--engine", "sim", "--jobs", "1"]) == 0
    assert capsys.readouterr().err.count("kernel kept") == 2


def test_the_command_fails_when_something_is_not_as_expected(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deviations, "KNOWN", {("narrow-1 udp 1G", "queue"): "because"})
    assert command.main(["--case", "narrow-1 udp 1G"]) == 1


def test_the_command_records_the_kernel_alone(fake: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--case", "narrow-1 udp 1G", "--kernel-only"]) == 0
    assert capsys.readouterr().out == ""
    assert len(list((fake / "cache" / "parity").iterdir())) == 1


def test_the_command_lists_its_cases(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list", "--case", "incast"]) == 0
    assert capsys.readouterr().out.splitlines() == [case.name for case in find_cases(["incast"])]


@pytest.mark.parametrize(("arguments", "code", "message"), [
    (["--case", "nothing"], 2, "no case fits 'nothing'"),
    (["--case", "narrow-1 udp 1G", "--engine", "broken"], 1, "told to fail at step 5"),
    (["--case", "narrow-1 udp 1G", "--out", __file__], 2, "this is a file; expected a folder"),
])  # fmt: skip
def test_errors_of_the_command_are_a_line(
    fake: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert command.main(arguments) == code
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
