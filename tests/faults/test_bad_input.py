"""Every field of a scenario, filled with whatever: it runs a step in the simulator, or one line says what is wrong with which field."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iroko.envs.environment import IrokoEnv
from iroko.errors import InputError, IrokoError
from iroko.registry import list_names
from iroko.scenario import FEATURES, Scenario
from iroko.toml import parse_toml, read_toml
from tests.faults.bad_values import GARBAGE, HUGE, NUMBERS, QUANTITIES, check_error, fields_of, soon

SMALL: dict[str, dict[str, Any]] = {"dumbbell": {"num_left": 1, "num_right": 1}, "fattree": {"k": 2}, "star": {"num_hosts": 3}}
SPAN: dict[str, Any] = {"interval_s": 0.01, "episode_s": 0.1}
MOST_PACKETS = 200_000
"""In the step that is run: what is allowed and simply much is not this test's concern."""
CSV = "source,destination,start_s,size_bytes\na,b,0,1000\n"


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("replay") / "flows.csv"
    path.write_text(CSV)
    return path


def table_of(topology: str, traffic: str, csv: Path) -> dict[str, Any]:
    """A good table of small sizes."""
    pattern: dict[str, Any] = {"name": traffic}
    needed: dict[str, dict[str, Any]] = {"staggered": {"edge_share": 1.0, "pod_share": 0.0}, "replay": {"file": str(csv)}}
    pattern |= needed.get(traffic, {})
    if traffic in ("datamining", "hadoop", "websearch"):
        pattern |= {"size_scale": 1e-5, "duration_s": 0.05}
    return {"topology": {"name": topology, **SMALL[topology]}, "traffic": pattern, "environment": dict(SPAN)}


def run_a_step(scenario: Scenario) -> None:
    """One step in the simulator gives finite numbers."""
    env = IrokoEnv(scenario, engine="sim")
    packets = scenario.interval_s * sum(env.topology.host_rates_bps) / 8 / 1514
    if packets > MOST_PACKETS or env.topology.num_hosts > 200:
        return
    try:
        env.reset(seed=1)
        observation, reward, _, _, info = env.step(np.full(env.topology.num_hosts, scenario.min_fraction))
        assert env.observation_space.contains(observation) and math.isfinite(reward)
        assert all(math.isfinite(value) for value in info.values() if isinstance(value, float))
    finally:
        env.close()


def make_and_run(table: dict[str, Any], *names: str) -> None:
    """The scenario of a table runs, or the error names the field."""
    with soon(table):
        try:
            scenario = Scenario.from_table(table)
            assert Scenario.from_table(scenario.to_table()) == scenario
            run_a_step(scenario)
        except IrokoError as error:
            check_error(error, *names)


def every_field() -> list[tuple[str, str, str, str]]:
    """(topology, traffic, section, key) such that each parameter of each file, and each field of the environment, is there once."""
    cases = []
    for topology in list_names("topologies"):
        cases += [(topology, "pairs", *place) for place in fields_of(Scenario(topology=topology).to_table()) if place[0] == "topology"]
    for traffic in list_names("traffic"):
        parameters = Scenario(traffic=traffic).to_table()["traffic"] if traffic not in ("replay", "staggered") else {}
        parameters |= {"replay": dict.fromkeys(("name", "file", "time_scale", "size_scale", "max_flows", "sha256")),
                       "staggered": dict.fromkeys(("edge_share", "pod_share", "start_s", "size_bytes"))}.get(traffic, {})  # fmt: skip
        cases += [("star", traffic, "traffic", key) for key in parameters]
    return cases + [("dumbbell", "pairs", *place) for place in fields_of(Scenario().to_table()) if place[0] == "environment"]


@pytest.mark.parametrize(("topology", "traffic", "section", "key"), every_field(), ids=lambda value: str(value))
@given(value=st.one_of(QUANTITIES, NUMBERS, GARBAGE))
@settings(max_examples=20)
def test_every_field_runs_or_is_named(topology: str, traffic: str, section: str, key: str, value: Any, csv: Path) -> None:
    table = table_of(topology, traffic, csv)
    table[section][key] = value
    make_and_run(table, key.removesuffix("s"), section, traffic if section == "traffic" else topology)


@pytest.mark.parametrize("name", HUGE)
def test_huge_values_are_not_looked_at_for_long(name: str, csv: Path) -> None:
    for topology, traffic, section, key in every_field():
        table = table_of(topology, traffic, csv)
        table[section][key] = HUGE[name]
        with soon(f"{section}.{key} of {name}"), pytest.raises(InputError) as caught:
            Scenario.from_table(table)
        check_error(caught.value, key.removesuffix("s"), section, traffic, topology)


@given(st.data())
@settings(max_examples=60)
def test_several_fields_at_once(csv: Path, data: st.DataObject) -> None:
    table = table_of(data.draw(st.sampled_from(list_names("topologies"))), data.draw(st.sampled_from(list_names("traffic"))), csv)
    for section in data.draw(st.sets(st.sampled_from([*table, "other"]))):
        keys = [*table.get(section, {}), "rate_bps", "size_bytes", "features", "seed"]
        table.setdefault(section, {})[data.draw(st.sampled_from(keys))] = data.draw(GARBAGE)
    make_and_run(table)


@given(st.lists(st.one_of(st.sampled_from(FEATURES), GARBAGE), max_size=12), st.sampled_from(["central", "hosts"]))
def test_features(features: list[Any], deployment: str) -> None:
    make_and_run({"environment": {**SPAN, "features": features, "deployment": deployment}}, "feature")


@given(st.floats(1e3, 400e9), st.floats(1e-12, 0.999), st.floats(0, 10), st.floats(1e-3, 1))
def test_what_is_allowed_alone_also_runs_together(rate_bps: float, min_fraction: float, delay_s: float, interval_s: float) -> None:
    assume(rate_bps * interval_s / 12_112 < MOST_PACKETS / 8)
    make_and_run({
        "topology": {"name": "dumbbell", "rate_bps": rate_bps, "delay_s": delay_s},
        "environment": {"interval_s": interval_s, "episode_s": 2 * interval_s, "min_fraction": min_fraction},
    }, "min_fraction", "episode_s")  # fmt: skip


@pytest.mark.parametrize(("table", "message"), [
    ({"topology": {"name": "fattree", "k": 1000}}, "k=1000: expected an even number of ports, 2 to 48"),
    ({"topology": {"name": "star", "num_hosts": 10**9}}, "num_hosts=1000000000: expected 2 to 1000"),
    ({"topology": {"num_left": 10**9}}, "num_left=1000000000: expected 1 to 500"),
    ({"topology": {"rate_bps": 1}}, "expected 1e3 <= rate_bps <= 4e+11"),
    ({"topology": {"rate_bps": 10**15}}, "expected 1e3 <= rate_bps <= 4e+11"),
    ({"topology": {"queue_bytes": 10**15}}, "queue_bytes=1000000000000000 of port h0->s0: expected 1514"),
    ({"environment": {"interval_s": 1e-12}}, "interval_s=1e-12: expected 0.001 <= interval_s"),
    ({"environment": {"interval_s": 0.001, "episode_s": 86400}}, "has 86,400,000 steps of interval_s=0.001: expected at most 1,000,000"),
    ({"environment": {"episode_s": 1e8}}, "episode_s=1e+08: expected"),
    ({"environment": {"min_fraction": 1e-9}}, "min_fraction=1e-09: expected 8e-07 or more, a byte a second on a link of 10 Mbit/s"),
    ({"environment": {"features": ["limits", "limits"]}}, "'limits' is listed twice"),
    ({"topology": {"name": "fattree", "k": 24}, "environment": {"features": ["pairs"]}}, "'pairs' on 3,456 hosts: expected at most 2,000"),
    ({"traffic": {"name": "websearch", "load": 0}}, "load=0: expected 0.001 <= load <= 1"),
    ({"traffic": {"name": "websearch", "load": float("nan")}}, "load=nan: expected"),
    ({"traffic": {"name": "websearch", "duration_s": 86400, "size_scale": 1e-5}}, "expected at most max_flows=10000"),
    ({"traffic": {"name": "websearch", "max_flows": 10**12}}, "max_flows=1e+12: expected 1 <= max_flows <= 100000"),
    ({"traffic": {"name": "random", "flows_per_host": 10**12}}, "flows_per_host=1e+12: expected 1 <= flows_per_host <= 1000"),
    ({"topology": {"name": "star", "num_hosts": 1000}, "traffic": {"name": "all_to_all"}}, "makes 999000 flows: expected at most 100000"),
    ({"traffic": {"start_s": 30}}, "its first flow starts at 30 s: expected at least one that starts before the end of the episode"),
    ({"traffic": {"size_bytes": 10**18}}, "of flow h0->h2: expected 1 or more, at most 2^50, or None, in whole bytes"),
])  # fmt: skip
def test_absurd_sizes_are_refused_before_work_begins(table: dict[str, Any], message: str) -> None:
    with soon(table), pytest.raises(InputError) as caught:
        Scenario.from_table(table)
    check_error(caught.value)
    assert message in str(caught.value)


TOML = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=5), st.dates(), st.times(), st.datetimes()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["topology", "traffic", "environment", "x"]), TOML, max_size=3))
def test_any_toml_is_a_scenario_or_an_error(table: dict[str, Any]) -> None:
    with soon(table):
        try:
            Scenario.from_table(table)
        except InputError as error:
            check_error(error)


@pytest.mark.parametrize("text", [
    "a" + ".a" * 5000 + " = 1", "a = " + "[" * 300 + "]" * 300, "a = " + "[" * 5000, "a = 0x" + "f" * 5000, "a = " + "9" * 5000,
    "a = 99999999999999999999", "a = 1\na = 2", "[a]\n[a]", "a = \x00", "a = \"\\ud800\"", "[topology\nk = 2", "= 1", "a = 2021-13-01",
    "a = " + "{b = " * 50 + "1" + "}" * 50, "\ufeffa = 1", "a = 1 b = 2",
])  # fmt: skip
def test_toml_that_is_none_or_goes_too_far(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with soon(text), pytest.raises(InputError, match=r"config\.toml is not TOML: ") as caught:
        read_toml(path)
    check_error(caught.value)
    with pytest.raises(InputError):
        parse_toml(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_toml_or_an_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        read_toml(path)
    except InputError as error:
        check_error(error, "any.toml")


def test_a_file_without_end_is_refused(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path / "large.toml"):
        if path.parent == tmp_path:
            path.write_bytes(b"#" * 1_000_001)
        with soon(path), pytest.raises(InputError, match="expected at most 1,000,000 bytes"):
            read_toml(path)
    with pytest.raises(InputError, match="null byte"):
        read_toml("a\0b")
