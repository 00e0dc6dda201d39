import tomllib
from pathlib import Path
from typing import Any

import pytest

from iroko.errors import InputError
from iroko.toml import format_toml, parse_toml, read_toml


@pytest.mark.parametrize(
    "table",
    [
        {"name": "x", "rates": [1e-5, 2.0], "inner": {"key": True, "a key": 'tab\tline\nquote"back\\'}, "empty": {}},
        {"list": [{"name": "one", "inner": {"a": 1}}, {"name": "two" * 50}], "text": "\x7f \u202e é"},
    ],
)
def test_what_is_written_reads_back(table: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "table.toml"
    path.write_text(format_toml(table), encoding="utf-8")
    assert read_toml(path) == table


def test_none_is_written_as_text() -> None:
    assert tomllib.loads(format_toml({"a": None, "b": {"c": [None, (1, 2)]}})) == {"a": "none", "b": {"c": ["none", [1, 2]]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 9223372036854775808", "at most 64 bits"),
        (f"a = {'[' * 17}{']' * 17}", "at most 16 deep"),
        ("." * 5000, "thousands of dots"),
        ("a = 1\nb = ?", "line 2"),
    ],
)
def test_what_goes_beyond_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_toml(text)
