"""The engine `mininet` over a deployed policy: flows decide by the scenario's policies, and their queue is marked, by RED or BPF."""

from contextlib import closing

import numpy as np
import pytest

from iroko.engines.open import open_engine
from iroko.errors import UnsupportedError
from iroko.flows import Flow
from iroko.policy.bpf.deployment import Deployment
from iroko.policy.bpf.load import Loaded
from iroko.policy.builtin import dctcp_like
from iroko.topologies.dumbbell import dumbbell

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("host")]

TOPOLOGY = dumbbell(2, 2, 20e6, 0.0, ecn_bytes=30_280)
FLOWS = [Flow("h0", "h2", policy=dctcp_like()), Flow("h1", "h3", policy=dctcp_like(4096))]


def test_flows_are_marked_and_the_policies_are_removed() -> None:
    loaded = Loaded(dctcp_like())
    try:
        with Deployment.expect() as deployment:
            with closing(open_engine("mininet", TOPOLOGY)) as engine:
                engine.reset(FLOWS, "iroko", 1)
                assert len(deployment.policy_numbers()) == 3
                snapshots = [engine.step(np.array(TOPOLOGY.host_rates_bps), 0.25) for _ in range(6)]
            assert deployment.policy_numbers() == [0]
    finally:
        loaded.close()
    delivered = sum(s.flow_bytes for s in snapshots)
    marks, echoes = sum(int(s.port_marks.sum()) for s in snapshots), sum(int(s.host_echoes.sum()) for s in snapshots)
    assert delivered.min() > 0 and marks > 20 and echoes > 20
    assert np.median([s.backlog_mean_bytes[list(TOPOLOGY.switch_ports)].max() for s in snapshots[2:]]) < 2 * 30_280


def test_without_a_deployed_policy_the_remedy_is_named() -> None:
    with closing(open_engine("mininet", TOPOLOGY)) as engine, pytest.raises(UnsupportedError, match="iroko deploy POLICY"):
        engine.reset(FLOWS, "iroko", 1)
