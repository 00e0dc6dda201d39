"""What is run, as frozen dataclasses: read from TOML or options, and checked when made."""

import dataclasses
import inspect
import sys
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from iroko.errors import InputError, UnknownArgumentError
from iroko.fields import Choice, Number, Text, check_fields, checked
from iroko.flows import UDP, Flow, check_transport
from iroko.mix import format_mix, parse_mix
from iroko.registry import check_name, in_users_code, load, resolve, show
from iroko.reward import REWARDS
from iroko.seeds import trial_generator
from iroko.topology import Topology
from iroko.units import format_rate, parse_rate, parse_size, parse_time, plain
from iroko.user_files import name_of

FEATURES = ("backlog", "backlog_change", "utilisation", "drops", "marks", "limits", "sent", "received", "pairs")
CENTRAL, HOSTS, FLOWS = "central", "hosts", "flows"
DEPLOYMENTS = (CENTRAL, HOSTS, FLOWS)
DEFAULT_FEATURES = ("backlog", "backlog_change", "utilisation", "drops", "limits", "received")
MAX_STEPS = 1_000_000
"""Steps of an episode."""
MAX_EPISODE_S = 86400
MAX_CHARACTERS = 4096
"""Of a path, as Linux has it."""
MAX_PAIRED_HOSTS = 2000
"""Hosts of a fabric whose observation has a value for each pair of them."""
MIN_LIMIT_BPS = 8.0
"""The least limit that can be set: Linux counts rates in whole bytes a second."""


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
        deployment: `central`, one agent sees all and sets all limits; `hosts`, each host sees what it can know and sets its own; see
            `iroko.envs.deployment`. `flows`: each flow's transport decides by a policy; see `iroko.envs.flow_trials`.
        policy: what decides over the transport `iroko`: the name of a built-in policy, or the path of a file.
        policy_sha256: of that file when the run was begun, so that it stays the same; empty: not known, or the policy is built in.
    """

    topology: str = "dumbbell"
    topology_parameters: dict[str, Any] = field(default_factory=dict)
    traffic: str = "pairs"
    traffic_parameters: dict[str, Any] = field(default_factory=dict)
    transport: str = checked(UDP, lambda _, name: check_transport(name))
    mix: str = checked("", lambda _, text: format_mix(parse_mix(text)))
    interval_s: float = checked(0.1, Number(1e-3, 60, parse_time))
    episode_s: float = checked(20.0, Number(None, None, parse_time))
    min_fraction: float = checked(0.05, Number(0, 1, is_open=True))
    features: tuple[str, ...] = DEFAULT_FEATURES
    reward: str = checked("iroko2018", Choice(REWARDS))
    deployment: str = checked(CENTRAL, Choice(DEPLOYMENTS))
    policy: str = checked("iroko1", Text(MAX_CHARACTERS))
    policy_sha256: str = checked("", Text(MAX_CHARACTERS))

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.interval_s <= self.episode_s <= MAX_EPISODE_S:
            raise InputError(f"episode_s={self.episode_s:g}: expected interval_s={self.interval_s:g} <= episode_s <= {MAX_EPISODE_S:g}")
        if self.num_steps > MAX_STEPS:
            raise InputError(
                f"episode_s={self.episode_s:g} has {self.num_steps:,} steps of interval_s={self.interval_s:g}: "
                f"expected at most {MAX_STEPS:,}; shorten the episode, or lengthen the interval"
            )
        if abs(self.episode_s / self.interval_s - self.num_steps) > 1e-6:
            raise InputError(f"episode_s={self.episode_s:g}: expected a whole number of intervals of {self.interval_s:g} s")
        if not isinstance(self.features, (list, tuple)) or not self.features:
            raise InputError(f"features={show(self.features)}: expected a list of some of {', '.join(FEATURES)}")
        object.__setattr__(self, "features", tuple(check_name("feature", name, FEATURES) for name in self.features))
        if doubles := [name for name in FEATURES if self.features.count(name) > 1]:
            raise InputError(f"features={show(self.features)}: {doubles[0]!r} is listed twice, expected it once")
        for kind in ("topology", "traffic"):
            folder = {"topology": "topologies"}.get(kind, kind)
            object.__setattr__(self, kind, resolve(folder, kind, getattr(self, kind)))
            function = load(folder, kind, getattr(self, kind))
            key = f"{kind}_parameters"
            parameters = check_parameters(f"{kind} {name_of(getattr(self, kind))}", function, getattr(self, key))
            # What identifies a file that the traffic reads belongs to the scenario.
            complete = getattr(sys.modules.get(function.__module__), "complete_parameters", None)
            object.__setattr__(self, key, complete(parameters) if complete else parameters)
        self._check_sizes(self.fabric)

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

    def __getstate__(self) -> dict[str, Any]:
        """What `copy` and `pickle` take: the fields, from which the fabric is made anew."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

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

    @cached_property
    def fabric(self) -> Topology:
        """The topology, made once."""
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


def share_fabrics(scenarios: Sequence[Scenario]) -> list[Topology]:
    """The fabric of each scenario; those of equal fabrics share one, which is immutable."""
    known: dict[Topology, Topology] = {}
    return [known.setdefault(scenario.fabric, scenario.fabric) for scenario in scenarios]
