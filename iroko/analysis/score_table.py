"""The comparison as a table on the terminal, in words, and as JSON."""

import json
import math
from collections.abc import Collection
from typing import Any

from rich.console import Console
from rich.text import Text

from iroko.analysis.best import best_scheme, spread_text
from iroko.analysis.completion_table import print_completions
from iroko.analysis.completions import score_completions
from iroko.analysis.group_table import print_groups
from iroko.analysis.groups import score_groups
from iroko.analysis.scores import HEADINGS, LOWER_IS_BETTER, Score, score_schemes, where
from iroko.analysis.text_table import print_columns
from iroko.errors import InputError
from iroko.rundir.reader import RunData, read_manifest
from iroko.scenario import HOSTS

REFERENCES = ("nv", "dctcp")
"""The baselines that learned agents are measured against in words."""


def to_json(run: RunData, scores: list[Score]) -> str:
    """The comparison as one line of JSON; `in_training` holds the scores on the engine of the training, where that is another.

    Where flows are finite, `completions` has how they completed, see `iroko.analysis.completions`; where they run over several
    transports, `groups` has the scores of each, see `iroko.analysis.groups`. `warnings` are those of the manifest.
    """
    result: dict[str, Any] = {"run": str(run.path), "engine": run.config.engine} | _to_tables(run, scores)
    result["warnings"] = read_manifest(run.path).warnings
    if run.in_training is not None:
        result["in_training"] = {"engine": run.config.train_engine} | _to_tables(run.in_training, score_schemes(run.in_training))
    return json.dumps(result, allow_nan=False)


def _to_tables(run: RunData, scores: list[Score]) -> dict[str, Any]:
    tables = {"schemes": [score.to_table() for score in scores]}
    if completions := score_completions(run):
        tables["completions"] = [score.to_table() for score in completions]
    if groups := score_groups(run):
        tables["groups"] = [group.to_table() for group in groups]
    return tables


def print_table(run: RunData, scores: list[Score], console: Console) -> None:
    """Print the comparison, and for each agent how far its reward is from the references'."""
    if not scores:
        raise InputError(f"run {run.path}: no scheme is scored")
    scenario, episodes = run.config.scenario, int(run.steps["episode"].nunique())
    deployment = ", deployment hosts," if scenario.deployment == HOSTS else ""
    print_scores(
        f"{scenario.topology_name}, {scenario.traffic_name}{deployment} {where(run.config.engine)}",
        episodes,
        scenario.episode_s,
        scores,
        run.config.agents,
        console,
    )
    print_completions(score_completions(run), run.config.agents, console)
    print_groups(score_groups(run), console)
    warnings = [f"warning: {line}" for line in read_manifest(run.path).warnings]
    for line in [*compare(run, scores), *compare_engines(run, scores), *warnings]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_scores(what: str, episodes: int, episode_s: float, scores: list[Score], agents: Collection[str], console: Console) -> None:
    """Print the measures of each scheme.

    Args:
        what: the scenario and engine, in the title.
        episodes, episode_s: number of episodes of each scheme, and how long each lasts.
        agents: schemes whose names are set off.
    """
    spread = ", mean ± standard deviation" if episodes > 1 else ""
    title = f"{what}: {episodes} episode{'s' * (episodes > 1)} of {episode_s:g} s{spread}"
    headings = ["\n".join(f"{line}  " for line in heading.split("\n")) for heading in HEADINGS.values()]
    rows = []
    best = {name: _best(scores, name) for name in HEADINGS}
    for score in scores:
        cells = [Text(score.scheme, style="bold" if score.scheme in agents else "")]
        for name in HEADINGS:
            cell, deviation = _cell(name, getattr(score, name)), score.deviations.get(name)
            text = Text(f"{cell} *", style="bold") if score.scheme == best[name] else Text(f"{cell}  ")
            spread = "" if deviation is None else spread_text(_cell(name, deviation))
            cells.append(text.append(f"\n{spread}  ", style="not bold dim") if spread else text)
        rows.append(cells)
    caption = "* best of its column, the oracle aside; drops and marks are packets over all episodes"
    print_columns(console, title, caption, ["scheme", *headings], rows)


def _cell(name: str, value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,}" if name in ("drops", "marks") else f"{value / 1e3:,.2f}" if name.endswith("_bytes") else f"{value:.3f}"


def _best(scores: list[Score], name: str) -> str | None:
    """The scheme to mark in a column; none in that of marks, which are neither good nor bad."""
    if name == "marks":
        return None
    cells = {score.scheme: (float(getattr(score, name)), _cell(name, getattr(score, name))) for score in scores}
    return best_scheme(cells, name in LOWER_IS_BETTER)


def compare(run: RunData, scores: list[Score]) -> list[str]:
    """One line for each agent: by how much its reward per step is above or below that of `nv` and `dctcp`."""
    rewards = {score.scheme: score.reward for score in scores}
    references = [name for name in REFERENCES if name in rewards]
    lines = []
    for agent in run.config.agents:
        if agent not in rewards or agent in REFERENCES:
            continue
        parts = [_difference(rewards[agent], rewards[name], name) for name in references]
        lines.append(f"{agent}: reward {rewards[agent]:.3f} per step" + (", " + ", ".join(parts) if parts else ""))
    return lines


def compare_engines(run: RunData, scores: list[Score]) -> list[str]:
    """The sim-to-kernel gap in words: each agent's reward on both engines, then the relative change of the baselines."""
    if run.in_training is None:
        return []
    there, here = where(run.config.train_engine), where(run.config.engine)
    before, after = ({score.scheme: score.reward for score in each} for each in (score_schemes(run.in_training), scores))
    both = [scheme for scheme in after if scheme in before]
    lines = [
        f"{scheme}: reward {before[scheme]:.3f} per step {there}, {after[scheme]:.3f} {here}: {_change(before[scheme], after[scheme])}"
        for scheme in both
        if scheme in run.config.agents
    ]
    if others := [f"{scheme} {_change(before[scheme], after[scheme])}" for scheme in both if scheme not in run.config.agents]:
        lines.append(f"baselines, from {run.config.train_engine} to {run.config.engine}: {', '.join(others)}")
    return lines


def _change(before: float, after: float) -> str:
    return f"{(after - before) / abs(before):+z.1%}" if before else f"{after - before:+.3f}"


def _difference(own: float, other: float, name: str) -> str:
    difference = own - other
    if difference == 0:
        return f"equal to {name}"
    percent = f" ({difference / abs(other):+.1%})" if other else ""
    return f"{abs(difference):.3f} {'above' if difference > 0 else 'below'} {name}{percent}"
