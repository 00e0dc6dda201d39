"""Random policies and states of flows for comparing the header, its twin and the reference, and the calls that are compared.

A row holds the state of a flow and what one call gets; every implementation runs the same calls on it and gives the same outputs.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import int64, njit

from iroko.policy import reference, twin
from iroko.policy.format import MAX_GUARD, MAX_WEIGHT, Card, Policy
from iroko.policy.words import CWND, FEATURES, HIDDEN, INFINITE_SSTHRESH, MAX_CWND, ONE, STATE, WINDOW

Integers = npt.NDArray[np.int64]

INPUTS = STATE + 7
"""A flow's state, then the totals delivered, marked and lost, the destination's least round-trip time, the segments of this ACK, the
window and threshold that TCP sets."""
DELIVERED, MARKED, LOST, MIN_RTT_US, ACKED, TCP_CWND, TCP_SSTHRESH = range(STATE, INPUTS)
OUTPUTS = FEATURES + 1 + 6 * STATE + 1
"""The features and the bounded window after `act`, the state after each of six calls, and what `lose` returns."""


def random_policy(rng: np.random.Generator, kind: str = "any") -> Policy:
    """A policy: `any`, weights of a usual size; `extreme`, as large as may be; `small`, mostly within the action's range."""
    size = {"any": 1500, "extreme": MAX_WEIGHT, "small": 200}[kind]

    def draw(count: int) -> tuple[int, ...]:
        if kind == "extreme":
            return tuple(int(value) for value in rng.choice([-MAX_WEIGHT, MAX_WEIGHT, 0, 1024], count))
        return tuple(int(value) for value in np.clip(rng.normal(0, size, count), -MAX_WEIGHT, MAX_WEIGHT))

    guard = int(rng.choice([1024, 1025, 1536, 2048, 4096, MAX_GUARD]))
    hidden = tuple(draw(FEATURES) for _ in range(HIDDEN))
    return Policy(draw(HIDDEN), hidden, draw(HIDDEN), draw(FEATURES), draw(1)[0], Card(f"random {kind}", guard=guard),
                  step=int(rng.integers(0, 4097)), first_window=int(rng.integers(2048, 10241)))  # fmt: skip


def _log_uniform(rng: np.random.Generator, most: int, count: int) -> Integers:
    """Whole numbers from 0 to `most`, small ones as often as large ones."""
    drawn = np.exp2(rng.uniform(0, np.log2(most + 1.0), count)) - 1
    return np.minimum(np.floor(drawn + rng.integers(0, 2, count)), most).astype(np.int64)


def random_rows(rng: np.random.Generator, count: int) -> Integers:
    """Rows of inputs, shape `(count, INPUTS)`, each column with its extremes."""
    rows = np.zeros((count, INPUTS), dtype=np.int64)
    cwnd = np.maximum(_log_uniform(rng, MAX_CWND, count), 1)
    prior = np.maximum(_log_uniform(rng, MAX_CWND, count), 1)
    ssthresh = np.where(rng.random(count) < 0.2, INFINITE_SSTHRESH, np.maximum(_log_uniform(rng, MAX_CWND, count), 2))
    then = np.stack([_log_uniform(rng, 1 << 28, count) for _ in range(3)], 1)
    fresh = _log_uniform(rng, 1 << 20, count)
    marked = np.where(rng.random(count) < 0.5, 0, np.minimum(_log_uniform(rng, 1 << 20, count), fresh))
    lost = np.where(rng.random(count) < 0.8, 0, _log_uniform(rng, 1000, count))
    rtt = _log_uniform(rng, 1 << 26, count)
    near = np.maximum((rtt * rng.uniform(0.9, 1.2, count)).astype(np.int64), 0)
    rows[:, :STATE] = np.stack([
        _log_uniform(rng, MAX_CWND << 16, count) + 1, _log_uniform(rng, ONE, count), rng.integers(-ONE, ONE + 1, count),
        rng.integers(0, 1025, count), rtt, np.where(rng.random(count) < 0.5, near, _log_uniform(rng, 1 << 26, count)),
        then[:, 0], then[:, 1], then[:, 2], rng.integers(0, 2, count), cwnd, _log_uniform(rng, MAX_CWND, count), ssthresh, prior,
        _log_uniform(rng, MAX_CWND, count),
    ], 1)  # fmt: skip
    least = np.where(rng.random(count) < 0.6, near, _log_uniform(rng, 1 << 26, count))
    rows[:, STATE:] = np.stack([
        then[:, 0] + fresh, then[:, 1] + marked, then[:, 2] + lost, least, _log_uniform(rng, 100_000, count),
        np.maximum(_log_uniform(rng, MAX_CWND, count), 1), np.maximum(_log_uniform(rng, MAX_CWND, count), 2),
    ], 1)  # fmt: skip
    return rows


@njit(int64[:, ::1](int64[::1], int64[:, ::1]))
def run_twin(p: Any, rows: Any) -> Any:
    """The calls on every row by the twin, shape `(count, OUTPUTS)`."""
    out = np.zeros((len(rows), OUTPUTS), np.int64)
    f, x = np.empty(STATE, np.int64), np.zeros(FEATURES, np.int64)
    for number in range(len(rows)):
        row = rows[number]
        at = FEATURES + 1
        for call in range(6):
            for word in range(STATE):
                f[word] = row[word]
            if call == 0:
                twin.end_round(f, row[DELIVERED], row[MARKED])
                twin.act(f, p, row[DELIVERED], row[MARKED], row[LOST], row[MIN_RTT_US], x)
                for word in range(FEATURES):
                    out[number, word] = x[word]
                out[number, FEATURES] = twin.bound(p, f[WINDOW], f[CWND])
                twin.new_round(f, row[DELIVERED], row[MARKED], row[LOST])
            elif call == 1:
                twin.grow(f, row[ACKED], row[MARKED])
                twin.dctcp_grow(f, row[ACKED])
                twin.note_rtt(f, row[MIN_RTT_US])
            elif call == 2:
                twin.dctcp_reduce(f)
                twin.dctcp_deliver(f, row[ACKED])
            elif call == 3:
                out[number, OUTPUTS - 1] = twin.lose(f, p)
                twin.dctcp_deliver(f, row[ACKED])
            elif call == 4:
                twin.adopt(f, row[TCP_CWND], row[TCP_SSTHRESH])
                twin.dctcp_grow(f, row[ACKED])
            else:
                twin.begin(f, p, row[TCP_CWND], row[DELIVERED], row[MARKED], row[LOST])
            for word in range(STATE):
                out[number, at + word] = f[word]
            at += STATE
    return out


def _state_of(policy: Policy, row: list[int]) -> reference.FlowState:
    window, gain, action, alpha, rtt, prior, delivered, marked, lost, congested = row[:10]
    dctcp = reference.Dctcp(*row[10:STATE])
    return reference.FlowState(
        policy, dctcp, window, gain, action, alpha, bool(congested), [rtt] if rtt else [], prior, delivered, marked, lost
    )


def _words_of(state: reference.FlowState) -> list[int]:
    d = state.dctcp
    return [state.window, state.gain, state.action, state.alpha, state.rtt_us, state.prior_rtt_us, state.delivered, state.marked,
            state.lost, int(state.congested), d.cwnd, d.count, d.ssthresh, d.prior_cwnd, d.prr_delivered]  # fmt: skip


def run_reference(policy: Policy, rows: Integers) -> Integers:
    """The same by the plain reference."""
    out = []
    for row in rows.tolist():
        delivered, marked, lost, min_rtt, acked, tcp_cwnd, tcp_ssthresh = row[STATE:]
        state = _state_of(policy, row)
        state.end_round(delivered, marked)
        features = state.act(delivered, marked, lost, min_rtt).features()
        result = [*features, state.bounded(state.window, state.dctcp.cwnd)]
        state.new_round(delivered, marked, lost)
        result += _words_of(state)
        state = _state_of(policy, row)
        state.grow(acked, marked)
        state.dctcp.grow(acked)
        state.rtts_us.append(max(min_rtt, 1))
        result += _words_of(state)
        state = _state_of(policy, row)
        state.dctcp.reduce(state.alpha)
        state.dctcp.deliver(acked)
        result += _words_of(state)
        state = _state_of(policy, row)
        lowered = state.lose()
        state.dctcp.deliver(acked)
        result += _words_of(state)
        state = _state_of(policy, row)
        state.adopt(tcp_cwnd, tcp_ssthresh)
        state.dctcp.grow(acked)
        result += _words_of(state)
        result += _words_of(reference.FlowState.begin(policy, tcp_cwnd, delivered, marked, lost))
        out.append([*result, lowered])
    return np.array(out, dtype=np.int64)
