"""Scenarios: read, checked, written back."""

import dataclasses
import pickle
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.registry import list_names
from iroko.scenario import FEATURES, Scenario, check_parameters, read_value, share_fabrics
from iroko.toml import read_toml

EXAMPLE = """
[topology]
name = "fattree"
k = 4
rate_bps = "1G"
delay_s = "20us"
queue_bytes = "150k"
ecn_bytes = "none"
routing = "ecmp"

[traffic]
name = "incast"
num_senders = 3
receiver = "h7"
size_bytes = "1MB"

[environment]
transport = "dctcp"
interval_s = "50ms"
episode_s = "2s"
min_fraction = 0.1
features = ["backlog", "marks"]
reward = "fairness"
"""


def to_toml(table: dict[str, Any]) -> str:
    """Enough of TOML for a scenario: strings, numbers, booleans and lists of strings."""

    def value(item: Any) -> str:
        if isinstance(item, list):
            return f"[{', '.join(map(value, item))}]"
        return f'"{item}"' if isinstance(item, str) else str(item).lower() if isinstance(item, bool) else repr(item)

    return "\n".join(
        f"[{section}]\n" + "".join(f"{key} = {value(item)}\n" for key, item in keys.items()) for section, keys in table.items()
    )


def test_an_example_is_read_in_units(tmp_path: Path) -> None:
    path = tmp_path / "example.toml"
    path.write_text(EXAMPLE)
    scenario = Scenario.from_table(read_toml(path))
    assert scenario.topology == "fattree"
    assert scenario.topology_parameters == {
        "k": 4, "rate_bps": 1e9, "delay_s": pytest.approx(20e-6), "queue_bytes": 150_000, "ecn_bytes": None, "routing": "ecmp",
        "host_queue": "fifo",
    }  # fmt: skip
    assert scenario.traffic_parameters["size_bytes"] == 1_000_000
    assert (scenario.transport, scenario.episode_s) == ("dctcp", 2.0)
    assert scenario.interval_s == pytest.approx(0.05)
    assert scenario.features == ("backlog", "marks")
    assert scenario.num_steps == 40
    topology = scenario.fabric
    flows = scenario.make_flows(topology, np.random.default_rng(0))
    assert topology.num_hosts == 16
    assert {port.rate_bps for port in topology.ports} == {1e9}
    assert [flow.destination for flow in flows] == ["h7"] * 3


def test_defaults_are_filled_in() -> None:
    scenario = Scenario()
    assert scenario.topology_parameters == {
        "num_left": 2, "num_right": 2, "rate_bps": 10e6, "delay_s": 0.0, "queue_bytes": 757_000, "ecn_bytes": 30_280,
        "routing": "static",
        "host_queue": "fifo",
    }  # fmt: skip
    assert scenario.num_steps == 200
    assert Scenario.from_table({}) == scenario


@pytest.mark.parametrize("traffic", [name for name in list_names("traffic") if name not in ("staggered", "replay")])
@pytest.mark.parametrize("topology", list_names("topologies"))
def test_every_pattern_runs_on_every_fabric_and_survives_toml(topology: str, traffic: str) -> None:
    scenario = Scenario(topology=topology, traffic=traffic)
    assert Scenario.from_table(tomllib.loads(to_toml(scenario.to_table()))) == scenario


def test_an_example_survives_toml() -> None:
    scenario = Scenario.from_table(tomllib.loads(EXAMPLE))
    again = Scenario.from_table(tomllib.loads(to_toml(scenario.to_table())))
    assert again == scenario
    assert again.to_table() == scenario.to_table()


@pytest.mark.parametrize(("table", "message"), [
    ({"topolgy": {}}, "unknown section 'topolgy'. Did you mean 'topology'"),
    ({"topology": {"name": "fatree"}}, "unknown topology 'fatree'. Did you mean 'fattree'"),
    ({"topology": {"name": "fattree", "rate_bsp": "1G"}}, "unknown key of topology fattree 'rate_bsp'. Did you mean 'rate_bps'"),
    ({"traffic": {"name": "incats"}}, "unknown traffic 'incats'. Did you mean 'incast'"),
    ({"traffic": {"name": "stride", "steps": 2}}, "unknown key of traffic stride 'steps'. Did you mean 'step'"),
    ({"environment": {"intervall_s": 1}}, "unknown key of environment 'intervall_s'. Did you mean 'interval_s'"),
    ({"environment": {"reward": "iroko2019"}}, "unknown reward 'iroko2019'. Did you mean 'iroko2018'"),
    ({"environment": {"features": ["backlogs"]}}, "unknown feature 'backlogs'. Did you mean 'backlog'"),
    # The generator and the fabric are not a user's to set.
    ({"traffic": {"rng": 1}}, "unknown key of traffic pairs 'rng'"),
])  # fmt: skip
def test_an_unknown_name_tells_the_nearest(table: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Scenario.from_table(table)
    assert message in str(caught.value)


@pytest.mark.parametrize(("table", "message"), [
    ({"environment": {"interval_s": 0}}, "interval_s=0: expected 0.001 <= interval_s <= 60"),
    ({"environment": {"interval_s": "61s", "episode_s": "122s"}}, "interval_s=61: expected"),
    ({"environment": {"interval_s": "-1s"}}, "interval_s=-1: expected"),
    ({"environment": {"interval_s": "fast"}}, "time 'fast': expected a number such as"),
    ({"environment": {"interval_s": [1]}}, "interval_s: time [1]: expected a number"),
    ({"environment": {"episode_s": 0.05}}, "episode_s=0.05: expected interval_s=0.1 <= episode_s"),
    ({"environment": {"episode_s": "25h"}}, "episode_s=90000: expected"),
    ({"environment": {"episode_s": 0.25}}, "episode_s=0.25: expected a whole number of intervals of 0.1 s"),
    ({"environment": {"min_fraction": 0}}, "min_fraction=0: expected 0 < min_fraction < 1"),
    ({"environment": {"min_fraction": 1}}, "min_fraction=1: expected"),
    ({"environment": {"min_fraction": "much"}}, "min_fraction='much': expected a number"),
    ({"environment": {"min_fraction": float("nan")}}, "min_fraction=nan: expected"),
    ({"environment": {"features": []}}, "features=[]: expected a list of some of backlog"),
    ({"environment": {"features": "backlog"}}, "features='backlog': expected a list"),
    ({"environment": {"transport": "tcp vegas"}}, "transport='tcp vegas': expected udp or the name"),
    ({"environment": {"transport": 7}}, "transport=7: expected"),
    ({"environment": 3}, "environment=3: expected a table [environment]"),
    ({"topology": {"num_left": 0}}, "num_left=0: expected 1 to 500 hosts"),
    ({"topology": {"num_left": 2.5}}, "num_left=2.5 of topology dumbbell: expected int"),
    ({"topology": {"num_left": "two"}}, "num_left='two' of topology dumbbell: expected int"),
    ({"topology": {"num_left": True}}, "num_left=True of topology dumbbell: expected int"),
    ({"topology": {"rate_bps": "10 parsecs"}}, "rate '10 parsecs': expected a number such as 10M"),
    ({"topology": {"rate_bps": "1T"}}, "rate_bps=1e+12 of port h0->s0: expected"),
    ({"topology": {"rate_bps": "none"}}, "rate_bps='none' of topology dumbbell: expected float"),
    ({"topology": {"rate_bps": 10**400}}, "rate_bps of topology dumbbell: expected a number below 1e308"),
    ({"topology": {"ecn_bytes": "2MB"}}, "ecn_bytes=2000000 of port s0->h0: expected 0 < ecn_bytes <= queue_bytes=757000"),
    ({"topology": {"ecn_bytes": [1]}}, "ecn_bytes=[1] of topology dumbbell: expected int or none"),
    ({"topology": {"routing": "random"}}, "routing='random': expected one of static, ecmp"),
    ({"topology": {"name": "fattree", "k": 5}}, "k=5: expected an even number"),
    ({"traffic": {"name": "staggered"}}, "host h0 of dumbbell has no other host beyond its pod"),
    ({"traffic": {"name": "incast", "num_senders": 4}}, "num_senders=4: expected 1 <= num_senders <= 3"),
    ({"traffic": {"size_bytes": 0}}, "size_bytes=0 of flow h0->h2: expected 1 or more, at most 2^50, or None, in whole bytes"),
])  # fmt: skip
def test_a_bad_value_is_named_with_what_is_allowed(table: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Scenario.from_table(table)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scenario_is_frozen_and_its_tables_are_its_own() -> None:
    scenario = Scenario()
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.reward = "queue"  # type: ignore[misc]
    scenario.to_table()["topology"]["num_left"] = 99
    assert scenario.topology_parameters["num_left"] == 2


def test_read_value_goes_by_the_unit_in_the_key() -> None:
    assert read_value("rate_bps", "10M") == 10e6
    assert read_value("delay_s", "10ms") == pytest.approx(0.01)
    assert read_value("queue_bytes", "10M") == 10_000_000
    assert read_value("size_bytes", "none") == "none"
    assert read_value("receiver", "10M") == "10M"
    assert read_value("rate_bps", 5) == 5


def test_check_parameters_takes_whole_numbers_for_fractions_and_not_the_other_way() -> None:
    def function(required: object, share: float = 0.5, count: int = 1, name: str | None = None) -> None:
        """Only the signature matters."""

    checked = check_parameters("test", function, {"share": 1, "name": "None"})
    assert checked == {"share": 1.0, "count": 1, "name": None}
    assert isinstance(checked["share"], float)
    with pytest.raises(InputError, match=r"count=1.0 of test: expected int"):
        check_parameters("test", function, {"count": 1.0})
    with pytest.raises(InputError, match="unknown key of test 'required'"):
        check_parameters("test", function, {"required": 1})


def test_files_that_are_no_config(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_toml(tmp_path / "missing.toml")
    with pytest.raises(InputError, match=r"config .*: Is a directory"):
        read_toml(tmp_path)
    for name, content in {
        "yaml": b"topology: fattree\n", "binary": b"\xff\xfe\x00", "digits": b"k = " + b"9" * 5000,
        "deep": b"k = " + b"[" * 100_000,
    }.items():  # fmt: skip
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not TOML"):
            read_toml(path)


GARBAGE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("none"), st.just(10**400),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)  # fmt: skip
# Values that are possible but would only make this test slow: huge fabrics and lists of flows are tried elsewhere.
KEYS = {
    "topology": ["name", "num_left", "rate_bps", "delay_s", "queue_bytes", "ecn_bytes", "routing", "host_queue", "colour"],
    "traffic": ["name", "size_bytes", "start_s", "start_spread_s", "num_senders"],
    "environment": ["transport", "interval_s", "episode_s", "min_fraction", "features", "reward", "seed"],
}


@given(st.sampled_from([(section, key) for section, keys in KEYS.items() for key in keys]), GARBAGE)
def test_garbage_is_refused_by_an_input_error_and_nothing_else(place: tuple[str, str], value: Any) -> None:
    section, key = place
    try:
        scenario = Scenario.from_table({section: {key: value}})
    except InputError as error:
        assert str(error)
    else:
        assert Scenario.from_table(scenario.to_table()) == scenario


@given(st.dictionaries(st.sampled_from([*KEYS, "other"]), GARBAGE, max_size=3))
def test_garbage_for_tables(table: dict[str, Any]) -> None:
    try:
        Scenario.from_table(table)
    except InputError as error:
        assert str(error)


@given(
    st.lists(st.sampled_from(FEATURES), min_size=1, unique=True),
    st.integers(1, 500),
    st.sampled_from([0.001, 0.01, 0.1, 0.25, 1.0]),
)
def test_what_is_allowed_passes(features: list[str], num_steps: int, interval_s: float) -> None:
    scenario = Scenario(features=tuple(features), interval_s=interval_s, episode_s=num_steps * interval_s)
    assert scenario.num_steps == num_steps
    assert Scenario.from_table(scenario.to_table()) == scenario


def test_the_fabric_is_made_once_and_left_out_of_copies() -> None:
    scenario = Scenario(topology="fattree")
    assert scenario.fabric is scenario.fabric
    copied = pickle.loads(pickle.dumps(scenario))
    assert "fabric" not in vars(copied)
    assert copied == scenario and copied.fabric == scenario.fabric
    other = dataclasses.replace(scenario, topology_parameters={"k": 6})
    assert (other.fabric.num_hosts, scenario.fabric.num_hosts) == (54, 16)


def test_equal_fabrics_are_shared() -> None:
    first, second, third = share_fabrics([Scenario(), Scenario(traffic="stride"), Scenario(topology="fattree")])
    assert first is second and first != third
