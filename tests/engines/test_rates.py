"""Rates up to the highest: the kernel's shapers hold them within 1%, or the link is refused."""

from contextlib import closing

import pytest

from iroko.engines.kernel.rates import FRAME_BYTES, check_rates, shaper_rate
from iroko.engines.open import open_engine
from iroko.errors import UnsupportedError
from iroko.flows import Flow
from iroko.topologies.dumbbell import dumbbell
from tests.engines.driver import Driver


@pytest.mark.parametrize("rate_bps", [25e9, 40e9, 100e9, 200e9, 400e9])
def test_fast_links_carry_what_headers_leave(exact_engine: str, rate_bps: float) -> None:
    topology = dumbbell(1, 1, rate_bps, queue_bytes=4_000_000, ecn_bytes=None)
    with closing(open_engine(exact_engine, topology)) as engine:
        driver = Driver(engine)
        for transport, payload in (("udp", 1472), ("cubic", 1448)):
            snapshots = driver.run([Flow("h0", "h1")], transport, 2, warm_up=2, interval_s=40e6 / rate_bps)
            assert driver.goodput_bps(snapshots)[0] == pytest.approx(rate_bps * payload / FRAME_BYTES, rel=0.01), transport


@pytest.mark.parametrize("rate_bps", [1e3, 10e6, 1e9, 10e9])
def test_slow_rates_are_set_as_they_are(rate_bps: float) -> None:
    assert shaper_rate(rate_bps) == rate_bps / 8


@pytest.mark.parametrize("rate_bps", [25e9, 37.3e9, 40e9, 123e9, 200e9, 399e9])
def test_a_frame_takes_the_nearest_whole_number_of_nanoseconds(rate_bps: float) -> None:
    """As Linux computes it: a reciprocal of 32 bits, and a product that is rounded down."""
    rate, factor, shift = round(shaper_rate(rate_bps)), 10**9, 0
    while not (factor // rate & 1 << 31 or factor >> 63):
        factor, shift = factor << 1, shift + 1
    assert FRAME_BYTES * (factor // rate) >> shift == round(FRAME_BYTES * 8e9 / rate_bps)


def test_a_rate_that_the_kernel_cannot_hold_is_refused_with_the_reason() -> None:
    check_rates(dumbbell(rate_bps=346e9))
    with pytest.raises(
        UnsupportedError, match=r"whole nanoseconds, a frame takes 34\.6.*346\.1 Gbit/s or 356\.2 Gbit/s; or use --engine sim"
    ):
        check_rates(dumbbell(rate_bps=350e9))
