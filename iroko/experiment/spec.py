"""The file of an experiment: schemes, scenarios, seeds, and what every run of them has in common.

    seeds = [1, 2, 3, 4, 5]
    schemes = ["ppo", "nv", "maxmin", { name = "ppo-guest", agent = "ppo", run = { train_engine = "guest" }, seeds = [1, 2] }]

    [topology]                          # these tables are those of a run's config.toml, for all scenarios
    name = "fattree"

    [[scenarios]]                       # each lays its own tables over them
    name = "stride"
    traffic = { name = "stride", step = 4 }

    [[transfers]]                       # agents trained in each scenario of `train` are scored in each of `score`
    schemes = ["ppo"]
    train = ["stride"]
    score = ["permutation"]

A scheme's tables lie over a scenario's, and `set` (a list of `SECTION.KEY=VALUE`, to which `--set` adds) over all.

Topologies, traffic and agents of the user's are named by paths, such as `agent = "./mine.py"`. These, and the traffic's `file`, begin at
the folder of the experiment's file; on the command line, at the working folder.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from iroko.agent import resolve_agent
from iroko.errors import InputError, UnknownArgumentError
from iroko.experiment.places import place_setting, place_tables
from iroko.registry import check_name, show
from iroko.rundir.config import Table, overlay, read_setting
from iroko.system.places import expand, shorten_home
from iroko.toml import format_toml, read_toml
from iroko.user_files import name_of

SECTIONS = ("topology", "traffic", "environment", "run", "agent")
KEYS = ("name", "seeds", "schemes", "scenarios", "transfers", "set", *SECTIONS)
MAX_LABEL = 64
DEFAULT_SEEDS = (1, 2, 3, 4, 5)
OWN_RUN_KEYS = ("agents", "baselines", "skip_missing", "seed", "model")
"""Keys of `[run]` that the experiment itself sets for each job."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Scenario:
    """A scenario by its name, and what it changes in the experiment's tables."""

    name: str
    tables: Table = field(default_factory=dict)

    def to_table(self) -> Table:
        return {"name": self.name, **self.tables}


@dataclass(frozen=True)
class Scheme:
    """A way to set limits, or a TCP.

    Attributes:
        name: what the experiment calls it.
        agent: the agent or TCP that it is; of a user's file its absolute path.
        label: what figures and tables call it.
        seeds, scenarios: those that it runs with; None: all of the experiment.
        tables: what it changes in a scenario's tables.
    """

    name: str
    agent: str
    label: str
    seeds: tuple[int, ...] | None = None
    scenarios: tuple[str, ...] | None = None
    tables: Table = field(default_factory=dict)

    def to_table(self) -> Table:
        table: Table = {"name": self.name, "agent": shorten_home(self.agent), "label": self.label}
        table |= {key: list(getattr(self, key)) for key in ("seeds", "scenarios") if getattr(self, key) is not None}
        return table | self.tables


@dataclass(frozen=True)
class Transfer:
    """Agents of `schemes`, trained in each scenario of `train`, are scored in each other one of `score`."""

    schemes: tuple[str, ...]
    train: tuple[str, ...]
    score: tuple[str, ...]

    def to_table(self) -> Table:
        return {key: list(values) for key, values in vars(self).items()}


@dataclass(frozen=True)
class Experiment:
    """An experiment as it was asked for; `iroko.experiment.jobs` makes its jobs and checks them."""

    name: str
    seeds: tuple[int, ...]
    schemes: tuple[Scheme, ...]
    scenarios: tuple[Scenario, ...]
    transfers: tuple[Transfer, ...] = ()
    settings: tuple[str, ...] = ()
    tables: Table = field(default_factory=dict)

    def to_toml(self) -> str:
        """The experiment as a file that `read_experiment` reads back, from wherever it is."""
        lists = {key: [entry.to_table() for entry in getattr(self, key)] for key in ("scenarios", "schemes", "transfers")}
        return format_toml(
            {"name": self.name, "seeds": list(self.seeds), "set": list(self.settings)}
            | self.tables
            | {key: tables for key, tables in lists.items() if tables}
        )


def read_experiment(path: Path, settings: Iterable[str] = (), seeds: Iterable[int] | None = None) -> Experiment:
    """Read an experiment's file.

    Args:
        settings: `SECTION.KEY=VALUE`, laid over everything.
        seeds: in place of all seeds in the file.

    Raises:
        InputError: the file cannot be read, or has an unknown or wrong key; the message names it.
    """
    table = place_tables(read_toml(path), path.absolute().parent)
    here = tuple(place_setting(setting, Path.cwd()) for setting in settings)
    try:
        return _make_experiment(path.stem, table, here, None if seeds is None else tuple(seeds))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _make_experiment(stem: str, table: Table, settings: tuple[str, ...], seeds: tuple[int, ...] | None) -> Experiment:
    for key in table:
        check_name("key of an experiment", key, KEYS, UnknownArgumentError)
    settings = (*_read_names("set", table.get("set", [])), *settings)
    for setting in settings:
        _check_tables("--set", overlay({}, read_setting(setting)))
    schemes = tuple(_read_scheme(entry) for entry in _read_entries("schemes", table.get("schemes", []), "ppo"))
    if not schemes:
        raise InputError('schemes: expected a list of schemes, such as schemes = ["ppo", "nv"]')
    scenarios = tuple(_read_scenario(entry) for entry in _read_entries("scenarios", table.get("scenarios", []), None))
    tables = _check_tables("the experiment", {key: table[key] for key in SECTIONS if key in table})
    experiment = Experiment(
        name=_check_label("name", table.get("name", stem)),
        seeds=read_seeds("seeds", table.get("seeds", list(DEFAULT_SEEDS)) if seeds is None else list(seeds)),
        schemes=schemes if seeds is None else tuple(_without_seeds(scheme) for scheme in schemes),
        scenarios=scenarios or (_only_scenario(tables),),
        transfers=tuple(_read_transfer(entry) for entry in _read_entries("transfers", table.get("transfers", []), None)),
        settings=settings,
        tables=tables,
    )
    _check_references(experiment)
    return experiment


def _without_seeds(scheme: Scheme) -> Scheme:
    return Scheme(**{**vars(scheme), "seeds": None})


def _only_scenario(tables: Table) -> Scenario:
    """The scenario of a file that lists none: what its tables describe, called as its topology."""
    topology = tables.get("topology", {}).get("name", "fattree")
    return Scenario(str(topology) if _NAME.fullmatch(str(topology)) else "scenario")


def _read_entries(key: str, value: Any, example: str | None) -> list[Any]:
    kinds: tuple[type, ...] = (str, dict) if example else (dict,)
    if not isinstance(value, list) or not all(isinstance(entry, kinds) for entry in value):
        wanted = f'a list such as {key} = ["{example}"]' if example else f"tables [[{key}]]"
        raise InputError(f"{key}={show(value)}: expected {wanted}")
    return value


def _read_names(what: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise InputError(f"{what}={show(value)}: expected a list of texts")
    return tuple(value)


def read_seeds(what: str, value: Any) -> tuple[int, ...]:
    """Check a list of seeds.

    Raises:
        InputError: it is empty, or has something that is no seed, or one twice.
    """
    seeds = value if isinstance(value, list) else []
    if not seeds or any(isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31 for seed in seeds):
        raise InputError(f"{what}={show(value)}: expected a list of whole numbers, 0 to 2147483647, such as [1, 2, 3]")
    _check_once(what, seeds)
    return tuple(seeds)


def _check_once(what: str, values: Iterable[Any]) -> None:
    doubles = [value for value, count in Counter(values).items() if count > 1]
    if doubles:
        raise InputError(f"{what}: {show(doubles[0])} is listed twice, expected it once")


def _check_label(what: str, name: Any) -> str:
    """A name that can be part of a folder's."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"{what}={show(name)}: expected letters, digits, - and _, at most 64, a letter or digit first")
    return name


def _read_scheme(entry: str | Table) -> Scheme:
    from iroko.analysis.looks import label

    table = {"name": entry} if isinstance(entry, str) else dict(entry)
    agent = table.get("agent")
    name = _check_label("name of a scheme", table.pop("name", name_of(agent) if isinstance(agent, str) else agent))
    what = f"scheme {name!r}"
    for key in table:
        check_name(f"key of {what}", key, ("name", "agent", "label", "seeds", "scenarios", *SECTIONS), UnknownArgumentError)
    agent = resolve_agent(str(expand(str(table.pop("agent", name)))), "scheme")
    shown = table.pop("label", label(agent) if name == agent else name)
    if not isinstance(shown, str) or not shown.strip() or not shown.isprintable() or len(shown) > MAX_LABEL:
        raise InputError(f"label={show(shown)} of {what}: expected a text of at most {MAX_LABEL} characters in one line")
    _check_formulas(what, shown)
    seeds = read_seeds(f"seeds of {what}", table.pop("seeds")) if "seeds" in table else None
    scenarios = _read_names(f"scenarios of {what}", table.pop("scenarios")) if "scenarios" in table else None
    return Scheme(name, agent, shown, seeds, scenarios, _check_tables(what, table))


def _check_formulas(what: str, label: str) -> None:
    """See that figures can draw what stands between dollar signs, hours before they are drawn."""
    if "$" in label:
        from matplotlib.mathtext import MathTextParser

        try:
            MathTextParser("path").parse(label)
        except ValueError as error:
            raise InputError(f"label={show(label)} of {what}: its formula cannot be drawn; write \\$ for a dollar sign") from error


def _read_scenario(entry: Table) -> Scenario:
    table = dict(entry)
    name = _check_label("name of a scenario", table.pop("name", None))
    for key in table:
        check_name(f"key of scenario {name!r}", key, ("name", *SECTIONS), UnknownArgumentError)
    return Scenario(name, _check_tables(f"scenario {name!r}", table))


def _read_transfer(entry: Table) -> Transfer:
    for key in entry:
        check_name("key of a transfer", key, ("schemes", "train", "score"), UnknownArgumentError)
    lists = {key: _read_names(f"{key} of a transfer", entry.get(key, [])) for key in ("schemes", "train", "score")}
    for key, names in lists.items():
        if not names:
            raise InputError(f"{key} of a transfer: expected a list of names")
        _check_once(f"{key} of a transfer", names)
    return Transfer(**lists)


def _check_tables(what: str, tables: Mapping[str, Any]) -> Table:
    """Tables of a run, as far as they can be checked before they are laid over each other."""
    result = overlay({}, tables)
    for key in result.get("run", {}):
        if key in OWN_RUN_KEYS:
            raise InputError(f"run.{key} of {what}: the experiment sets it itself; use schemes, seeds and transfers")
    return result


def _check_references(experiment: Experiment) -> None:
    """Every name is used once, and every reference names something."""
    scenarios = [scenario.name for scenario in experiment.scenarios]
    schemes = [scheme.name for scheme in experiment.schemes]
    _check_once("scenarios", scenarios)
    _check_once("schemes", schemes)
    agents = [name_of(scheme.agent) for scheme in experiment.schemes]
    for tables in (experiment.tables, *(entry.tables for entry in experiment.scenarios), *(entry.tables for entry in experiment.schemes)):
        for name in tables.get("agent", {}):
            check_name("agent of this experiment", name, agents)
    for scheme in experiment.schemes:
        for name in scheme.scenarios or ():
            check_name(f"scenario of scheme {scheme.name!r}", name, scenarios)
        _check_once(f"scenarios of scheme {scheme.name!r}", scheme.scenarios or ())
    for transfer in experiment.transfers:
        for name in transfer.schemes:
            check_name("scheme of a transfer", name, schemes)
        for name in (*transfer.train, *transfer.score):
            check_name("scenario of a transfer", name, scenarios)
