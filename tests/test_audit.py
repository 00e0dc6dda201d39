"""The audit's verdict: a known vulnerability fails, missing data does not, and is said."""

import subprocess
from typing import Any

import pytest

from tests import audit

SKIPPED = {"name": "x", "skip_reason": "not found"}
CLEAN = {"name": "y", "version": "1", "vulns": []}
BAD = {"name": "z", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}


@pytest.mark.parametrize(("packages", "code", "words"), [
    ([SKIPPED], 0, "nothing is known here about any of 1 packages"),
    ([SKIPPED, CLEAN], 0, "1 of 2 packages looked up, 0 known vulnerabilities"),
    ([CLEAN, BAD], 1, "audit: z 2: PYSEC-1, mended in 3"),
])  # fmt: skip
def test_the_verdict(packages: list[dict[str, Any]], code: int, words: str) -> None:
    found, lines = audit.judge({"dependencies": packages})
    assert found == code and any(words in line for line in lines)


def test_what_is_accepted_is_shown_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "ACCEPTED", {"PYSEC-1": "not used here"})
    code, lines = audit.judge({"dependencies": [BAD]})
    assert code == 0 and "(accepted: not used here)" in lines[0]


def test_no_data_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", "ConnectionError: no route"))
    assert audit.main() == 0
    assert capsys.readouterr().out == "audit: the data cannot be had: ConnectionError: no route\n"
