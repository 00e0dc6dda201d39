"""Quantities as a user writes them."""

import contextlib
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.scenario import Scenario
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
        ("10mbit", 10e6),  # as tc writes it
        ("10Mbps", 10e6),
        ("10 Mb/s", 10e6),
        ("8Kibit/s", 8192.0),
        ("10Mibit", 10 * 2.0**20),
        ("10MBps", 80e6),
        ("10MB/s", 80e6),
        ("1.5 kB/s", 12e3),
        ("1GiB/s", 8 * 2.0**30),
        (1e7, 1e7),
        (5, 5.0),
        (np.int64(5), 5.0),
        (np.float32(0.5), 0.5),
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


@pytest.mark.parametrize(("text", "size_bytes"), [
     ("64k", 64_000), ("64K", 64_000), ("64kB", 64_000), ("64KiB", 65_536), ("2Mi", 1 << 21), ("1.5MB", 1_500_000), ("1500B", 1500),
     (1500, 1500), ("1e3", 1000), (np.uint32(7), 7), (np.float64(1e3), 1000),
])  # fmt: skip
def test_sizes(text: str | float, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes
    assert isinstance(parse_size(text), int)


@pytest.mark.parametrize("parse", [parse_rate, parse_time, parse_size])
@pytest.mark.parametrize("bad", ["", "fast", "10 X", "M", "1e999", "nan", "inf", "1,5", "--3", True, math.nan, math.inf, 10**400,
                                 None, [1], "१", np.bool_(True), np.array([1.0])])  # fmt: skip
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


@pytest.mark.parametrize(("parse", "ambiguous"), [
    *[(parse_rate, text) for text in ("10m", "10MB", "10Mb", "10B", "10KiB", "10Mi", "10MBPS", "10mB/s", "10MBit/s", "10M/s", "10bytes/s")],
    *[(parse_size, text) for text in ("10m", "10Mb", "10kb", "10mb", "10b", "10Mbit", "10Kib", "10MB/s", "10bytes")],
    *[(parse_time, text) for text in ("5m", "5M", "5Ms", "5MS", "5S", "5MIN", "5H", "5mS")],
])  # fmt: skip
def test_a_unit_that_could_be_another_one_is_refused(parse: Callable[[str], float], ambiguous: str) -> None:
    with pytest.raises(InputError, match=f"'{ambiguous}': expected a number such as"):
        parse(ambiguous)


@pytest.mark.parametrize(("key", "value"), [("rate_bps", "10m"), ("queue_bytes", "64kb"), ("delay_s", "5m")])
def test_a_parameter_of_a_scenario_reads_units_in_the_same_way(key: str, value: str) -> None:
    with pytest.raises(InputError, match=f"{key}: .*'{value}': expected"):
        Scenario(topology_parameters={key: value})
    assert Scenario(topology_parameters={"rate_bps": "10MBps"}).topology_parameters["rate_bps"] == 80e6


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
