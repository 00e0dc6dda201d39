"""Shares of transports: how they are read, and which flows they get."""

from collections import Counter

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.mix import format_mix, mix_transports, parse_mix
from iroko.scenario import Scenario


@pytest.mark.parametrize(("text", "shares"), [
    ("", {}), ("dctcp=0.5", {"dctcp": 0.5}), (" dctcp = 0.5 , iroko=.25 ", {"dctcp": 0.5, "iroko": 0.25}),
    ("a=0.1,b=0.2,c=0.3,d=0.4", {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}),
])  # fmt: skip
def test_shares_are_read_and_written(text: str, shares: dict[str, float]) -> None:
    assert parse_mix(text) == shares
    assert parse_mix(format_mix(shares)) == shares


@pytest.mark.parametrize("text", ["dctcp", "dctcp=", "=0.5", "dctcp=half", "dctcp=nan", "dctcp=0", "dctcp=-0.1", "dctcp=0.6,cubic=0.5",
                                  "dctcp=0.2,dctcp=0.3", "dctcp=0.5,", "d c=0.5", "dctcp=inf", 0.5, None])  # fmt: skip
def test_other_texts_are_refused(text: object) -> None:
    with pytest.raises(InputError, match="mix="):
        parse_mix(text)


def test_each_transport_gets_its_share() -> None:
    flows = [Flow("h0", "h1", index * 0.1) for index in range(40)]
    mixed = mix_transports(flows, {"dctcp": 0.5, "cubic": 0.25}, np.random.default_rng(1))
    assert Counter(flow.transport for flow in mixed) == {"dctcp": 20, "cubic": 10, None: 10}
    assert [flow.start_s for flow in mixed] == [flow.start_s for flow in flows]
    assert mixed == mix_transports(flows, {"dctcp": 0.5, "cubic": 0.25}, np.random.default_rng(1))
    assert mixed != mix_transports(flows, {"dctcp": 0.5, "cubic": 0.25}, np.random.default_rng(2))


def test_a_flow_keeps_a_transport_of_its_own() -> None:
    flows = [Flow("h0", "h1", transport="nv"), Flow("h0", "h1"), Flow("h1", "h0", transport="nv")]
    assert [flow.transport for flow in mix_transports(flows, {"dctcp": 1.0}, np.random.default_rng(1))] == ["nv", "dctcp", "nv"]


def test_shares_of_few_flows_are_rounded() -> None:
    for share, count in ((0.1, 0), (0.34, 1), (0.9, 3)):
        mixed = mix_transports([Flow("h0", "h1")] * 3, {"dctcp": share}, np.random.default_rng(1))
        assert sum(flow.transport == "dctcp" for flow in mixed) == count


def test_a_scenario_keeps_its_mix() -> None:
    scenario = Scenario(mix="dctcp=0.50, iroko=0.25")
    assert scenario.mix == "dctcp=0.5,iroko=0.25"
    assert Scenario.from_table(scenario.to_table()) == scenario
    with pytest.raises(InputError, match="mix='dctcp=2'"):
        Scenario(mix="dctcp=2")
