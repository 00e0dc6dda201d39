"""From an experiment to its jobs: one run for each scenario, scheme and seed, checked before any of them starts."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from iroko.agent import make_agent
from iroko.errors import InputError
from iroko.experiment.spec import Experiment, Scheme
from iroko.run.job import fill_in
from iroko.rundir.config import RunConfig, Table, make_config, overlay, read_setting
from iroko.user_files import name_of

JOBS_FOLDER = "jobs"
MAX_JOBS = 100_000


@dataclass(frozen=True)
class Job:
    """One run of an experiment.

    Attributes:
        name: also that of its folder.
        trained_on: the scenario that its agent was trained in; empty: its own.
        config: with every parameter; a model is named from the experiment's folder on.
        needs: the job whose trained agent it scores; empty: none.
        learns: whether it trains an agent.
    """

    name: str
    scenario: str
    scheme: str
    seed: int
    config: RunConfig
    learns: bool
    trained_on: str = ""
    needs: str = ""

    @property
    def agent(self) -> str:
        return self.config.agents[0]

    def to_table(self) -> Table:
        """What is noted of it in the experiment's folder."""
        return {key: getattr(self, key) for key in ("name", "scenario", "scheme", "seed", "trained_on")}


def make_jobs(experiment: Experiment) -> list[Job]:
    """Every job of an experiment, in the order of its file; what others need stands before them.

    Raises:
        InputError: a name, a key or a value that a run would refuse; the message says in which scenario and scheme.
    """
    num_jobs = len(experiment.scenarios) * sum(len(scheme.seeds or experiment.seeds) for scheme in experiment.schemes)
    if num_jobs > MAX_JOBS:
        raise InputError(f"{num_jobs:,} jobs of scenarios, schemes and seeds: expected at most {MAX_JOBS:,}")
    configs: dict[tuple[str, str], tuple[RunConfig, bool]] = {}
    jobs: list[Job] = []
    for scenario in experiment.scenarios:
        for scheme in experiment.schemes:
            configs[scenario.name, scheme.name] = _make_config(experiment, scenario.name, scheme)
            if scheme.scenarios is None or scenario.name in scheme.scenarios:
                jobs += _own_jobs(experiment, scenario.name, scheme, *configs[scenario.name, scheme.name])
    homes = {job.name for job in jobs}
    for scheme, train, score in _transfers(experiment):
        config, learns = configs[score, scheme.name]
        if not learns:
            raise InputError(f"scheme {scheme.name!r} of a transfer does not learn: expected one that does")
        for seed in scheme.seeds or experiment.seeds:
            home = f"{train}.{scheme.name}.seed{seed}"
            if home not in homes:
                raise InputError(f"transfer of {scheme.name!r} from {train!r}: expected one of its own scenarios, in which it is trained")
            model = f"{JOBS_FOLDER}/{home}/model/{name_of(scheme.agent)}"
            jobs.append(
                Job(
                    name=f"{train}.to.{score}.{scheme.name}.seed{seed}",
                    scenario=score,
                    scheme=scheme.name,
                    seed=seed,
                    config=replace(config, seed=seed, model=model),
                    learns=False,
                    trained_on=train,
                    needs=home,
                )
            )
    return jobs


def _own_jobs(experiment: Experiment, scenario: str, scheme: Scheme, config: RunConfig, learns: bool) -> Iterator[Job]:
    for seed in scheme.seeds or experiment.seeds:
        yield Job(f"{scenario}.{scheme.name}.seed{seed}", scenario, scheme.name, seed, replace(config, seed=seed), learns)


def _transfers(experiment: Experiment) -> list[tuple[Scheme, str, str]]:
    """Each scheme, scenario of training and other scenario of scoring, once."""
    by_name = {scheme.name: scheme for scheme in experiment.schemes}
    found = {
        (name, train, score): (by_name[name], train, score)
        for transfer in experiment.transfers
        for name in transfer.schemes
        for train in transfer.train
        for score in transfer.score
        if train != score
    }
    return list(found.values())


def _make_config(experiment: Experiment, scenario: str, scheme: Scheme) -> tuple[RunConfig, bool]:
    """The run of a scheme in a scenario, and whether it trains; all but the seed."""
    tables = next(entry.tables for entry in experiment.scenarios if entry.name == scenario)
    table = overlay(overlay(experiment.tables, tables), scheme.tables)
    try:
        for setting in experiment.settings:
            table = overlay(table, read_setting(setting))
        if "agent" in table:  # those of other schemes are not this one's concern
            table["agent"] = {name: values for name, values in table["agent"].items() if name == name_of(scheme.agent)}
        config = fill_in(make_config(overlay(table, {"run": {"agents": [scheme.agent], "baselines": []}})))
        agent = make_agent(
            scheme.agent, config.scenario, config.scenario.fabric, 0, **config.agent_parameters.get(name_of(scheme.agent), {})
        )
    except InputError as error:
        raise InputError(f"scenario {scenario!r}, scheme {scheme.name!r}: {error}") from error
    return config, agent.learns
