"""What is set off in a table: the best of those that compete, alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.analysis.best import best_scheme, ends_text, spread_text

NAMES = ["ppo", "nv", "dctcp", "maxmin"]


def cells(*values: float) -> dict[str, tuple[float, str]]:
    return {name: (value, f"{value:.3f}") for name, value in zip(NAMES, values, strict=False)}


@pytest.mark.parametrize(("values", "least", "best"), [
    ((1.0, 2.0, 3.0, 9.0), False, "dctcp"), ((1.0, 2.0, 3.0, 0.0), True, "ppo"), ((3.0, 3.0, 1.0, 9.0), False, None),
    ((3.0, 3.0001, 1.0, 9.0), False, None), ((3.0, math.nan, math.nan, 9.0), False, None), ((math.inf, math.inf, 5.0), True, "dctcp"),
    ((1.0,), False, None), ((), True, None),
])  # fmt: skip
def test_the_best_competes_and_reads_alone(values: tuple[float, ...], least: bool, best: str | None) -> None:
    assert best_scheme(cells(*values), least) == best


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), st.booleans())
def test_no_other_scheme_reads_as_good_as_the_best(values: list[float], least: bool) -> None:
    table = cells(*values)
    best = best_scheme(table, least)
    assert best != "maxmin"
    if best is not None:
        others = [value for name, (value, _) in table.items() if name not in (best, "maxmin")]
        assert all(table[best][0] < value if least else table[best][0] > value for value in others)


def test_a_spread_that_reads_as_nothing_is_left_out() -> None:
    assert spread_text("0.000") == spread_text("0") == "" and spread_text("0.001") == "± 0.001"
    assert ends_text("0.500", "0.500", "0.500", "{} to {}") == "" and ends_text("0.5", "0.4", "0.6", "{} to {}") == "0.4 to 0.6"
