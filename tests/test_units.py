"""Quantities as a user writes them."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.units import format_rate, format_size, format_time, parse_rate, parse_size, parse_time


@pytest.mark.parametrize(
    ("text", "rate_bps"),
    [
        ("10M", 10e6),
        ("1G", 1e9),
        ("2.5Gbit/s", 2.5e9),
        ("100 kbps", 1e5),
        ("9600", 9600.0),
        ("64bit/s", 64.0),
        (1e7, 1e7),
        (5, 5.0),
    ],
)
def test_rates(text: str | float, rate_bps: float) -> None:
    assert parse_rate(text) == rate_bps


@pytest.mark.parametrize(
    ("text", "time_s"),
    [("100ms", 0.1), ("0.5s", 0.5), ("20us", 20e-6), ("20µs", 20e-6), ("5ns", 5e-9), ("2min", 120.0), (3, 3.0)],
)
def test_times(text: str | float, time_s: float) -> None:
    assert parse_time(text) == pytest.approx(time_s, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("64k", 64_000), ("64KiB", 65_536), ("1.5MB", 1_500_000), ("1500B", 1500), (1500, 1500), ("1e3", 1000)],
)
def test_sizes(text: str | float, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes
    assert isinstance(parse_size(text), int)


@pytest.mark.parametrize("parse", [parse_rate, parse_time, parse_size])
@pytest.mark.parametrize("bad", ["", "fast", "10 X", "M", "1e999", "nan", "inf", "1,5", "--3", True, math.nan, math.inf, 10**400])
def test_what_is_no_quantity_is_refused(parse: object, bad: object) -> None:
    assert callable(parse)
    with pytest.raises(InputError, match="expected a"):
        parse(bad)


def test_a_unit_belongs_to_its_quantity() -> None:
    with pytest.raises(InputError, match="rate '10ms'"):
        parse_rate("10ms")
    with pytest.raises(InputError, match="time '10M'"):
        parse_time("10M")
    with pytest.raises(InputError, match="size '10G/s'"):
        parse_size("10G/s")


def test_a_size_is_whole_bytes() -> None:
    with pytest.raises(InputError, match="whole number of bytes"):
        parse_size("1.0005k")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (format_rate(10e6), "10 Mbit/s"), (format_rate(2.5e9), "2.5 Gbit/s"), (format_rate(12), "12 bit/s"),
        (format_rate(0), "0 bit/s"),
        (format_time(0.1), "100 ms"), (format_time(2e-5), "20 us"), (format_time(20), "20 s"), (format_time(1e-9), "0.001 us"),
        (format_size(757_000), "757 kB"), (format_size(1514), "1.514 kB"), (format_size(3), "3 B"), (format_size(-2e6), "-2 MB"),
    ],
)  # fmt: skip
def test_formats(text: str, expected: str) -> None:
    assert text == expected


@given(st.floats(1e3, 1e12))
def test_a_written_rate_reads_back(rate_bps: float) -> None:
    # Four digits are written.
    assert parse_rate(format_rate(rate_bps)) == pytest.approx(rate_bps, rel=1e-3)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for parse in (parse_rate, parse_time, parse_size):
        with contextlib.suppress(InputError):
            assert math.isfinite(parse(text))
