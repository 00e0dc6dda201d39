"""What a run is asked to do: options over `--set` over a config file over defaults, as one checked `RunConfig`."""

import copy
import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from iroko.agent import TCP_NAMES, resolve_agent
from iroko.engines.open import ENGINES, default_engine, missing_transports
from iroko.errors import InputError, UnknownArgumentError
from iroko.fields import Choice, WholeNumber, check_fields, checked
from iroko.flows import LEARNED, UDP
from iroko.mix import parse_mix
from iroko.policy.choice import check_policy
from iroko.registry import check_name, describe, show
from iroko.rundir.record_size import check_records
from iroko.rundir.user_paths import check_files_allowed, map_paths
from iroko.scenario import FLOWS, Scenario
from iroko.system.places import expand, shorten_home
from iroko.toml import parse_toml, read_toml
from iroko.units import parse_size, plain
from iroko.user_files import is_path, name_of

DEFAULT_TOPOLOGY = "fattree"
DEFAULT_TRAFFIC = {"dumbbell": "pairs", "fattree": "stride", "star": "incast"}
"""The traffic of a topology when none is named; any other topology gets `permutation`."""
DEFAULT_AGENTS = ("ppo",)
DEFAULT_BASELINES = ("nv", "dctcp", "maxmin")
DEFAULT_STEPS = 50_000
"""Training steps of each learned agent: about a minute for PPO on the k=4 fat-tree in the simulator on two cores."""
DEFAULT_TRIALS = 2_000
"""Simulations from which each agent learns with deployment `flows`: two minutes of processor time."""
DEFAULT_TRAIN_ENGINE = "sim"
DEFAULT_ENVS = {"sim": 16, "guest": 2, "mininet": 1}
"""Training environments side by side: many in the simulator, where one call steps all, a guest for each of two cores, and of a host's
kernel one at a time."""
MAX_EPISODE_S = {"sim": 70_000.0}
"""What an engine's clock can hold."""
MAX_SIZE_CLASSES, MAX_SIZE_BYTES = 20, 1 << 50
_MOST_KEYS = 8
NOBODY = "none"
"""In place of agents or baselines: none."""

Table = dict[str, Any]


@dataclass(frozen=True)
class RunConfig:
    """All that decides a run's results.

    Attributes:
        scenario: the fabric, its traffic and how agents see and steer it.
        agents: names of the agents to train, if they learn, and to score; a path of a user's file becomes its name.
        baselines: names of the schemes to score beside them, likewise.
        skip_missing: leave out, with a warning, a baseline that the engine cannot run; set when no baseline was asked for by name.
        engine, train_engine: where schemes are scored, where agents learn.
        steps: training steps of each learned agent, over its environments together, 1 to 1e9.
        envs: training environments side by side, 1 to 64.
        episodes: scored episodes of each scheme, 1 to 10,000.
        seed: 0 to 2^31 - 1; everything random in the run follows from it.
        model: folder of a saved agent to score in place of training; None: train.
        size_classes_bytes: where the size classes of finite flows end, rising; empty: 10 kB, 100 kB and 1 MB times the `size_scale` of
            the traffic. It changes how completions are reported, and nothing else.
        agent_parameters: for an agent's name the parameters that differ from its defaults.
        agent_files: for the name of an agent that is a user's file its absolute path.

    Raises:
        InputError: an unknown name, a name twice, or a value out of range.
    """

    scenario: Scenario
    agents: tuple[str, ...] = DEFAULT_AGENTS
    baselines: tuple[str, ...] = DEFAULT_BASELINES
    skip_missing: bool = True
    engine: str = checked("guest", Choice(ENGINES))
    train_engine: str = checked(DEFAULT_TRAIN_ENGINE, Choice(ENGINES))
    steps: int = checked(DEFAULT_STEPS, WholeNumber(1, 10**9))
    envs: int = checked(DEFAULT_ENVS[DEFAULT_TRAIN_ENGINE], WholeNumber(1, 64))
    episodes: int = checked(2, WholeNumber(1, 10_000))
    seed: int = checked(1, WholeNumber(0, 2**31 - 1))
    model: str | None = None
    size_classes_bytes: tuple[int, ...] = ()
    agent_parameters: dict[str, Table] = field(default_factory=dict)
    agent_files: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key in ("agents", "baselines"):
            names = getattr(self, key)
            if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
                raise InputError(f"{key}={show(names)}: expected a list of names")
            references = [resolve_agent(self.reference(name)) for name in names]
            object.__setattr__(self, key, tuple(name_of(reference) for reference in references))
            files = {name_of(reference): reference for reference in references if is_path(reference)}
            object.__setattr__(self, "agent_files", self.agent_files | files)
        schemes = self.schemes
        if doubles := [name for name in schemes if schemes.count(name) > 1]:
            raise InputError(f"scheme {doubles[0]!r} is listed twice among agents and baselines: expected it once")
        if not schemes:
            raise InputError("no agent and no baseline: expected at least one scheme, such as --agent ppo")
        for transport in (self.scenario.transport, *parse_mix(self.scenario.mix)):
            check_name("transport", transport, (UDP, *TCP_NAMES, LEARNED))
        check_fields(self)
        if not isinstance(self.skip_missing, bool):
            raise InputError(f"skip_missing={show(self.skip_missing)}: expected true or false")
        if self.train_engine == "mininet" and self.envs > 1:
            raise InputError(f"envs={self.envs} with train_engine mininet: expected 1; several would share this machine's processors")
        if self.model is not None and (not isinstance(self.model, str) or len(self.agents) != 1):
            raise InputError(f"model={show(self.model)}: expected the folder of one saved agent, and that agent")
        object.__setattr__(self, "size_classes_bytes", _read_sizes("size_classes_bytes", self.size_classes_bytes))
        for name, parameters in self.agent_parameters.items():
            check_name("agent of this run", name, schemes)
            if not isinstance(parameters, dict):
                raise InputError(f"agent.{name}={show(parameters)}: expected a table [agent.{name}]")

    def check_amounts(self) -> None:
        """Refuse what an engine's clock or the memory cannot hold, before hours have gone by.

        Raises:
            InputError: the episodes are too long or too many; the message says how much is possible.
        """
        for engine in dict.fromkeys([self.engine, self.train_engine]):
            if self.scenario.episode_s > (most := MAX_EPISODE_S.get(engine, math.inf)):
                raise InputError(f"episode_s={self.scenario.episode_s:g}: expected at most {most:g} on engine {engine}")
        check_records(self.scenario, self.episodes)

    @property
    def schemes(self) -> tuple[str, ...]:
        """Every scheme of the run, in the order of the table."""
        return self.agents + self.baselines

    def reference(self, scheme: str) -> str:
        """The name of a scheme's agent, or the path of its file."""
        return self.agent_files.get(scheme, scheme)

    def describe_files(self) -> dict[str, str]:
        """For each topology, traffic and agent that is not Iroko's own what identifies its code; see `iroko.registry.describe`."""
        used = [("topologies", "topology", self.scenario.topology), ("traffic", "traffic", self.scenario.traffic)]
        used += [("agents", "agent", self.reference(scheme)) for scheme in self.schemes]
        found = {f"{kind} {name_of(reference)}": describe(folder, reference) for folder, kind, reference in used}
        return {name: identity for name, identity in found.items() if identity is not None}

    def to_table(self) -> Table:
        """The run as the tables of a TOML file, every default written out; `make_config` reads it back."""
        run = {key: getattr(self, key) for key in RUN_KEYS}
        run |= {key: tuple(self.reference(name) for name in run[key]) for key in ("agents", "baselines")}
        run = {key: list(value) if isinstance(value, tuple) else "none" if value is None else value for key, value in run.items()}
        table = {**self.scenario.to_table(), "run": run}
        return map_paths(table | ({"agent": self.agent_parameters} if self.agent_parameters else {}), shorten_home)


def _read_sizes(key: str, values: Any) -> tuple[int, ...]:
    if not isinstance(values, (list, tuple)) or not all(isinstance(plain(value), (str, int, float)) for value in values):
        raise InputError(f"{key}={show(values)}: expected a list of sizes, such as [10000, 100000, 1000000]")
    try:
        sizes = tuple(parse_size(value) for value in values)
    except InputError as error:
        raise InputError(f"{key}: {error}") from error
    if any(not low < high <= MAX_SIZE_BYTES for low, high in pairwise((0, *sizes))) or len(sizes) > MAX_SIZE_CLASSES:
        raise InputError(f"{key}={show(list(values))}: expected at most {MAX_SIZE_CLASSES} sizes in bytes that rise from above 0 to 2^50")
    return sizes


RUN_KEYS = tuple(key.name for key in dataclasses.fields(RunConfig) if key.name not in ("scenario", "agent_parameters", "agent_files"))
_SECTIONS = ("topology", "traffic", "environment", "run", "agent")


def read_setting(text: str) -> Table:
    """Read `SECTION.KEY=VALUE` into nested tables; a value that is no TOML value is text, so that `rate_bps=10M` needs no quotes.

    Raises:
        InputError: the text is not of this form.
    """
    path, _, written = (part.strip() for part in text.partition("="))
    keys = path.split(".")
    good = 2 <= len(keys) <= _MOST_KEYS and all(re.fullmatch(r"[A-Za-z_]\w*", key) for key in keys)
    if not good or not written or len(written.splitlines()) > 1:
        raise InputError(f"--set {show(text)}: expected SECTION.KEY=VALUE, such as topology.k=8")
    try:
        value = parse_toml(f"value = {written}")["value"]
    except InputError:
        value = written
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def overlay(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Table:
    """Lay one config over another; a topology or traffic of another name drops the lower one's parameters.

    Raises:
        InputError: a section that is no table.
    """
    result = copy.deepcopy(dict(lower))
    for section, keys in upper.items():
        check_name("section", section, _SECTIONS, UnknownArgumentError)
        if not isinstance(keys, dict):
            raise InputError(f"{section}={show(keys)}: expected a table [{section}]")
        below = result.get(section, {})
        if section in ("topology", "traffic") and "name" in below and keys.get("name", below["name"]) != below["name"]:
            below = {}
        if section == "agent":
            for name, parameters in keys.items():
                if not isinstance(parameters, dict):
                    raise InputError(f"agent.{name}={show(parameters)}: expected agent.NAME.PARAMETER, such as agent.ppo.learning_rate")
            result[section] = below | {name: below.get(name, {}) | parameters for name, parameters in keys.items()}
        else:
            if section == "environment" and keys.get("policy", below.get("policy")) != below.get("policy"):
                below.pop("policy_sha256", None)
            result[section] = below | keys
    return result


def make_table(options: Mapping[str, Any], settings: Iterable[str] = (), config: str | Path | None = None,
               lowest: Mapping[str, Any] | None = None) -> Table:  # fmt: skip
    """Lay the sources over each other: `lowest` (a run to resume), the config file, `--set` in the order given, the options.

    Raises:
        InputError: a file, a setting or a section that cannot be read.
    """
    table = overlay(lowest or {}, _read_config(config) if config is not None else {})
    for setting in settings:
        table = overlay(table, read_setting(setting))
    return overlay(table, options)


def _read_config(path: str | Path) -> Table:
    table = read_toml(path)
    check_files_allowed(table)
    return table


def make_config(table: Mapping[str, Any]) -> RunConfig:
    """Fill in the defaults and check everything.

    Raises:
        InputError: an unknown key or name (the message names the nearest), or a value out of range.
    """
    table = map_paths(overlay({}, table), lambda text: str(expand(text)))
    run = table.pop("run", {})
    agent_parameters = table.pop("agent", {})
    for key in run:
        check_name("key of run", key, RUN_KEYS, UnknownArgumentError)
    topology = table.setdefault("topology", {})
    topology.setdefault("name", DEFAULT_TOPOLOGY)
    table.setdefault("traffic", {}).setdefault("name", DEFAULT_TRAFFIC.get(str(topology["name"]), "permutation"))
    if run.get("model") == "none":
        run["model"] = None
    for key in ("agents", "baselines"):
        if isinstance(run.get(key), str):
            run[key] = [run[key]]
        if run.get(key) == [NOBODY]:
            run[key] = []
        if isinstance(run.get(key), list) and NOBODY in run[key]:
            raise InputError(f"{key}={show(run[key])}: {NOBODY!r} stands for no {key}: expected it alone, or names")
    if "baselines" in run:
        run.setdefault("skip_missing", False)
    else:
        agents = run.get("agents", ())
        run["baselines"] = [name for name in DEFAULT_BASELINES if not isinstance(agents, (list, tuple)) or name not in agents]
    environment = table.get("environment", {})
    if "policy" in environment:
        environment["policy_sha256"] = check_policy(environment["policy"], environment.get("policy_sha256", ""))
    scenario = Scenario.from_table(table)
    run.setdefault("engine", default_engine())
    if scenario.deployment == FLOWS:
        run.setdefault("steps", DEFAULT_TRIALS)
    # Agents over a transport that the simulator lacks learn where they are scored.
    lacking = missing_transports("sim", [scenario.transport, *parse_mix(scenario.mix)])
    run.setdefault("train_engine", run["engine"] if lacking else DEFAULT_TRAIN_ENGINE)
    run.setdefault("envs", DEFAULT_ENVS.get(str(run["train_engine"]), 1))
    config = RunConfig(scenario=scenario, agent_parameters=agent_parameters, **run)
    config.check_amounts()
    return config


def first_difference(old: Table, new: Table, prefix: str = "") -> str | None:
    """The first key, in sorted order, at which two configs differ, with both values; None: they agree."""
    for key in sorted({*old, *new}):
        left, right = old.get(key), new.get(key)
        if isinstance(left, dict) and isinstance(right, dict):
            if inner := first_difference(left, right, f"{prefix}{key}."):
                return inner
        elif left != right:
            return f"{prefix}{key} is {left!r} there and {right!r} here"
    return None
