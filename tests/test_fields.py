import dataclasses
from typing import Any

import pytest

from iroko.errors import InputError
from iroko.fields import Choice, Number, Text, WholeNumber, check_fields, checked
from iroko.units import parse_time


@dataclasses.dataclass(frozen=True)
class Settings:
    delay_s: float = checked(0.1, Number(0.01, 2, parse_time))
    share: float = checked(0.5, Number(0, 1, is_open=True))
    count: int = checked(3, WholeNumber(1, 8))
    engine: str = checked("sim", Choice(("sim", "guest")))
    path: str = checked("", Text(4))
    free: Any = None

    def __post_init__(self) -> None:
        check_fields(self)


def test_a_value_is_read_and_kept() -> None:
    settings = Settings(delay_s="20ms", count=8, free="anything at all")  # type: ignore[arg-type]
    assert settings.delay_s == pytest.approx(0.02) and settings.count == 8 and settings.free == "anything at all"


@pytest.mark.parametrize(("values", "message"), [
    ({"delay_s": 3}, "delay_s=3: expected 0.01 <= delay_s <= 2"),
    ({"delay_s": float("nan")}, "delay_s: "),
    ({"delay_s": "fast"}, "delay_s: "),
    ({"share": 1}, "share=1: expected 0 < share < 1"),
    ({"share": float("nan")}, "share=nan: expected 0 < share < 1"),
    ({"share": []}, r"share=\[\]: expected a number"),
    ({"count": 9}, "count=9: expected a whole number, 1 <= count <= 8"),
    ({"count": True}, "count=True: expected a whole number"),
    ({"count": 2.5}, "count=2.5: expected a whole number"),
    ({"engine": "gest"}, "unknown engine 'gest'. Did you mean 'guest'"),
    ({"path": "12345"}, "path='12345': expected a name, a path or a hash of at most 4 characters"),
    ({"path": None}, "path=None: expected a name, a path or a hash"),
])  # fmt: skip
def test_a_value_out_of_range_names_the_field(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**values)


@pytest.mark.parametrize("value", [0.01, 2])
def test_the_bounds_are_in_range(value: float) -> None:
    assert Settings(delay_s=value).delay_s == value
