"""Infos as Python's own numbers."""

import numpy as np

from iroko.envs.info import measures, to_row, to_rows
from iroko.reward import RewardContext
from iroko.topologies.dumbbell import dumbbell
from tests.fake_engine import make_snapshot


def test_numbers_and_rows_have_pythons_own_types() -> None:
    assert to_row({"a": np.float64(1.5), "b": np.array(2)}, 0) == {"a": 1.5, "b": 2}
    rows = to_rows({"a": np.array([1.5, 2.5]), "b": np.array([3, 4])})
    assert rows == [{"a": 1.5, "b": 3}, {"a": 2.5, "b": 4}]
    assert [type(value) for value in rows[0].values()] == [float, int]


def test_measures_of_switch_ports() -> None:
    topology = dumbbell()
    values = np.arange(topology.num_ports)
    snapshot = make_snapshot(
        topology, port_drops=values, port_marks=values * 2, backlog_mean_bytes=values * 1.5, backlog_peak_bytes=values * 3
    )
    ports = np.array(topology.switch_ports)
    found = to_row(measures(RewardContext.of(topology, []), snapshot), 0)
    assert found == {
        "time_s": 1.0,
        "goodput_bps": 0.0,
        "queue_mean_bytes": ports.sum() * 1.5 / 6,
        "queue_peak_bytes": ports.max() * 3,
        "drops": ports.sum(),
        "marks": ports.sum() * 2,
        "jain": 1.0,
    }
