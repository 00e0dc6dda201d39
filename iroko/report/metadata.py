"""What was run where: scenario, training and scoring, versions and machine, as names and values."""

from collections.abc import Mapping, Sequence
from typing import Any

from iroko.analysis.scores import where
from iroko.report.page import Facts
from iroko.report.text import count_text, setting_name, setting_text
from iroko.rundir.config import RunConfig
from iroko.rundir.manifest import Manifest
from iroko.scenario import Scenario
from iroko.topology import Topology


def scenario_facts(scenario: Scenario, topology: Topology) -> Facts:
    """The fabric, its traffic, and how agents see and steer it."""
    environment = scenario.to_table()["environment"]
    own = [(setting_name(key), setting_text(key, value)) for key, value in environment.items() if key not in ("interval_s", "episode_s")]
    return Facts("Scenario", [
        ("topology", f"{scenario.topology_name}{_settings(scenario.topology_parameters)}"),
        ("size", f"{count_text(topology.num_hosts, 'host')}, {len(topology.switches)} switches, {topology.num_ports} ports"),
        ("traffic", f"{scenario.traffic_name}{_settings(scenario.traffic_parameters)}"),
        ("interval", setting_text("interval_s", scenario.interval_s)),
        ("episode", f"{setting_text('episode_s', scenario.episode_s)}, {count_text(scenario.num_steps, 'step')}"),
        *own,
    ])  # fmt: skip


def job_facts(config: RunConfig, learned: Sequence[str], seeds: Sequence[int]) -> Facts:
    """Where, how long and from which seeds schemes were trained and scored.

    Args:
        learned: labels of the schemes that learned.
        seeds: of all runs that the page shows.
    """
    training = "nothing was trained"
    if learned:
        training = f"{where(config.train_engine)}, {count_text(config.steps, 'step')} of each agent ({', '.join(learned)}), "
        training += f"{count_text(config.envs, 'environment')} side by side"
    if config.model is not None:
        training = f"a saved model was scored: {config.model}"
    return Facts("Training and scoring", [
        ("scored", f"{where(config.engine)}, {count_text(config.episodes, 'episode')} of each scheme and seed"),
        ("trained", training),
        ("seeds" if len(seeds) > 1 else "seed", ", ".join(map(str, seeds))),
    ])  # fmt: skip


def agent_facts(parameters: Mapping[str, Mapping[str, Any]]) -> Facts | None:
    """Every parameter of every agent; None where no agent has any."""
    pairs = [(scheme, ", ".join(f"{setting_name(key)} {setting_text(key, value)}" for key, value in own.items()))
             for scheme, own in parameters.items() if own]  # fmt: skip
    return Facts("Parameters of the agents", pairs, folded=True) if pairs else None


def machine_facts(manifests: Sequence[Manifest]) -> Facts:
    """Versions, kernels and machine; where the runs differ in one, every value of it."""

    def values(of_each: Sequence[str | None]) -> str:
        return " or ".join(dict.fromkeys(value or "unknown" for value in of_each)) or "unknown"

    pairs = [
        ("Iroko", values([manifest.iroko for manifest in manifests])),
        ("commit", values([manifest.commit for manifest in manifests])),
        ("Python", values([manifest.python for manifest in manifests])),
    ]
    for engine in dict.fromkeys(name for manifest in manifests for name in manifest.engines):
        described = [manifest.engines[engine] for manifest in manifests if engine in manifest.engines]
        pairs.append((f"engine {engine}", values([_listed({k: v for k, v in one.items() if k != "engine"}) for one in described])))
    pairs.append(("machine", values([_listed(manifest.machine) for manifest in manifests])))
    pairs.append(("packages", values([_listed(manifest.packages) for manifest in manifests])))
    return Facts("Versions and machine", pairs, folded=True)


def _listed(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in table.items())


def _settings(parameters: Mapping[str, Any]) -> str:
    given = [f"{setting_name(key)} {setting_text(key, value)}" for key, value in parameters.items() if value is not None]
    return f" ({', '.join(given)})" if given else ""
