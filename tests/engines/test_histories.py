"""An episode in the guest depends on its flows, transport, limits and seed alone, whatever ran in that guest before."""

import dataclasses
import hashlib
import random

import numpy as np
import pytest

from iroko.engines.guest.engine import GuestEngine
from iroko.flows import Flow
from iroko.topologies.dumbbell import dumbbell

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]
NUM_EPISODES = 40
GUEST_SEED = 1
INCAST = [Flow(f"h{i}", "h0") for i in range(1, 4)]
LONG = [Flow("h0", "h2"), Flow("h1", "h3")]


def finite_flows() -> list[Flow]:
    rng = random.Random(1)
    pairs = [rng.sample(range(4), 2) for _ in range(40)]
    return [Flow(f"h{a}", f"h{b}", round(rng.uniform(0, 1), 6), rng.choice([1_000, 20_000, 100_000])) for a, b in pairs]


FLOWS = {"incast": INCAST, "long": LONG, "finite": finite_flows()}
CASES = [
    ("bbr", "incast", 1, 3, 1.0),  # the first two were unequal before: a random number and some microseconds shifted
    ("reno", "incast", 1, 3, 1.0), ("udp", "incast", 7, 3, 1.0), ("cubic", "long", 2, 8, 0.1), ("dctcp", "long", 3, 13, 0.01),
    ("nv", "long", 4, 6, 1.0), ("cubic", "finite", 5, 8, 0.1), ("udp", "finite", 6, 8, 0.1), ("dctcp", "finite", 7, 3, 1.0),
]  # fmt: skip
"""Transport, flows, seed, number of steps, interval in s."""


def run_episode(engine: GuestEngine, transport: str, flows: str, seed: int, num_steps: int, interval_s: float) -> str:
    """A hash of every field of every snapshot; limits change with every step."""
    digest = hashlib.sha256()
    rates_bps = np.array(engine.topology.host_rates_bps)
    snapshots = [engine.reset(FLOWS[flows], transport, seed)]
    snapshots += [engine.step(rates_bps * (0.5 + 0.1 * ((step + seed) % 6)), interval_s) for step in range(num_steps)]
    for snapshot in snapshots:
        for field in dataclasses.fields(snapshot):
            digest.update(np.asarray(getattr(snapshot, field.name)).tobytes())
    return digest.hexdigest()


def test_what_ran_before_in_a_guest_does_not_show() -> None:
    rng = random.Random(1)
    found: dict[int, set[str]] = {case: set() for case in range(len(CASES))}
    engine = GuestEngine(dumbbell(), GUEST_SEED)
    try:
        for number in [*range(len(CASES)), *(rng.randrange(len(CASES)) for _ in range(NUM_EPISODES))]:
            found[number].add(run_episode(engine, *CASES[number]))
    finally:
        engine.close()
    assert {CASES[number]: len(hashes) for number, hashes in found.items() if len(hashes) > 1} == {}
    for number in (0, 5):  # in a guest that ran nothing before
        engine = GuestEngine(dumbbell(), GUEST_SEED)
        try:
            assert {run_episode(engine, *CASES[number])} == found[number], CASES[number]
        finally:
            engine.close()
