"""Options, settings, files and defaults become one checked config."""

import platform
import tomllib
from pathlib import Path
from typing import Any

import pytest

from iroko.errors import InputError
from iroko.rundir.config import (
    DEFAULT_ENVS,
    DEFAULT_STEPS,
    RunConfig,
    first_difference,
    make_config,
    make_table,
    overlay,
    read_setting,
)
from iroko.scenario import Scenario
from iroko.toml import format_toml

GUEST = {"run": {"engine": "guest"}}


@pytest.mark.parametrize(("text", "table"), [
    ("topology.k=8", {"topology": {"k": 8}}),
    ("topology.rate_bps = 100M", {"topology": {"rate_bps": "100M"}}),
    ("topology.ecn_bytes=none", {"topology": {"ecn_bytes": "none"}}),
    ("agent.ppo.learning_rate=1e-3", {"agent": {"ppo": {"learning_rate": 1e-3}}}),
    ('environment.features=["backlog", "limits"]', {"environment": {"features": ["backlog", "limits"]}}),
    ("run.model=a=b", {"run": {"model": "a=b"}}),
])  # fmt: skip
def test_a_setting_is_read_as_toml_or_as_text(text: str, table: dict[str, Any]) -> None:
    assert read_setting(text) == table


@pytest.mark.parametrize("text", ["k=8", "topology.k", "topology.k=", "=8", "topology..k=8", ""])
def test_a_setting_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"expected SECTION\.KEY=VALUE"):
        read_setting(text)


def test_an_option_beats_a_setting_beats_a_file_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[run]\nsteps = 1\nseed = 1\nenvs = 1\n[topology]\nk = 6\n")
    settings = ["run.steps=2", "run.seed=2", "run.seed=3"]
    config = make_config(make_table({"run": {"steps": 4, "engine": "guest"}}, settings, file))
    assert (config.steps, config.seed, config.envs, config.episodes) == (4, 3, 1, 2)
    assert config.scenario.topology_parameters["k"] == 6


def test_another_topology_drops_the_parameters_of_the_one_below() -> None:
    below = {"topology": {"name": "fattree", "k": 8}, "traffic": {"name": "stride", "step": 3}}
    assert overlay(below, {"topology": {"name": "dumbbell"}})["topology"] == {"name": "dumbbell"}
    assert overlay(below, {"topology": {"rate_bps": "1G"}})["topology"] == {"name": "fattree", "k": 8, "rate_bps": "1G"}
    assert overlay(below, {"traffic": {"name": "pairs"}})["traffic"] == {"name": "pairs"}


def test_laying_over_changes_neither_table() -> None:
    below, above = {"agent": {"ppo": {"gamma": 0.9}}}, {"agent": {"ppo": {"clip_range": 0.1}}}
    assert overlay(below, above) == {"agent": {"ppo": {"gamma": 0.9, "clip_range": 0.1}}}
    assert below == {"agent": {"ppo": {"gamma": 0.9}}} and above == {"agent": {"ppo": {"clip_range": 0.1}}}


@pytest.mark.parametrize(("topology", "traffic"), [("dumbbell", "pairs"), ("fattree", "stride"), ("star", "incast")])
def test_each_topology_has_its_own_default_traffic(topology: str, traffic: str) -> None:
    assert make_config(overlay(GUEST, {"topology": {"name": topology}})).scenario.traffic == traffic


def test_defaults() -> None:
    config = make_config(GUEST)
    assert config.schemes == ("ppo", "nv", "dctcp", "maxmin")
    assert (config.engine, config.train_engine, config.steps) == ("guest", "sim", DEFAULT_STEPS)
    assert config.envs == DEFAULT_ENVS["sim"] > DEFAULT_ENVS["guest"]


def test_only_default_baselines_may_be_left_out() -> None:
    assert make_config(GUEST).skip_missing
    assert not make_config(overlay(GUEST, {"run": {"baselines": ["nv"]}})).skip_missing


def test_no_baselines_and_default_ones_that_are_agents() -> None:
    assert make_config(overlay(GUEST, {"run": {"baselines": ["none"]}})).schemes == ("ppo",)
    assert make_config(overlay(GUEST, {"run": {"agents": ["none"]}})).schemes == ("nv", "dctcp", "maxmin")
    assert make_config(overlay(GUEST, {"run": {"agents": ["maxmin"]}})).schemes == ("maxmin", "nv", "dctcp")


@pytest.mark.parametrize("engine", ["guest", "mininet", "sim"])
def test_agents_learn_in_the_simulator_unless_told(engine: str) -> None:
    assert make_config({"run": {"engine": engine}}).train_engine == "sim"
    config = make_config({"run": {"engine": engine, "train_engine": "guest"}})
    assert (config.train_engine, config.envs) == ("guest", DEFAULT_ENVS["guest"])


@pytest.mark.parametrize(("transport", "engine", "expected", "envs"), [
    ("dctcp", "guest", "sim", "sim"), ("bbr", "guest", "guest", "guest"), ("bbr", "mininet", "mininet", "mininet"),
])  # fmt: skip
def test_over_a_transport_that_the_simulator_lacks_agents_learn_where_they_are_scored(
    transport: str, engine: str, expected: str, envs: str
) -> None:
    config = make_config({"environment": {"transport": transport}, "run": {"engine": engine}})
    assert (config.train_engine, config.envs) == (expected, DEFAULT_ENVS[envs])


def test_where_the_guest_cannot_run_schemes_are_scored_in_the_simulator(monkeypatch: pytest.MonkeyPatch) -> None:
    for system, machine, engine in (("Linux", "x86_64", "guest"), ("Linux", "aarch64", "sim"), ("Darwin", "x86_64", "sim")):
        monkeypatch.setattr(platform, "system", lambda system=system: system)
        monkeypatch.setattr(platform, "machine", lambda machine=machine: machine)
        assert make_config({}).engine == engine


@pytest.mark.parametrize(("table", "message"), [
    ({"topolgy": {}}, "unknown section 'topolgy'. Did you mean 'topology'"),
    ({"topology": 3}, "expected a table"),
    ({"topology": {"name": "fatree"}}, "unknown topology 'fatree'. Did you mean 'fattree'"),
    ({"topology": {"name": "fattree", "kk": 4}}, "unknown key of topology fattree 'kk'. Did you mean 'k'"),
    ({"topology": {"name": "fattree", "k": 3}}, "k=3"),
    ({"topology": {"name": "dumbbell", "num_left": 0}}, "num_left=0"),
    ({"topology": {"rate_bps": "10Q"}}, "rate '10Q'"),
    ({"topology": {"rate_bps": "1"}}, "rate_bps=1"),
    ({"traffic": {"name": "strid"}}, "Did you mean 'stride'"),
    ({"environment": {"interval_s": "1us"}}, "interval_s=1e-06"),
    ({"environment": {"reward": "iroko"}}, "unknown reward 'iroko'"),
    ({"environment": {"transport": "vegass"}}, "unknown transport 'vegass'. Did you mean 'vegas'"),
    ({"run": {"stepz": 3}}, "unknown key of run 'stepz'. Did you mean 'steps'"),
    ({"run": {"agents": ["pppo"]}}, "unknown agent 'pppo'. Did you mean 'ppo'"),
    ({"run": {"agents": [3]}}, "expected a list of names"),
    ({"run": {"agents": ["nv"], "baselines": ["nv"]}}, "'nv' is listed twice"),
    ({"run": {"agents": [], "baselines": []}}, "no agent and no baseline"),
    ({"run": {"engine": "gust"}}, "unknown engine 'gust'. Did you mean 'guest'"),
    ({"run": {"steps": 0}}, "steps=0"),
    ({"run": {"steps": 1.5}}, "steps=1.5"),
    ({"run": {"seed": True}}, "seed=True"),
    ({"run": {"envs": 65}}, "envs=65"),
    ({"run": {"episodes": 0}}, "episodes=0"),
    ({"run": {"model": "somewhere", "agents": ["ppo", "nv"], "baselines": []}}, "expected the folder of one saved agent"),
    ({"agent": {"ddpg": {"gamma": 1}}}, "unknown agent of this run 'ddpg'"),
    ({"agent": {"gamma": 1}}, "expected agent.NAME.PARAMETER"),
])  # fmt: skip
def test_bad_input_is_named_in_one_line(table: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        make_config(overlay(GUEST, table))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("table", [
    {},
    {"topology": {"ecn_bytes": "none"}},
    {"run": {"agents": ["ppo"], "model": "/a \"b\"\\c", "baselines": ["none"]}},
    {"agent": {"ppo": {"gamma": 0.5}}, "traffic": {"size_bytes": "1MB"}},
])  # fmt: skip
def test_a_config_written_as_toml_reads_back_the_same(table: dict[str, Any]) -> None:
    config = make_config(overlay(GUEST, table))
    again = make_config(tomllib.loads(format_toml(config.to_table())))
    assert again == config
    assert first_difference(again.to_table(), config.to_table()) is None


def test_the_written_config_has_every_default() -> None:
    table = tomllib.loads(format_toml(make_config(GUEST).to_table()))
    assert table["run"]["steps"] == DEFAULT_STEPS and table["topology"]["queue_bytes"] == 757_000
    assert table["traffic"]["size_bytes"] == "none" and table["environment"]["min_fraction"] == 0.05


def test_control_characters_are_escaped() -> None:
    assert tomllib.loads(format_toml({"a": {"b": 'tab\tline\nquote"back\\'}})) == {"a": {"b": 'tab\tline\nquote"back\\'}}


def test_the_first_difference_names_key_and_both_values() -> None:
    one, other = make_config(GUEST), make_config(overlay(GUEST, {"topology": {"k": 6}}))
    assert first_difference(one.to_table(), other.to_table()) == "topology.k is 4 there and 6 here"


def test_the_default_config_is_checked_when_made() -> None:
    with pytest.raises(InputError, match="steps=-1"):
        RunConfig(Scenario(), steps=-1)
