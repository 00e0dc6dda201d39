"""What holds for every policy: the rules, the guard, and the ranges of the features."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.policy.builtin import dctcp_like
from iroko.policy.format import MAX_GUARD, Policy
from iroko.policy.reference import Dctcp, FlowState, Round, exp2, log2
from iroko.policy.words import FEATURE_NAMES, MAX_ALPHA, MAX_CWND, ONE
from tests.policy.states import random_policy

RANGES = {
    "marked_share": (0, 1), "alpha": (0, 1), "relative_delay": (0, 2.5), "delay": (0, 1.5), "window": (0, 2.5), "loss": (0, 1),
    "last_action": (-1, 1), "own_queue": (0, 5), "congested": (0, 1), "rtt_change": (-1, 1),
}  # fmt: skip
"""Of each feature, as `policy.h` states it; the parabola of log2 adds up to 0.01 between powers of two."""


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return random_policy(np.random.default_rng(draw(st.integers(0, 10**6))), draw(st.sampled_from(("any", "extreme", "small"))))


@st.composite
def rounds(draw: st.DrawFn) -> Round:
    delivered = draw(st.integers(0, 1 << 24))
    times = st.integers(0, 1 << 31)
    return Round(
        draw(st.integers(1, MAX_CWND * ONE)), delivered, draw(st.integers(0, delivered)), draw(st.integers(0, 1000)), draw(times),
        draw(times), draw(times), draw(st.integers(0, MAX_ALPHA)), draw(st.integers(-ONE, ONE)), draw(st.booleans()),
    )  # fmt: skip


@given(rounds())
def test_features_stay_within_their_ranges(seen: Round) -> None:
    for name, value in zip(FEATURE_NAMES, seen.features(), strict=True):
        least, most = RANGES[name]
        assert least * ONE <= value <= (most + 0.01) * ONE, name


@st.composite
def flows(draw: st.DrawFn) -> FlowState:
    """A flow whose window is within its guard."""
    state = FlowState.begin(draw(policies()), draw(st.integers(1, 10)))
    state.dctcp.cwnd = draw(st.integers(2, 1000))
    state.window = state.bounded(draw(st.integers(1, 2000 * ONE)), state.dctcp.cwnd)
    state.alpha = draw(st.integers(0, MAX_ALPHA))
    state.rtts_us = draw(st.lists(st.integers(1, 100_000), max_size=2))
    return state


@given(flows(), st.integers(1, 1000), st.integers(0, 20), st.integers(0, 20), st.integers(0, 100_000))
def test_a_round_obeys_the_rules(state: FlowState, delivered: int, marked: int, lost: int, min_rtt_us: int) -> None:
    """A mark or a loss never raises the window, now or in the next round; an idle path never lowers it."""
    before = state.window
    state.end_round(delivered, min(marked, delivered))
    seen = state.act(delivered, min(marked, delivered), lost, min_rtt_us)
    state.new_round(delivered, min(marked, delivered), lost)
    now = state.window
    state.grow(delivered, min(marked, delivered))
    if not seen.is_calm:
        assert now <= before and state.window == now
    if seen.is_idle:
        assert state.action >= 0 and state.window >= now >= before
    assert -ONE <= state.action <= ONE and 0 <= state.gain <= ONE


@given(flows(), st.integers(0, 50))
def test_a_mark_ends_growth(state: FlowState, acked: int) -> None:
    before = state.window
    state.grow(acked, state.marked + 1)
    assert state.window == before and state.gain == 0


@given(policies(), st.integers(1, 10))
def test_the_initial_window_is_at_most_that_of_tcp(policy: Policy, cwnd: int) -> None:
    state = FlowState.begin(policy, cwnd)
    assert ONE <= state.window <= cwnd * ONE <= 10 * ONE


@given(flows(), st.integers(1, MAX_CWND * ONE), st.integers(1, MAX_CWND))
def test_the_guard_holds(state: FlowState, window: int, cwnd: int) -> None:
    guard = state.policy.card.guard
    bounded = state.bounded(window, cwnd)
    assert bounded * 1024 <= cwnd * ONE * guard and (bounded + 1) * guard > cwnd * ONE * 1024
    if guard == 1024:
        assert bounded == cwnd * ONE


@given(flows())
def test_a_loss_halves_both_windows(state: FlowState) -> None:
    before, cwnd = state.window, state.dctcp.cwnd
    threshold = state.lose()
    assert state.dctcp.ssthresh == max(cwnd // 2, 2) and threshold == state.window // ONE
    assert state.window <= max(before // 2, state.dctcp.ssthresh * ONE * 1024 // state.policy.card.guard, 2 * ONE)


@given(st.integers(2, 10_000), st.integers(0, MAX_ALPHA), st.lists(st.integers(0, 100), max_size=50))
def test_a_reduction_falls_to_its_threshold_and_no_further(cwnd: int, alpha: int, acks: list[int]) -> None:
    dctcp = Dctcp(cwnd)
    dctcp.reduce(alpha)
    last = cwnd
    for acked in acks:
        dctcp.deliver(acked)
        assert dctcp.ssthresh <= dctcp.cwnd <= last
        last = dctcp.cwnd
    dctcp.deliver(cwnd)
    assert dctcp.cwnd == dctcp.ssthresh == max(cwnd - cwnd * alpha // 2048, 2)


@pytest.mark.parametrize("value", [1, 2, 3, 1000, 65535, 65536, 65537, 123_456_789, (1 << 61) + 12345])
def test_log2_is_near(value: int) -> None:
    assert abs(log2(value) / ONE - np.log2(float(value))) < 0.01


@given(st.integers(-ONE, ONE))
def test_exp2_is_near(a: int) -> None:
    assert abs(exp2(a) / ONE / 2.0 ** (a / ONE) - 1) < 2e-4


@pytest.mark.parametrize(("alpha", "marked", "expected"), [(0, 0, 0.0), (512, 100, -0.36), (1024, 100, -0.72), (1024, 0, 0.0)])
def test_the_built_in_policy_follows_dctcps_law(alpha: int, marked: int, expected: float) -> None:
    """-0.72 alpha in a marked round is within 0.28 of log2(1 - alpha / 2); without marks the step acts alone."""
    from iroko.policy.reference import network

    seen = Round(10 * ONE, 100, marked, 0, 200, 200, 100, alpha, 0, True)
    assert network(dctcp_like(), seen.features()) / ONE == pytest.approx(expected, abs=2e-3)
    fresh = Round(10 * ONE, 10, 0, 0, 100, 100, 100, MAX_ALPHA, ONE, False)
    assert network(dctcp_like(), fresh.features()) == ONE


def test_guards_reach_from_dctcp_to_freedom() -> None:
    state = FlowState.begin(dctcp_like(1024), 10)
    assert [state.bounded(window * ONE, 8) // ONE for window in (1, 8, 100)] == [8, 8, 8]
    free = FlowState.begin(dctcp_like(MAX_GUARD), 10)
    assert [free.bounded(window * ONE, 8) // ONE for window in (1, 8, 100, 1000)] == [2, 8, 100, 512]
