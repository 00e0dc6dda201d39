"""The command line of the main job, with every option and setting filled with whatever: a good config, or one line and exit code 2."""

import contextlib
import inspect
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import iroko.run.command
from iroko.agent import make_agent
from iroko.errors import InputError
from iroko.registry import list_names, load
from iroko.run.command import main
from iroko.run.job import fill_in
from iroko.rundir.config import RUN_KEYS, RunConfig, first_difference, make_config, overlay, read_setting
from iroko.scenario import CENTRAL, FLOWS, Scenario, check_parameters
from iroko.toml import format_toml, parse_toml
from tests.faults.bad_values import GARBAGE, check_error, check_lines, fields_of, soon

BASE = ["--topo", "dumbbell", "--engine", "sim", "--agent", "static", "--baseline", "none"]
TEXTS = st.one_of(
    st.sampled_from([
        "0", "-1", "1", "2", "1e9", "1e-12", "1e400", "nan", "inf", "-inf", "none", "10X", "10M", "1T", "100ms", "1us", "25h", "", " ",
        "--", "-", "nosuch", "dumbbell", "ppo", "sim", "guest", "mininet", "queue", "hosts", "dctcp", "\x00", "\ud800", "\udcff", "\n",
        "a\nb", "🦆", "../..", "/", "/dev/null", "/dev/zero", "/etc/passwd", "~", "$(id)", "[", "[[]]", "{}", "{a=1}", "2020-01-01",
        "true", "\"", "'''", "#", "=", "1,2", "[1e300]", "[nan]", "['ppo', 'ppo']", "[1, 2", "0x" + "f" * 5000, "9" * 5000, "[" * 3000,
        "x" * 5000, "x" * 300, "1" * 100_000 + "!",
    ]),
    st.text(max_size=10), st.integers().map(str), st.floats().map(str),
)  # fmt: skip


class GoodError(Exception):
    """The options are good: the run would start."""


def stop(config: RunConfig, say: Any = None) -> None:
    """In place of the run's preparation: as far as it goes without an engine."""
    config = fill_in(config)
    topology = config.scenario.fabric
    for scheme in config.schemes:
        make_agent(scheme, config.scenario, topology, config.seed, **config.agent_parameters.get(scheme, {}))
    table = config.to_table()
    assert first_difference(make_config(parse_toml(format_toml(table))).to_table(), table) is None, "it does not come back from its file"
    raise GoodError


@pytest.fixture(scope="module", autouse=True)
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, and no run that starts."""
    path = tmp_path_factory.mktemp("options")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("iroko.run.job.prepare", stop)
        patch.chdir(path)
        yield path
    assert not any(path.iterdir()), "bad input has left something behind"


def ask(arguments: Sequence[str], *names: str) -> bool:
    """Whether the options are good; where they are not, one line says so."""
    out, err = io.StringIO(), io.StringIO()
    with soon(arguments), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([*BASE, *arguments])
        except GoodError:
            return True
    check_lines(err.getvalue(), code, *names)
    assert not out.getvalue()
    return False


def options() -> dict[str, str]:
    """Every option that takes a value, and how it calls the field."""
    called = {"interval": "interval_s", "episode": "episode_s", "rate": "rate_bps", "topo": "topology"}
    names = [name.rstrip("_") for name in inspect.signature(iroko.run.command.run).parameters if name not in ("resume", "as_json")]
    return {f"--{name.replace('_', '-')}": called.get(name, name) for name in names}


@pytest.mark.parametrize("option", options())
@given(text=TEXTS)
@settings(max_examples=50)
def test_every_option(option: str, text: str) -> None:
    name = options()[option]
    ask([f"{option}={text}"], name, name.split("_")[0], option, text[:20].strip() or option)


def setting_keys() -> list[str]:
    """Every SECTION.KEY that there is, and some that there are not."""
    keys = [".".join(place) for place in fields_of(Scenario().to_table())] + [f"run.{key}" for key in RUN_KEYS]
    others = ["a.b.c", "agent.static.fraction", "agent.ppo.seed", "agent.static", "agent.nosuch.x", "run.a.b", ".", ""]
    return [*keys, "run", "topology", *others]


@pytest.mark.parametrize("key", setting_keys())
@given(text=TEXTS)
@settings(max_examples=15)
def test_every_setting(key: str, text: str) -> None:
    ask([f"--set={key}={text}"])


@given(st.lists(st.tuples(st.sampled_from([*options(), "--resume", "--json", "--bogus"]), TEXTS), max_size=4))
@settings(max_examples=100)
def test_several_options_at_once(pairs: list[tuple[str, str]]) -> None:
    ask([f"{option}={text}" for option, text in pairs])


def agent_settings() -> list[tuple[str, str]]:
    """(agent, parameter) of every agent."""
    return [(agent, key) for agent in list_names("agents") if agent != "tcp"
            for key in check_parameters(agent, load("agents", "agent", agent), {}) if key != "seed"]  # fmt: skip


@pytest.mark.parametrize(("agent", "key"), agent_settings())
@given(value=GARBAGE)
@settings(max_examples=10)
def test_every_setting_of_every_agent(agent: str, key: str, value: Any) -> None:
    scenario = Scenario(deployment=FLOWS if agent == "cmaes" else CENTRAL)
    with soon((agent, key, value)):
        try:
            made = make_agent(agent, scenario, scenario.fabric, 1, **{key: value})
        except InputError as error:
            check_error(error, key)
        else:
            assert made.name == agent


@pytest.mark.parametrize(("arguments", "message"), [
    (["--topo", "nosuch"], "unknown topology 'nosuch'"),
    (["--rate", "-1"], "rate_bps=-1 of port h0->s0: expected 1e3 <= rate_bps <= 4e+11"),
    (["--rate", "10X"], "rate_bps: rate '10X': expected a number such as 10M"),
    (["--interval", "1ps"], "interval_s: time '1ps': expected"),
    (["--steps", "0"], "steps=0: expected a whole number, 1 <= steps <= 1000000000"),
    (["--steps", "1e3"], "--steps"),
    (["--seed", "-1"], "seed=-1"),
    (["--episodes", "10000", "--episode", "1000s"], "their records would be more than 16 GB"),
    (["--episode", "80000s"], "episode_s=80000: expected at most 70000 on engine sim"),
    (["--set", "a.b.c=1"], "unknown section 'a'"),
    (["--set", "run.model=3"], "model=3: expected the folder of a saved agent"),
    (["--set", "run.model=2020-01-01"], "model=datetime.date(2020, 1, 1): expected"),
    (["--set", "run.size_classes_bytes=[1e300]"], "size_classes_bytes=[1e+300]: expected at most 20 sizes"),
    (["--set", "topology.rate_bps=99999999999999999999"], "rate_bps=1e+20 of port"),
    (["--set", "agent.static.fraction=nan"], "fraction=nan of agent static"),
    (["--set", "run.steps=5\nx=1"], "expected SECTION.KEY=VALUE"),
    (["--out", "x" * 300], "File name too long: name another folder"),
    (["--resume", "--out", "/"], "/ is no run folder"),
    (["--resume", "--out", "/etc/passwd"], "/etc/passwd is no run folder"),
    (["--model", "/"], "model /"),
    (["--config", "/dev/zero"], "config /dev/zero: expected at most"),
    (["--config", "/"], "config /: Is a directory"),
    (["--config", "/bin/true"], "is not TOML"),
])  # fmt: skip
def test_careless_commands(arguments: list[str], message: str) -> None:
    assert not ask(arguments, message)


def test_a_good_command_passes() -> None:
    assert ask([]) and ask(["--set", "topology.ecn_bytes=none", "--rate", "1G", "--seed", "0"])


@pytest.mark.parametrize("kind", ["loop", "dangling", "broken json", "deep json", "list"])
def test_a_model_that_is_none(kind: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    if kind == "loop":
        model.symlink_to(model)
    elif kind == "dangling":
        model.symlink_to(tmp_path / "nowhere")
    else:
        model.mkdir()
        text = {"broken json": "{", "deep json": "[" * 100_000, "list": "[1]"}[kind]
        (model / "agent.json").write_text(text)
    assert not ask(["--agent", "none", "--model", str(model)], "model")


SECTIONS = ["run", "topology", "agent", "environment", "x"]
TABLES = st.dictionaries(st.sampled_from([*RUN_KEYS, "name"]), GARBAGE, max_size=3)


@given(st.dictionaries(st.sampled_from(SECTIONS), st.one_of(GARBAGE, TABLES), max_size=3))
@settings(max_examples=200)
@example({"run": {"agents": 3}})
@example({"run": {"agents": "ppo", "baselines": {}}})
def test_any_table_is_a_config_or_an_error(table: dict[str, Any]) -> None:
    with soon(table):
        try:
            make_config(table)
        except InputError as error:
            check_error(error)


@given(st.text(max_size=40))
@settings(max_examples=200)
def test_any_text_is_a_setting_or_an_error(text: str) -> None:
    try:
        table = read_setting(text)
    except InputError as error:
        check_error(error, "--set")
    else:
        assert len(table) == 1
        with contextlib.suppress(InputError):
            overlay({}, table)
