"""UDP senders of equal rate share a full queue: their jitter keeps them from locking each other out, alike in simulator and guest."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from iroko.engines.open import open_engine
from iroko.flows import UDP, Flow
from iroko.metrics import jain_index
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.star import star
from iroko.topology import Topology

STEP_S, WINDOW_STEPS = 0.1, 25


def goodput_mbps(engine_name: str, topology: Topology, flows: list[Flow], seed: int = 1) -> np.ndarray:
    """Of each flow in each of two windows of 2.5 s, shape `(2, num_flows)`."""
    limits = np.array(topology.host_rates_bps)
    with closing(open_engine(engine_name, topology)) as engine:
        engine.reset(flows, UDP, seed)
        steps = np.array([engine.step(limits, STEP_S).flow_bytes for _ in range(2 * WINDOW_STEPS)])
    return steps.reshape(2, WINDOW_STEPS, len(flows)).sum(axis=1) * 8 / (WINDOW_STEPS * STEP_S) / 1e6


@pytest.mark.parametrize("second_start_s", [0.0, 0.0037])
def test_two_even_senders_get_half_each(exact_engine: str, second_start_s: float) -> None:
    """2,064 packets leave the full queue in 2.5 s; if each is either's with equal chance, 0.32 Mbit/s are three standard deviations."""
    shares = goodput_mbps(exact_engine, dumbbell(), [Flow("h0", "h2"), Flow("h1", "h3", second_start_s)])
    assert shares == pytest.approx(np.full((2, 2), 4.86), abs=0.32)
    assert shares.sum(axis=1) == pytest.approx(9.72, rel=0.005)


def test_five_even_senders_share_alike(exact_engine: str) -> None:
    shares = goodput_mbps(exact_engine, star(6), [Flow(f"h{index}", "h5") for index in range(5)])
    assert min(jain_index(window) for window in shares) > 0.97


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
@pytest.mark.parametrize("delay_s", [0.0, 1e-3])
def test_simulator_and_guest_draw_the_same_jitter(delay_s: float) -> None:
    topology = dumbbell(delay_s=delay_s)
    flows = [Flow("h0", "h2"), Flow("h1", "h3")]
    sim, guest = (goodput_mbps(name, topology, flows, seed=3) for name in ("sim", "guest"))
    assert guest == pytest.approx(sim, rel=0.02)


def test_seeds_draw_differently_and_repeat() -> None:
    flows = [Flow("h0", "h2"), Flow("h1", "h3")]
    first, again, other = (goodput_mbps("sim", dumbbell(), flows, seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
def test_jitter_comes_and_goes_with_the_transport() -> None:
    """Episodes over UDP and TCP by turns in one guest: each is what it is on its own, also on links that have a delay anyway."""
    base = dumbbell()
    ports = tuple(replace(port, delay_s=1e-3) if port.owner == "h0" else port for port in base.ports)
    topology = replace(base, ports=ports)
    limits, flows = np.array(topology.host_rates_bps), [Flow("h0", "h2"), Flow("h1", "h3")]
    seen: dict[str, list[list[int]]] = {"udp": [], "reno": []}
    with closing(open_engine("guest", topology)) as engine:
        for transport in ("reno", "udp", "reno", "udp"):
            engine.reset(flows, transport, 5)
            seen[transport].append(np.concatenate([engine.step(limits, STEP_S).port_bytes for _ in range(5)]).tolist())
    assert seen["udp"][0] == seen["udp"][1]
    assert seen["reno"][0] == seen["reno"][1]


def test_senders_of_uneven_rate_share_in_proportion(exact_engine: str) -> None:
    """2 and 5 Mbit/s meet at 3.5 Mbit/s: where losses hit packets alike, each keeps half of what it sends."""
    rates_bps = {"h0": 2e6, "h1": 5e6, "s0": 3.5e6, "s1": 10e6}
    base = dumbbell()
    topology = replace(base, ports=tuple(replace(port, rate_bps=rates_bps.get(port.owner, 10e6)) for port in base.ports))
    shares = goodput_mbps(exact_engine, topology, [Flow("h0", "h2"), Flow("h1", "h3")])
    assert shares[1] == pytest.approx([0.97, 2.43], abs=0.2)
