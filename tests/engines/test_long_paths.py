"""What long paths ask of an engine: a window as large as bandwidth x delay, or its stated limit, and as many hops as IP can count."""

from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest

from iroko.engines.open import open_engine
from iroko.engines.tcp_window import MIN_BUFFER_BYTES, tcp_window
from iroko.errors import InputError
from iroko.flows import Flow
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import MAX_PATH_SWITCHES, Topology, build_topology
from tests.engines.driver import Driver

ROUND_TRIP_S = 0.08


def row(num_switches: int) -> Topology:
    """Two hosts at the ends of a row of switches."""
    switches = [f"s{index}" for index in range(num_switches)]
    links = [("h0", switches[0]), ("h1", switches[-1]), *pairwise(switches)]
    return build_topology(
        "row", ["h0", "h1"], switches, links, rate_bps=1e9, delay_s=0.0, queue_bytes=757_000, ecn_bytes=None, routing="static"
    )


@pytest.mark.parametrize("num_hosts", [2, 60])
def test_a_window_fills_bandwidth_times_delay_up_to_its_stated_limit(exact_engine: str, num_hosts: int) -> None:
    """10 MB of a path of 1 Gbit/s and 80 ms: two hosts get a window of all of it, 60 share the memory and get 5.0 MB each."""
    topology = star(num_hosts, 1e9, delay_s=ROUND_TRIP_S / 4, queue_bytes=20_000_000)
    with closing(open_engine(exact_engine, topology)) as engine:
        driver = Driver(engine)
        snapshots = driver.run([Flow("h0", "h1")], "reno", 5, warm_up=15, interval_s=ROUND_TRIP_S)
        goodput_bps = driver.goodput_bps(snapshots)[0]
    window_bps = tcp_window(topology).largest_bytes * 8 / ROUND_TRIP_S
    expected_bps = min(window_bps, 1e9 * 1448 / 1514)
    assert expected_bps == (window_bps if num_hosts == 60 else 1e9 * 1448 / 1514)
    assert goodput_bps == pytest.approx(expected_bps, rel=0.02)


def test_small_fabrics_keep_the_smallest_buffer() -> None:
    assert tcp_window(fattree(4)).buffer_bytes == MIN_BUFFER_BYTES
    window = tcp_window(star(2, 10e9, delay_s=0.01, queue_bytes=1514, ecn_bytes=None))
    assert window.largest_bytes == pytest.approx(10e9 / 8 * 0.04, rel=0.02)


@pytest.mark.parametrize("transport", ["udp", "reno"])
def test_the_longest_path_carries_data(exact_engine: str, transport: str) -> None:
    topology = row(MAX_PATH_SWITCHES)
    with closing(open_engine(exact_engine, topology)) as engine:
        engine.reset([Flow("h0", "h1", 0.0, 3000)], transport, 1)
        step = engine.step(np.array(topology.host_rates_bps), 0.1)
    assert step.all_done


def test_a_path_of_more_hops_than_ip_counts_is_refused() -> None:
    with pytest.raises(InputError, match="255 switches between two hosts: expected at most 254"):
        row(MAX_PATH_SWITCHES + 1)


def test_many_switches_with_short_paths_are_not_refused() -> None:
    topology = fattree(16)
    assert len(topology.switches) > MAX_PATH_SWITCHES
    assert topology.longest_path_ports == 6
