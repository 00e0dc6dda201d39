"""The page of a run folder."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from iroko.analysis.completions import score_completions
from iroko.analysis.scores import HEADINGS, Score, compare, compare_engines, score_schemes, where
from iroko.report.charts import group_size, thin
from iroko.report.completions import completion_figures, completion_table
from iroko.report.episodes import Episode, Fabric, Plan, episodes, plan, record
from iroko.report.figures import Bounds, Curve, engines_figure, learning_figure, rewards_figure, time_figures, tradeoff_figure
from iroko.report.metadata import agent_facts, job_facts, machine_facts, scenario_facts
from iroko.report.page import Facts, Ink, Page, Palette, Section, Spec, Table
from iroko.report.tables import loss_table, score_table
from iroko.report.text import count_text, join_words, measure_text, setting_text
from iroko.rundir.config import RunConfig
from iroko.rundir.manifest import COMPLETE, Manifest
from iroko.rundir.reader import RunData, read_config, read_learning, read_manifest, read_run
from iroko.topology import Topology

NAN = float("nan")
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
    topology = config.scenario.make_topology()
    palette = Palette()
    inks = [palette.ink(scheme) for scheme in config.schemes]
    sections, fabric = [], Fabric()
    notices = _notices(folder, manifest)
    if (folder / "steps.parquet").is_file():
        run = read_run(folder)
        sections += _scored(run, topology, palette, fabric)
    elif len(learning := read_learning(folder)):
        sections.append(Section("figures", "Figures", charts=[_learning(learning, [], palette)]))
    sections += [_settings(config, manifest, topology, palette), _files(folder)]
    name = folder.resolve().name
    return Page(name, "run", _lead(config, palette), sections, inks, notices, fabric.spec)


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


def _scored(run: RunData, topology: Topology, palette: Palette, fabric: Fabric) -> list[Section]:
    """What a run with scores shows."""
    scores = score_schemes(run)
    of_each: dict[str, list[Episode]] = defaultdict(list)
    for episode in episodes(run, topology):
        of_each[episode.scheme].append(episode)
    count = max(map(len, of_each.values()))
    spread = " ± standard deviation over the episodes" if count > 1 else ""
    rows = [
        (palette.ink(score.scheme), {name: (float(getattr(score, name)), _deviation(score, name)) for name in HEADINGS}) for score in scores
    ]
    caption = (
        f"Means of {count_text(count, 'episode')}{spread}; drops and marks are packets over all of them; the best of a column is set bold."
    )
    tables: list[Table] = [score_table("scores", caption, rows, list(HEADINGS))]
    charts: list[Spec] = _first_charts(scores, of_each, palette, count)
    if len(run.learning):
        charts.append(_learning(run.learning, scores, palette))
    if run.in_training is not None:
        before = {score.scheme: score for score in score_schemes(run.in_training)}
        both = [(palette.ink(s.scheme), before[s.scheme], s) for s in scores if s.scheme in before]
        there, here = where(run.config.train_engine), where(run.config.engine)
        losses = [(ink, one.reward, two.reward, (two.reward - one.reward, NAN, NAN)) for ink, one, two in both]
        tables.append(loss_table("engines", there, here, losses))
        charts.append(engines_figure("run", [(ink, _bounds(one, "reward"), _bounds(two, "reward")) for ink, one, two in both], there, here))
    inks = {scheme: palette.ink(scheme) for scheme in of_each}
    if completions := {score.scheme: [score] for score in score_completions(run)}:
        tables.append(completion_table("run", completions, inks))
        charts += completion_figures("run", completions, inks)
    charts += time_figures("run", of_each, inks)
    _add_recordings(run, topology, of_each, palette, fabric)
    return [
        Section("results", "Results", [*compare(run, scores), *compare_engines(run, scores)], tables=tables),
        Section("figures", "Figures", charts=charts),
        Section("fabric", "The fabric over time", fabric=True),
    ]


def _first_charts(scores: list[Score], of_each: dict[str, list[Episode]], palette: Palette, count: int) -> list[Spec]:
    rewards: list[tuple[Ink, Bounds, list[float]]] = []
    spots: list[tuple[Ink, Bounds, Bounds, list[tuple[float, float]]]] = []
    for score in scores:
        ink, own = palette.ink(score.scheme), of_each[score.scheme]
        rewards.append((ink, _bounds(score, "reward"), [float(episode.reward.mean()) for episode in own]))
        spots.append((ink, _bounds(score, "queue_mean_bytes"), _bounds(score, "goodput_share"), []))
    several = count > 1
    return [
        rewards_figure("run", rewards, "Mean, standard deviation and each episode." if several else "One episode."),
        tradeoff_figure("run", spots, "Best is top left" + ("; bars are standard deviations over the episodes." if several else ".")),
    ]


def _add_recordings(run: RunData, topology: Topology, of_each: dict[str, list[Episode]], palette: Palette, fabric: Fabric) -> None:
    kept: Plan = plan(topology.num_ports, len(of_each), 1, max(map(len, of_each.values())))
    scenario = fabric.add_topology(f"{run.config.scenario.topology_name}, {run.config.scenario.traffic_name}", topology)
    for scheme, own in of_each.items():
        for episode in own:
            if kept.keeps(episode.episode, episode.seed, run.config.seed):
                fabric.recordings.append(record(episode, topology, kept.frames, palette.ink(scheme), scenario))
            fabric.note(kept.describe(len(episode.time_s)))


def _deviation(score: Score, name: str) -> str:
    return f"± {measure_text(name, score.deviations[name])}" if name in score.deviations else ""


def _bounds(score: Score, name: str) -> Bounds:
    value, deviation = float(getattr(score, name)), score.deviations.get(name, NAN)
    return value, value - deviation, value + deviation


def _learning(learning: pd.DataFrame, scores: list[Score], palette: Palette) -> Spec:
    curves: list[Curve] = []
    for agent in dict.fromkeys(map(str, learning["agent"])):
        # Episodes of environments side by side end at one step: they are one point and its band.
        by_step = learning[learning["agent"] == agent].groupby("step")["reward"]
        steps = by_step.mean().index.to_numpy(float)
        sides = [getattr(by_step, name)().to_numpy(float) for name in ("mean", "min", "max")]
        group = group_size(len(steps))
        curves.append((palette.ink(agent), list(zip(*(thin(side, group).tolist() for side in (steps, *sides)), strict=True))))
    learned = set(learning["agent"])
    levels = [(palette.ink(score.scheme), score.reward) for score in scores if score.scheme not in learned]
    note = "Training episodes: mean and range of those that ended together." + " Level lines: scores of schemes that do not learn." * bool(
        levels
    )
    return learning_figure("run", curves, levels, note)


def _settings(config: RunConfig, manifest: Manifest, topology: Topology, palette: Palette) -> Section:
    learned = [palette.ink(scheme).label for scheme in config.agents if f"train {scheme}" in manifest.wall_s]
    facts: list[Facts] = [scenario_facts(config.scenario, topology), job_facts(config, learned, [config.seed])]
    if (parameters := agent_facts(config.agent_parameters)) is not None:
        facts.append(parameters)
    return Section("settings", "What was run", facts=[*facts, machine_facts([manifest])])


def _files(folder: Path) -> Section:
    links = [(f"{name}/" if (folder / name).is_dir() else name, text) for name, text in FILES.items() if (folder / name).exists()]
    return Section("files", "The run folder", links=[("./", "this folder"), *links])
