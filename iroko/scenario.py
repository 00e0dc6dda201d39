"""What is run, as frozen dataclasses: read from TOML or options, and checked when made."""

import dataclasses
import inspect
import sys
import tomllib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from iroko.errors import InputError, UnknownArgumentError
from iroko.flows import UDP, Flow, check_transport
from iroko.mix import format_mix, parse_mix
from iroko.registry import check_name, in_users_code, load, resolve, show
from iroko.seeds import trial_generator
from iroko.topology import Topology
from iroko.units import format_rate, parse_rate, parse_size, parse_time, plain
from iroko.user_files import name_of

FEATURES = ("backlog", "backlog_change", "utilisation", "drops", "marks", "limits", "sent", "received", "pairs")
CENTRAL, HOSTS = "central", "hosts"
DEPLOYMENTS = (CENTRAL, HOSTS)
DEFAULT_FEATURES = ("backlog", "backlog_change", "utilisation", "drops", "limits", "received")
MAX_STEPS = 1_000_000
"""Steps of an episode."""
MAX_PAIRED_HOSTS = 2000
"""Hosts of a fabric whose observation has a value for each pair of them."""
MIN_LIMIT_BPS = 8.0
"""The least limit that can be set: Linux counts rates in whole bytes a second."""
_MAX_FILE_BYTES = 1_000_000
_MAX_DEPTH = 16
_MAX_DOTS_SQUARED = 4_000**2
"""Over all lines. Python's parser takes time by the square of a dotted key's parts: 4,000 in one line are a quarter of a second."""


def read_value(key: str, value: Any) -> Any:
    """Read a quantity by the unit in its key: `rate_bps = "10M"`, `delay_s = "20us"`, `queue_bytes = "64k"`."""
    if isinstance(value, str) and value.lower() != "none":
        for suffix, parse in (("_bps", parse_rate), ("_s", parse_time), ("_bytes", parse_size)):
            if key.endswith(suffix):
                try:
                    return parse(value)
                except InputError as error:
                    raise InputError(f"{key}: {error}") from error
    return value


def check_parameters(what: str, function: Any, parameters: dict[str, Any]) -> dict[str, Any]:
    """Check keyword parameters against a function's signature and fill in its defaults.

    Raises:
        InputError: an unknown key (the message names the nearest), or a value of the wrong type.
    """
    if not isinstance(parameters, dict):
        raise InputError(f"parameters of {what}: {show(parameters)}: expected a table of names and values")
    with in_users_code(f"reading the parameters of {what}"):
        known = {name: value for name, value in inspect.signature(function, eval_str=True).parameters.items()
                 if value.default is not inspect.Parameter.empty}  # fmt: skip
    result = {name: value.default for name, value in known.items()}
    for key, raw in parameters.items():
        check_name(f"key of {what}", key, known, UnknownArgumentError)
        value = read_value(key, plain(raw))
        allowed = known[key].annotation
        kinds = typing.get_args(allowed) if isinstance(allowed, types.UnionType) else (allowed,)
        if types.NoneType in kinds and isinstance(value, str) and value.lower() == "none":
            value = None
        if float in kinds and isinstance(value, int) and not isinstance(value, bool):
            try:
                value = float(value)
            except OverflowError as error:
                raise InputError(f"{key} of {what}: expected a number below 1e308") from error
        if (isinstance(value, bool) and bool not in kinds) or not isinstance(value, tuple(typing.get_origin(k) or k for k in kinds)):
            names = " or ".join("none" if kind is types.NoneType else getattr(kind, "__name__", str(kind)) for kind in kinds)
            raise InputError(f"{key}={show(raw)} of {what}: expected {names}")
        if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
            raise InputError(f"{key}={show(raw)} of {what}: expected a whole number of at most 64 bits")
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"{key}={show(raw)} of {what}: expected text in UTF-8") from error
        result[key] = value
    return result


@dataclass(frozen=True)
class Scenario:
    """A fabric, its traffic, and how an agent sees and steers it.

    Attributes:
        topology: name of a file in `topologies/`, or the path of one, see `iroko.registry`; `topology_parameters` go to its function.
        traffic: name or path of a file in `traffic/`; `traffic_parameters` go to its function.
        transport: `udp`, the name of a TCP congestion control, or `iroko` for a learned one, under the agent's limits.
        mix: transports with their shares of the flows, such as `dctcp=0.5`, which run over them under every scheme; the rest runs over
            `transport`, or the scheme's own. Empty: all flows do.
        interval_s: one step of control, 1 ms to 60 s.
        episode_s: length of an episode; a whole number of intervals.
        min_fraction: the least share of its link that an agent can give a host, above 0.
        features: what the observation of a central agent holds, in this order; see `iroko.envs.observation`.
        reward: name of a reward in `iroko.reward`.
        deployment: `central`, one agent sees all and sets all limits, or `hosts`, each host sees what it can know and sets its own; see
            `iroko.envs.deployment`.
        policy: what decides over the transport `iroko`: the name of a built-in policy, or the path of a file.
        policy_sha256: of that file when the run was begun, so that it stays the same; empty: not known, or the policy is built in.
    """

    topology: str = "dumbbell"
    topology_parameters: dict[str, Any] = field(default_factory=dict)
    traffic: str = "pairs"
    traffic_parameters: dict[str, Any] = field(default_factory=dict)
    transport: str = UDP
    mix: str = ""
    interval_s: float = 0.1
    episode_s: float = 20.0
    min_fraction: float = 0.05
    features: tuple[str, ...] = DEFAULT_FEATURES
    reward: str = "iroko2018"
    deployment: str = CENTRAL
    policy: str = "dctcp_like"
    policy_sha256: str = ""

    def __post_init__(self) -> None:
        from iroko.reward import REWARDS

        for name, parse in (("interval_s", parse_time), ("episode_s", parse_time), ("min_fraction", float)):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, parse(value))
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
            except (TypeError, ValueError, OverflowError) as error:
                raise InputError(f"{name}={show(value)}: expected a number") from error
        if not 1e-3 <= self.interval_s <= 60:
            raise InputError(f"interval_s={self.interval_s:g}: expected 0.001 <= interval_s <= 60")
        if not self.interval_s <= self.episode_s <= 86400:
            raise InputError(f"episode_s={self.episode_s:g}: expected interval_s={self.interval_s:g} <= episode_s <= 86400")
        if self.num_steps > MAX_STEPS:
            raise InputError(
                f"episode_s={self.episode_s:g} has {self.num_steps:,} steps of interval_s={self.interval_s:g}: "
                f"expected at most {MAX_STEPS:,}; shorten the episode, or lengthen the interval"
            )
        if abs(self.episode_s / self.interval_s - self.num_steps) > 1e-6:
            raise InputError(f"episode_s={self.episode_s:g}: expected a whole number of intervals of {self.interval_s:g} s")
        if not 0 < self.min_fraction < 1:
            raise InputError(f"min_fraction={self.min_fraction:g}: expected 0 < min_fraction < 1")
        if not isinstance(self.features, (list, tuple)) or not self.features:
            raise InputError(f"features={show(self.features)}: expected a list of some of {', '.join(FEATURES)}")
        object.__setattr__(self, "features", tuple(check_name("feature", name, FEATURES) for name in self.features))
        if doubles := [name for name in FEATURES if self.features.count(name) > 1]:
            raise InputError(f"features={show(self.features)}: {doubles[0]!r} stands twice, expected it once")
        check_name("reward", self.reward, REWARDS)
        check_name("deployment", self.deployment, DEPLOYMENTS)
        check_transport(self.transport)
        object.__setattr__(self, "mix", format_mix(parse_mix(self.mix)))
        for key in ("policy", "policy_sha256"):
            if not isinstance(getattr(self, key), str) or not len(getattr(self, key)) <= 4096:
                raise InputError(f"{key}={show(getattr(self, key))}: expected a name, a path or a hash of at most 4,096 characters")
        for kind in ("topology", "traffic"):
            folder = {"topology": "topologies"}.get(kind, kind)
            object.__setattr__(self, kind, resolve(folder, kind, getattr(self, kind)))
            function = load(folder, kind, getattr(self, kind))
            key = f"{kind}_parameters"
            parameters = check_parameters(f"{kind} {name_of(getattr(self, kind))}", function, getattr(self, key))
            # What identifies a file that the traffic reads belongs to the scenario.
            complete = getattr(sys.modules.get(function.__module__), "complete_parameters", None)
            object.__setattr__(self, key, complete(parameters) if complete else parameters)
        self._check_sizes(self.make_topology())

    def _check_sizes(self, topology: Topology) -> None:
        """Refuse what is each within its range and does not go together, before anything is made of it."""
        least_bps = min(topology.host_rates_bps)
        if self.min_fraction * least_bps < MIN_LIMIT_BPS:
            raise InputError(
                f"min_fraction={self.min_fraction:g}: expected {MIN_LIMIT_BPS / least_bps:g} or more, a byte a second on a link of "
                f"{format_rate(least_bps)}"
            )
        if "pairs" in self.features and topology.num_hosts > MAX_PAIRED_HOSTS:
            raise InputError(
                f"feature 'pairs' on {topology.num_hosts:,} hosts: expected at most {MAX_PAIRED_HOSTS:,}, as it has a value for each two"
            )
        flows = self.make_flows(topology, trial_generator())
        first_s = min((flow.start_s for flow in flows), default=None)
        if first_s is None or first_s >= self.episode_s:
            raise InputError(
                f"traffic {self.traffic_name}: {'no flow' if first_s is None else f'its first flow starts at {first_s:g} s'}: "
                f"expected at least one that starts before the end of the episode, episode_s={self.episode_s:g}"
            )

    @property
    def num_steps(self) -> int:
        """Steps in an episode."""
        return round(self.episode_s / self.interval_s)

    @property
    def topology_name(self) -> str:
        """The topology's name, also where `topology` is a path."""
        return name_of(self.topology)

    @property
    def traffic_name(self) -> str:
        """The traffic's name, also where `traffic` is a path."""
        return name_of(self.traffic)

    def make_topology(self) -> Topology:
        function = load("topologies", "topology", self.topology)
        with in_users_code(f"topology {self.topology_name}"):
            topology: Topology = function(**self.topology_parameters)
        if not isinstance(topology, Topology):
            raise InputError(f"topology {self.topology_name} gave {show(topology)}: expected a Topology")
        return topology

    def make_flows(self, topology: Topology, rng: np.random.Generator) -> list[Flow]:
        """Draw one episode's flows.

        Raises:
            InputError: the traffic does not fit the topology, or its file is at fault.
        """
        function = load("traffic", "traffic", self.traffic)
        with in_users_code(f"traffic {self.traffic_name}"):
            flows: list[Flow] = list(function(topology, rng, **self.traffic_parameters))
        hosts = topology.host_index
        for flow in flows:
            if not isinstance(flow, Flow):
                raise InputError(f"traffic {self.traffic_name} gave {show(flow)}: expected flows, such as Flow('h0', 'h1')")
            if flow.source not in hosts or flow.destination not in hosts:
                unknown = flow.source if flow.source not in hosts else flow.destination
                check_name(f"host in a flow of traffic {self.traffic_name}", unknown, topology.hosts)
        return flows

    def describe_hosts(self, topology: Topology) -> dict[str, str]:
        """For each address of the traffic's file its host, where the file does not say it; empty: it does, or there is no file."""
        module = sys.modules.get(load("traffic", "traffic", self.traffic).__module__)
        describe = getattr(module, "describe_hosts", None)
        return describe(topology, self.traffic_parameters) if describe else {}

    def to_table(self) -> dict[str, Any]:
        """The scenario as the tables of a TOML file, where `None` is written "none"; `from_table` reads it back."""
        return {
            "topology": {"name": self.topology, **_without_none(self.topology_parameters)},
            "traffic": {"name": self.traffic, **_without_none(self.traffic_parameters)},
            "environment": {name: getattr(self, name) for name in _ENVIRONMENT_KEYS} | {"features": list(self.features)},
        }

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> "Scenario":
        """Make a scenario from tables `topology`, `traffic` and `environment`.

        Raises:
            InputError: an unknown table or key, or a value out of range; the message names it.
        """
        values: dict[str, Any] = {}
        for section, keys in table.items():
            check_name("section", section, ("topology", "traffic", "environment"), UnknownArgumentError)
            if not isinstance(keys, dict):
                raise InputError(f"{section}={show(keys)}: expected a table [{section}]")
            if section == "environment":
                for key, value in keys.items():
                    check_name("key of environment", key, _ENVIRONMENT_KEYS, UnknownArgumentError)
                    values[key] = value
            else:
                parameters = dict(keys)
                if "name" in parameters:
                    values[section] = parameters.pop("name")
                values[f"{section}_parameters"] = parameters
        return cls(**values)


def _without_none(parameters: dict[str, Any]) -> dict[str, Any]:
    return {key: "none" if value is None else value for key, value in parameters.items()}


_ENVIRONMENT_KEYS = tuple(field.name for field in dataclasses.fields(Scenario) if not field.name.startswith(("topology", "traffic")))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: there is no such file, or it is not TOML; the message has the line.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(f"config {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > _MAX_FILE_BYTES:
        raise InputError(f"config {path}: expected at most {_MAX_FILE_BYTES:,} bytes")
    try:
        table = parse_toml(content.decode())
    except (ValueError, InputError) as error:
        raise InputError(f"config {path} is not TOML: {error}") from error
    return table


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML, whose whole numbers have 64 bits and whose tables and lists lie in each other a few deep.

    Raises:
        InputError: it is not TOML, or goes beyond that.
    """
    if sum(line.count(".") ** 2 for line in text.split("\n")) > _MAX_DOTS_SQUARED:
        raise InputError("expected keys and lines of some words: a line of a table's name or of numbers has thousands of dots")
    try:
        table = tomllib.loads(text)
    # A number of thousands of digits is a plain ValueError, brackets nested too deep are a RecursionError.
    except (ValueError, RecursionError) as error:
        raise InputError(" ".join(str(error).split())) from error
    level: list[Any] = [table]
    for _ in range(_MAX_DEPTH):
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
        if any(isinstance(value, int) and not -(1 << 63) <= value < 1 << 63 for value in level):
            raise InputError("expected whole numbers of at most 64 bits")
        level = [value for value in level if isinstance(value, (dict, list))]
        if not level:
            return table
    raise InputError(f"expected tables and lists that lie in each other at most {_MAX_DEPTH} deep")


def make_topologies(scenarios: Sequence[Scenario]) -> list[Topology]:
    """One for each scenario; scenarios of equal fabrics share one, which is immutable."""
    made: list[tuple[Scenario, Topology]] = []
    topologies = []
    for scenario in scenarios:
        for known, topology in made:
            if (known.topology, known.topology_parameters) == (scenario.topology, scenario.topology_parameters):
                topologies.append(topology)
                break
        else:
            made.append((scenario, scenario.make_topology()))
            topologies.append(made[-1][1])
    return topologies
