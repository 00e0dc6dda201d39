"""LaTeX tables: whatever a label holds, LaTeX sets its characters and runs none of them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.analysis.experiment_tables import NOTHING, escape, tabular

WORDS = {"textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textless": "<", "textgreater": ">", "textbar": "|"}
ODD = [
    r"a\b",
    "x^2~y",
    "50% & more",
    "#1_{x}",
    "$5",
    r"\input{/etc/passwd}",
    "^^41",
    "[3pt]",
    "*",
    "a--b",
    "<i>|",
    r"\\",
    "{",
    "}",
    "%",
    "\\",
]


def set_by_latex(source: str) -> str:
    """The characters that LaTeX sets for a cell, as far as `escape` uses LaTeX.

    Raises:
        AssertionError: something in it would be a command, a formula, an argument or a comment.
    """
    text, rest = "", source
    while rest:
        if word := re.match(r"\\([a-z]+)\{\}", rest):
            text, rest = text + WORDS[word[1]], rest[word.end() :]
        elif quoted := re.match(r"\\([&%$#_{}])", rest):
            text, rest = text + quoted[1], rest[quoted.end() :]
        elif hyphen := re.match(r"-\{\}(?=-)", rest):
            text, rest = text + "-", rest[hyphen.end() :]
        elif first := re.match(r"\{([\[*])\}", rest):
            assert rest is source
            text, rest = text + first[1], rest[first.end() :]
        else:
            assert rest[0] not in "\\&%$#_{}~^<>|" and not rest.startswith("--"), source
            assert not (rest is source and rest[0] in "[*"), source
            text, rest = text + rest[0], rest[1:]
    return text


@pytest.mark.parametrize("label", ODD)
def test_odd_labels_are_set_as_they_are_written(label: str) -> None:
    assert set_by_latex(escape(label)) == label


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_label_is_set_as_it_is_written(label: str) -> None:
    in_one_line = "".join(char if char.isprintable() else " " for char in label)
    assert set_by_latex(escape(label)) == in_one_line.replace("\\$", "$")


def test_headings_are_quoted_and_a_missing_number_is_a_dash() -> None:
    text = tabular(["scheme", r"less \DCTCP_2", "99%"], [["[a]", NOTHING, "-0.5 [-1.0, 0.0]"], ["a--b", "1", "2"]])
    assert text.splitlines() == [
        r"\begin{tabular}{lrr}", r"\toprule", r"scheme & less \textbackslash{}DCTCP\_2 & 99\% \\", r"\midrule",
        r"{[}a] & -- & -0.5 [-1.0, 0.0] \\", r"a-{}-b & 1 & 2 \\", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip


def test_latex_compiles_a_table_of_odd_labels(tmp_path: Path) -> None:
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("pdflatex is not installed")
    table = tabular(["scheme", *ODD], [[label, *ODD] for label in ODD])
    source = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}\n{table}\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(source, encoding="utf-8")
    command = [latex, "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
