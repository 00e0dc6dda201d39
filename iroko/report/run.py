"""The page of a run folder."""

from pathlib import Path

import pandas as pd

from iroko.analysis.charts import Style
from iroko.analysis.comparison import Comparison, Entry, compare_run
from iroko.analysis.figures import learning_curves
from iroko.analysis.looks import label, look
from iroko.analysis.score_table import compare, compare_engines
from iroko.analysis.scores import score_schemes, where
from iroko.report.charts import to_spec
from iroko.report.metadata import agent_facts, job_facts, machine_facts, scenario_facts
from iroko.report.page import Facts, Page, Palette, Section
from iroko.report.recordings import Fabric, plan
from iroko.report.scenario import charts, recorder, tables
from iroko.report.text import count_text, join_words, setting_text
from iroko.rundir.config import RunConfig
from iroko.rundir.manifest import COMPLETE, Manifest
from iroko.rundir.reader import RunData, read_config, read_learning, read_manifest, read_run
from iroko.topology import Topology

FILES = {
    "config.toml": "settings", "manifest.json": "manifest", "steps.parquet": "every step", "flows.parquet": "every flow",
    "learning.parquet": "learning curves", "model": "trained agents", "figures": "figures for print", "tensorboard": "TensorBoard logs",
}  # fmt: skip


def run_page(folder: Path) -> Page:
    """The page of a run, also of one that is not finished.

    Raises:
        InputError: it is no run folder, or its files cannot be read.
    """
    config, manifest = read_config(folder), read_manifest(folder)
    topology = config.scenario.fabric
    palette = Palette()
    inks = [palette.ink(scheme) for scheme in config.schemes]
    fabric, title = Fabric(), f"{config.scenario.topology_name}, {config.scenario.traffic_name}"
    if (folder / "steps.parquet").is_file():
        run = read_run(folder)
        kept = plan(topology.num_ports, len(run.schemes), 1, config.episodes)
        fabric.note(kept.describe(config.scenario.num_steps))
        comparison = compare_run(run, recorder(fabric, palette, title, topology, kept))
        sections = _scored(run, comparison, palette)
    else:
        sections = _unscored(config, read_learning(folder), palette)
    sections += [_settings(config, manifest, topology, palette), _files(folder)]
    heading = f"{title}: {join_words([ink.label for ink in inks])}"
    kind = f"run {folder.resolve().name}"
    return Page(heading, kind, _lead(config, palette), sections, inks, _notices(folder, manifest), fabric.spec)


def _lead(config: RunConfig, palette: Palette) -> str:
    names = [palette.ink(scheme).label for scheme in config.schemes]
    scenario = config.scenario
    return (
        f"{join_words(names)} on the topology {scenario.topology_name} with the traffic {scenario.traffic_name}, "
        f"{count_text(config.episodes, 'episode')} of {setting_text('episode_s', scenario.episode_s)} each {where(config.engine)}, "
        "all on the same flows. "
        "Every number on this page comes from the files of the run folder that it lies in; it loads nothing from anywhere."
    )


def _notices(folder: Path, manifest: Manifest) -> list[str]:
    notices = []
    if manifest.status != COMPLETE:
        reason = f": {manifest.reason}" if manifest.reason else ""
        notices.append(f"This run is not finished{reason}. Go on with it: python -m iroko.run --resume --out {folder}")
    notices += [f"{scheme} is left out: {reason}" for scheme, reason in manifest.left_out.items()]
    known = set(notices)
    return notices + [warning for warning in manifest.warnings if warning not in known]


def _scored(run: RunData, comparison: Comparison, palette: Palette) -> list[Section]:
    """What a run with scores shows."""
    scores = score_schemes(run)
    return [
        Section("results", "Results", [*compare(run, scores), *compare_engines(run, scores)], tables=tables(comparison, "run", palette)),
        Section("figures", "Figures", charts=charts(comparison, "run", palette)),
        Section("fabric", "The fabric over time", fabric=True),
    ]


def _unscored(config: RunConfig, learning: pd.DataFrame, palette: Palette) -> list[Section]:
    """The learning curve of a run that is still learning."""
    if not len(learning):
        return []
    entries = tuple(
        Entry(Style(scheme, label(scheme), look(scheme)), scheme, scheme, "", {}, {})
        for scheme in dict.fromkeys(map(str, learning["agent"]))
    )
    curves = learning.rename(columns={"agent": "scheme"}).assign(seed=config.seed)
    comparison = Comparison("", config, config.scenario.fabric, entries, "episode", curves)
    return [Section("figures", "Figures", charts=[to_spec(learning_curves(comparison), "run", palette)])]


def _settings(config: RunConfig, manifest: Manifest, topology: Topology, palette: Palette) -> Section:
    learned = [palette.ink(scheme).label for scheme in config.agents if f"train {scheme}" in manifest.wall_s]
    facts: list[Facts] = [scenario_facts(config.scenario, topology), job_facts(config, learned, [config.seed])]
    if (parameters := agent_facts(config.agent_parameters)) is not None:
        facts.append(parameters)
    return Section("settings", "What was run", facts=[*facts, machine_facts([manifest])])


def _files(folder: Path) -> Section:
    links = [(f"{name}/" if (folder / name).is_dir() else name, text) for name, text in FILES.items() if (folder / name).exists()]
    return Section("files", "The run folder", links=[("./", "this folder"), *links])
