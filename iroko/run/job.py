"""The work of a run, from a checked config to a complete folder: prepare, train, score, join, draw."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

from iroko.agent import Agent, Progress, make_agent
from iroko.analysis.scores import rewards_by_engine, where
from iroko.engines.open import first_use, missing_transports, open_engine
from iroko.errors import InputError, UnsupportedError
from iroko.mix import parse_mix
from iroko.registry import list_names, load, show
from iroko.run.evaluate import evaluate
from iroko.run.progress import Display
from iroko.rundir.config import RunConfig
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import COMPLETE, INCOMPLETE
from iroko.rundir.reader import read_run
from iroko.scenario import FLOWS, check_parameters
from iroko.system.places import expand

MOST_ADDRESSES = 8
"""Addresses in a message, of which a capture may have thousands."""


@dataclass
class Prepared:
    """A run that can start: its agents are made, its engines have been seen to work.

    Attributes:
        config: with every parameter of every agent.
        agents: by scheme.
        engines: for each engine what it says of itself.
        left_out: for a baseline that cannot run here the reason.
        hosts: for each address of the traffic's file its host, where the file's order decides.
        in_training: the schemes to score on the engine of the training too, which shows what they lose on the way to the other.
    """

    config: RunConfig
    agents: dict[str, Agent]
    engines: dict[str, dict[str, str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    in_training: list[str] = field(default_factory=list)


def prepare(config: RunConfig, say: Callable[[str], None] = lambda _: None, base: Path = Path()) -> Prepared:
    """Check all that can be wrong before the run starts. Nothing is written into folders of runs.

    Args:
        say: told what takes long, and which hosts the addresses of a file became.
        base: the folder from which on the config names its model.

    Raises:
        InputError: an agent's parameter, a learner among the baselines, or a model of another agent or topology.
        UnsupportedError: an engine cannot run here, or lacks a transport that was asked for.
    """
    config = fill_in(config)
    topology = config.scenario.fabric
    agents = {
        scheme: make_agent(config.reference(scheme), config.scenario, topology, config.seed, **config.agent_parameters.get(scheme, {}))
        for scheme in config.schemes
    }
    for scheme in config.baselines:
        if agents[scheme].learns:
            raise InputError(f"baseline {scheme!r} learns: name it with --agent")
    if config.model is not None:
        agents[config.agents[0]].load(base / expand(config.model))
    prepared = Prepared(config, agents, hosts=config.scenario.describe_hosts(topology))
    if prepared.hosts:
        say(_in_words(prepared.hosts, topology.num_hosts))
    learns = any(agents[name].learns for name in config.agents)
    for engine_name in dict.fromkeys([config.engine, *([config.train_engine] if learns else [])]):
        if (work := first_use(engine_name)) is not None:
            say(work)
        engine = open_engine(engine_name, topology, config.seed)
        try:
            prepared.engines[engine_name] = engine.describe()
        finally:
            engine.close()
    _check_transports(prepared)
    return prepared


def _in_words(hosts: dict[str, str], num_hosts: int) -> str:
    first = ", ".join(f"{show(address)} is {host}" for address, host in list(hosts.items())[:MOST_ADDRESSES])
    more = f", and {len(hosts) - MOST_ADDRESSES:,} more" if len(hosts) > MOST_ADDRESSES else ""
    shared = f"; {len(hosts):,} addresses share {num_hosts:,} hosts" if len(hosts) > num_hosts else ""
    return f"addresses of the traffic's file get hosts in their order: {first}{more}{shared}; manifest.json has all"


def fill_in(config: RunConfig) -> RunConfig:
    """The same run with every parameter of every agent, as its folder keeps it.

    Raises:
        InputError: a parameter that the agent does not have, or of the wrong type.
    """
    return replace(config, agent_parameters=_all_parameters(config))


def _all_parameters(config: RunConfig) -> dict[str, dict[str, object]]:
    """The parameters of every agent that has any, with those at their defaults."""
    result = {}
    for scheme in config.schemes:
        given = config.agent_parameters.get(scheme, {})
        if scheme not in config.agent_files and scheme not in list_names("agents"):
            if given:
                raise InputError(f"agent.{scheme}.{next(iter(given))}: {scheme} has no parameters")
            continue
        if "seed" in given:
            raise InputError(f"agent.{scheme}.seed: expected the run's seed, set by --seed")
        checked = check_parameters(f"agent {scheme}", load("agents", "agent", config.reference(scheme)), given)
        if parameters := {key: value for key, value in checked.items() if key != "seed"}:
            result[scheme] = parameters
    return result


def _check_transports(prepared: Prepared) -> None:
    """See which transports the engines lack, and so which schemes can be scored where."""
    config, agents = prepared.config, prepared.agents
    needed = {scheme: agents[scheme].transport or config.scenario.transport for scheme in config.schemes}
    mixed = parse_mix(config.scenario.mix)
    missing = missing_transports(config.engine, sorted({*needed.values(), *mixed}))
    for line in (missing[transport] for transport in mixed if transport in missing):
        raise UnsupportedError(line)
    for scheme, transport in needed.items():
        if transport in missing:
            if scheme not in config.baselines or not config.skip_missing:
                raise UnsupportedError(missing[transport])
            prepared.left_out[scheme] = missing[transport]
    if config.train_engine == config.engine or config.train_engine not in prepared.engines:
        return
    missing = missing_transports(config.train_engine, sorted({*needed.values(), *mixed}))
    for scheme, transport in needed.items():
        lacking = next((name for name in (transport, *mixed) if name in missing), None)
        if agents[scheme].learns and lacking is not None:
            raise UnsupportedError(missing[lacking])
        # What does not learn shows how far the engines agree; in real time that would double the time of the scores.
        if lacking is None and scheme not in prepared.left_out and (agents[scheme].learns or config.train_engine != "mininet"):
            prepared.in_training.append(scheme)


def phase_names(prepared: Prepared, folder: RunFolder) -> list[str]:
    """What is left to do, in the words of the display."""
    config = prepared.config
    train = [f"train {name}" for name in config.agents if _is_to_train(prepared, folder, name)]
    score = [f"score {name}" for name in config.schemes if name not in prepared.left_out and not folder.is_scored(name)]
    again = [_score_again(config, name) for name in prepared.in_training if not folder.is_scored(name, config.train_engine)]
    return [*train, *score, *again, "figures"]


def _score_again(config: RunConfig, name: str) -> str:
    return f"score {name} {where(config.train_engine)}"


def _is_to_train(prepared: Prepared, folder: RunFolder, name: str) -> bool:
    return prepared.config.model is None and prepared.agents[name].learns and not folder.model(name).is_dir()


def work(prepared: Prepared, folder: RunFolder, display: Display, draw: bool = True) -> None:
    """Do what is left of a run, and mark its folder complete.

    Args:
        draw: whether the run's own figures are drawn and its report is written; that takes longer than scoring a baseline.

    Raises:
        EngineError: an engine failed; what was finished before is in the folder.
        UnsupportedError: a scheme that was asked for cannot run.
    """
    config, manifest = prepared.config, folder.manifest
    manifest.engines |= prepared.engines
    manifest.hosts = prepared.hosts
    manifest.left_out = {}
    for scheme, reason in prepared.left_out.items():
        _leave_out(folder, display, scheme, reason)
    folder.mark(INCOMPLETE, manifest.reason)
    for name in config.agents:
        if _is_to_train(prepared, folder, name):
            with _Phase(f"train {name}", folder, display) as phase:
                _train(prepared, folder, name, phase)
        elif prepared.agents[name].learns and config.model is None:
            prepared.agents[name].load(folder.model(name))
    for scheme in config.schemes:
        if scheme not in prepared.left_out and not folder.is_scored(scheme):
            with _Phase(f"score {scheme}", folder, display) as phase:
                _score(prepared, folder, scheme, config.engine, phase)
    for scheme in prepared.in_training:
        if not folder.is_scored(scheme, config.train_engine):
            with _Phase(_score_again(config, scheme), folder, display) as phase:
                _score(prepared, folder, scheme, config.train_engine, phase)
    folder.join_scores()
    run = read_run(folder.path)
    manifest.rewards = rewards_by_engine(run)
    if draw:
        with _Phase("figures", folder, display):
            from iroko.analysis.plots import draw_all

            draw_all(run)
    display.close()
    folder.mark(COMPLETE)
    if draw:  # the report says whether the run is complete
        from iroko.report import write_report

        write_report(folder.path)


def _leave_out(folder: RunFolder, display: Display, scheme: str, reason: str) -> None:
    folder.manifest.left_out[scheme] = reason
    _warn(folder, display, f"{scheme} is left out: {reason}")


def _warn(folder: RunFolder, display: Display, warning: str) -> None:
    if folder.manifest.warn(warning):
        display.note(f"warning: {warning}")


class _Phase:
    """Times a phase for the manifest, and tells the display."""

    def __init__(self, name: str, folder: RunFolder, display: Display) -> None:
        self.name, self.folder, self.display = name, folder, display
        self._last: Progress | None = None

    def __enter__(self) -> "_Phase":
        self.display.phase(self.name)
        self._start_s = time.monotonic()
        return self

    def progress(self, progress: Progress) -> None:
        self._last = progress
        self.display.progress(progress)

    def __exit__(self, *error: object) -> None:
        manifest = self.folder.manifest
        manifest.wall_s[self.name] = round(manifest.wall_s.get(self.name, 0.0) + time.monotonic() - self._start_s, 3)
        if self._last is not None:
            manifest.virtual_s[self.name] = round(manifest.virtual_s.get(self.name, 0.0) + self._last.virtual_s, 6)
        if error[0] is None:
            self.folder.mark(INCOMPLETE, manifest.reason)


def _train(prepared: Prepared, folder: RunFolder, name: str, phase: _Phase) -> None:
    from iroko.run.train import train

    config, agent = prepared.config, prepared.agents[name]
    curve = train(
        agent, config.scenario, config.train_engine, config.steps, config.envs, config.seed, phase.progress,
        folder.checkpoint(name), folder.path / "tensorboard" / name, lambda text: _warn(folder, phase.display, f"{phase.name}: {text}"),
    )  # fmt: skip
    # Real times stay out of the file, so that equal trainings give equal bytes.
    # What a policy of flows is rewarded for is no sum over the steps of an episode.
    num_steps = 1 if config.scenario.deployment == FLOWS else config.scenario.num_steps
    rewards = pd.DataFrame({"agent": name, "step": curve["step"], "reward": curve["episode_reward"] / num_steps})
    before = folder.read_learning()
    others = before[before["agent"] != name]
    folder.write_learning(pd.concat([others, rewards], ignore_index=True) if len(others) else rewards)
    folder.write_model(name, agent.save)


def _score(prepared: Prepared, folder: RunFolder, scheme: str, engine: str, phase: _Phase) -> None:
    config, manifest = prepared.config, folder.manifest
    try:
        records = evaluate(prepared.agents[scheme], config.scenario, engine, config.episodes, config.seed, phase.progress)
    except UnsupportedError as error:
        if scheme not in config.baselines or not config.skip_missing:
            raise
        _leave_out(folder, phase.display, scheme, str(error))
        return
    manifest.transports[scheme], manifest.clocks[phase.name.removeprefix("score ")] = records.transport, asdict(records.clock)
    for warning in records.clock.warnings:
        _warn(folder, phase.display, f"{phase.name}: {warning}")
    folder.write_scores(scheme, records.steps, records.flows, engine)
