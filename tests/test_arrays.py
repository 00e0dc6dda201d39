"""Topologies and flows as arrays, single and stacked."""

import numpy as np
import pytest

from iroko.arrays import FabricArrays, FlowArrays
from iroko.errors import InputError
from iroko.flows import Flow
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.star import star


def test_a_fabric() -> None:
    fabric = FabricArrays.of(dumbbell(1, 2, rate_bps=5e6, queue_bytes=50_000, ecn_bytes=None))
    assert fabric.hosts == ("h0", "h1", "h2")
    assert fabric.host_rates_bps.tolist() == [5e6] * 3
    # One switch port to each host and two between the switches.
    assert fabric.switch_ports.shape == (5,)
    assert fabric.port_rates_bps.tolist() == [5e6] * 5
    assert fabric.queue_bytes.tolist() == [50_000] * 5


def test_fabrics_in_a_stack_keep_their_rates_and_queues() -> None:
    topologies = [dumbbell(), dumbbell(rate_bps=1e9, queue_bytes=9000, ecn_bytes=None)]
    stacked = FabricArrays.stack(topologies)
    for row, topology in enumerate(topologies):
        single = FabricArrays.of(topology)
        for name in ("host_rates_bps", "port_rates_bps", "queue_bytes"):
            assert np.array_equal(getattr(stacked, name)[row], getattr(single, name))
        assert np.array_equal(stacked.switch_ports, single.switch_ports)


def test_other_hosts_or_links_do_not_fit() -> None:
    for other in (star(), dumbbell(3, 1)):
        with pytest.raises(InputError, match=r"environment 1: topology .*: expected the hosts and links of environment 0, dumbbell"):
            FabricArrays.stack([dumbbell(), other])


def test_flows() -> None:
    flows = FlowArrays.of(dumbbell(), [Flow("h1", "h3", 0.5), Flow("h0", "h2")])
    assert flows.senders.tolist() == [1, 0]
    assert flows.pairs.tolist() == [1 * 4 + 3, 0 * 4 + 2]
    assert flows.starts_s.tolist() == [0.5, 0]


def test_stacked_flows_point_into_arrays_laid_flat() -> None:
    topology = dumbbell()
    parts = [FlowArrays.of(topology, flows) for flows in ([], [Flow("h1", "h3", 0.5)], [Flow("h2", "h0"), Flow("h3", "h1")])]
    stacked = FlowArrays.stack(parts, 3)
    assert stacked.starts_s.tolist() == [[np.inf] * 3, [0.5, np.inf, np.inf], [0, 0, np.inf]]
    assert np.unravel_index(stacked.senders[1, 0], (3, 4)) == (1, 1)
    assert np.unravel_index(stacked.pairs[1, 0], (3, 4, 4)) == (1, 1, 3)
    assert np.unravel_index(stacked.pairs[2, 1], (3, 4, 4)) == (2, 3, 1)
    # Padding points into its own environment, so that no index is out of range.
    assert (stacked.senders // 4 == np.arange(3)[:, None]).all()
    assert (stacked.pairs // 16 == np.arange(3)[:, None]).all()
