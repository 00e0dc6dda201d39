"""Tables on terminals of any width: every number is whole."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from iroko.analysis.score_table import print_table
from iroko.analysis.scores import score_schemes
from iroko.analysis.text_table import print_columns
from tests.analysis.test_completions import make_finite_config, write_finite_run
from tests.fake_run import make_run

HEADINGS = ["scheme", "reward\nper step", "drops", "queue (kB)\n99 %"]
ROWS = [["a scheme with a long name", "-1,234.567", "1,234,567,890", "75,700.00"], ["nv", "0.5\n± 0.250", Text("12"), "1.00"]]
NUMBERS = ["-1,234.567", "1,234,567,890", "75,700.00", "± 0.250", "12", "1.00"]


def printed(width: int) -> str:
    out = io.StringIO()
    print_columns(Console(width=width, file=out), "the title", "the caption", HEADINGS, ROWS)
    return out.getvalue()


@pytest.mark.parametrize("width", [25, 30, 40, 60, 80, 200])
def test_no_number_breaks_and_no_line_is_too_long(width: int) -> None:
    text = printed(width)
    assert all(number in text for number in NUMBERS) and "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert text.count("the title") == 1 and text.count("the caption") == 1


def test_a_part_for_each_column_repeats_the_names() -> None:
    assert printed(200).count("nv") == 1
    narrow = printed(25)
    assert narrow.count("nv") == 3 and narrow.index("the title") < narrow.index("-1,234.567")
    assert narrow.index("1,234,567,890") < narrow.index("75,700.00") < narrow.index("the caption")


def test_on_a_terminal_of_ten_characters_nothing_is_lost() -> None:
    assert all(number in printed(10) for number in NUMBERS)


def numbers_of(text: str) -> list[str]:
    return sorted(re.findall(r"(?<![\w.])[-±]? ?\d[\d,]*\.\d+", text))


@pytest.mark.parametrize("width", [24, 33, 50])
def test_the_tables_of_a_run_show_the_same_numbers_at_any_width(tmp_path: Path, width: int) -> None:
    run = write_finite_run(tmp_path / "finite", make_finite_config(tmp_path, [500, 5_000, 50_000, 500_000]))
    for one in (run, make_run(tmp_path / "run", baselines=["nv", "dctcp"])):
        texts = []
        for columns in (width, 200):
            out = io.StringIO()
            print_table(one, score_schemes(one), Console(width=columns, file=out))
            texts.append(out.getvalue())
        assert numbers_of(texts[0]) == numbers_of(texts[1]) != []


def test_a_label_in_brackets_is_no_markup() -> None:
    out = io.StringIO()
    print_columns(Console(width=80, file=out), "t", "c", ["scheme", "n"], [["[bold]x[/bold]", "1"]])
    assert "[bold]x[/bold]" in out.getvalue()
