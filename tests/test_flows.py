"""Flows as plain data: what a pattern may give, and what they become."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.rundir.config import make_config
from iroko.scenario import Scenario


@pytest.mark.parametrize("start", [1, np.int64(1), np.float32(1.0), np.float64(1.0)])
@pytest.mark.parametrize("size", [20, np.int64(20), np.uint8(20), 20.0, np.float64(20.0)])
def test_numbers_of_numpy_become_plain_ones(start: Any, size: Any) -> None:
    flow = Flow(np.str_("h0"), "h1", start, size)
    assert flow == Flow("h0", "h1", 1.0, 20)
    assert [type(value) for value in dataclasses.astuple(flow)[:4]] == [str, str, float, int]
    assert json.loads(json.dumps(dataclasses.astuple(flow))) == ["h0", "h1", 1.0, 20, None, None]


@pytest.mark.parametrize(("values", "message"), [
    ((0, 1), "source=0 of a flow: expected the name of a host"),
    (("h0", None), "destination=None of a flow"),
    (("h0", "h0"), "flow from h0 to itself"),
    (("h0", "h1", "soon"), "start_s='soon' of flow h0->h1: expected seconds, 0 or more"),
    (("h0", "h1", np.nan), "start_s=nan"), (("h0", "h1", True), "start_s=True"), (("h0", "h1", np.array([1.0])), "start_s=array"),
    (("h0", "h1", 10**400), "start_s=.*: expected seconds|start_s of flow h0->h1: expected a number below 1e308"),
    (("h0", "h1", 0.0, 1.5), "size_bytes=1.5 of flow h0->h1: expected 1 or more, at most 2.50, or None, in whole bytes"),
    (("h0", "h1", 0.0, np.int64(0)), "size_bytes="), (("h0", "h1", 0.0, np.bool_(True)), "size_bytes="),
    (("h0", "h1", 0.0, "64k"), "size_bytes='64k'"), (("h0", "h1", 0.0, float("inf")), "size_bytes=inf"),
])  # fmt: skip
def test_what_is_no_flow_is_refused(values: tuple[Any, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Flow(*values)


def test_parameters_and_options_take_numbers_of_numpy() -> None:
    scenario = Scenario(
        topology_parameters={"num_left": np.int64(3), "rate_bps": np.float32(1e6), "ecn_bytes": None}, interval_s=np.float64(0.1),
        traffic_parameters={"size_bytes": np.int32(5)}, episode_s=np.int64(2),
    )  # fmt: skip
    assert scenario == Scenario(topology_parameters={"num_left": 3, "rate_bps": 1e6, "ecn_bytes": None}, interval_s=0.1, episode_s=2.0,
                                traffic_parameters={"size_bytes": 5})  # fmt: skip
    table = {"run": {"seed": np.int64(5), "episodes": np.uint8(2), "agents": "none", "size_classes_bytes": [np.int64(100)]}}
    config = make_config(table)
    assert [type(value) for value in (config.seed, config.episodes, *config.size_classes_bytes)] == [int, int, int]
    assert make_config(config.to_table()) == config
