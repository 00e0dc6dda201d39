"""The figures of an experiment, one file each for every scenario: every seed is a point, every bar a 95% confidence interval."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from iroko.analysis.experiment import Results, groups_of
from iroko.analysis.experiment_tables import losses
from iroko.analysis.intervals import mean_interval
from iroko.analysis.plots.style import STYLE, add_legend, look, new_figure, save, size_unit
from iroko.rundir.folder import write_beside

FORMATS = ("pdf", "png")
CURVE_POINTS = 40
CUT = 0.15
"""Where rewards are above 0, axes end this share of the greatest below 0: queues that are full cost many times what bandwidth earns."""


def draw_figures(results: Results, folder: Path) -> list[Path]:
    """Draw every figure of an experiment into a folder; returns the files."""
    files = []
    with mpl.rc_context(STYLE):
        for name, draw in figures(results):
            figure = draw()
            for kind in FORMATS:
                files.append(folder / f"{name}.{kind}")
                write_beside(files[-1], partial(save, figure))
    return files


def figures(results: Results) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The names of the figures and what draws them; an experiment of one scenario does not repeat its name."""
    lost = losses(results)
    for scenario in results.scenarios:
        if scenario not in set(results.measures["scenario"]):
            continue
        suffix = f"-{scenario}" if len(results.scenarios) > 1 else ""
        yield f"reward{suffix}", partial(draw_rewards, results, scenario)
        yield f"goodput-queue{suffix}", partial(draw_tradeoff, results, scenario)
        if scenario in set(results.learning["scenario"]):
            yield f"learning{suffix}", partial(draw_learning, results, scenario)
        if scenario in set(lost["scenario"]):
            yield f"loss{suffix}", partial(draw_losses, results, scenario)
    for scheme in dict.fromkeys(results.transfers["scheme"] if len(results.transfers) else ()):
        yield f"transfer-{scheme}", partial(draw_transfers, results, str(scheme))


def _schemes(results: Results, scenario: str) -> list[str]:
    found = set(results.measures.loc[results.measures["scenario"] == scenario, "scheme"])
    return [scheme for scheme in results.schemes if scheme in found]


def _values(results: Results, scenario: str, scheme: str, measure: str) -> np.ndarray:
    rows = results.measures[(results.measures["scenario"] == scenario) & (results.measures["scheme"] == scheme)]
    values: np.ndarray = rows[measure].astype(float).to_numpy()
    return values


def lower_end(rewards: Iterable[float]) -> float | None:
    """Where an axis of rewards is cut so that the good ones can be told apart; None: not at all."""
    values = list(rewards)
    end = -CUT * max(values, default=0.0)
    return end if end < 0 and min(values) < end else None


def draw_rewards(results: Results, scenario: str) -> Figure:
    """Each scheme's reward per step: a point for every seed, the mean and its interval."""
    schemes = _schemes(results, scenario)
    figure, axes = new_figure(0.9 + 0.22 * len(schemes))
    rewards = {scheme: _values(results, scenario, scheme, "reward") for scheme in schemes}
    end = lower_end(float(values.mean()) for values in rewards.values())
    for row, (scheme, values) in enumerate(rewards.items()):
        style = look(scheme)
        mean, low, high = mean_interval(values)
        if end is not None and mean < end:
            words = f"{mean:.1f} [{low:.1f}, {high:.1f}]" if math.isfinite(low) else f"{mean:.1f}"
            axes.annotate(words, (end, row), (6, 0), textcoords="offset points", va="center", fontsize=6.5, color=style.color)
            axes.plot([end], [row], marker="<", color=style.color, markersize=4.5, linestyle="none", clip_on=False)
            continue
        axes.plot(values, np.full(len(values), row + 0.18), linestyle="none", marker="|", markersize=5, color=style.color, alpha=0.6)
        if math.isfinite(low):
            axes.errorbar(mean, row, xerr=[[mean - low], [high - mean]], fmt="none", ecolor=style.color, elinewidth=1.0, capsize=2.5)
        axes.plot([mean], [row], marker=style.marker, color=style.color, markersize=4.5, linestyle="none")
    axes.set_yticks(range(len(schemes)), [results.labels[scheme] for scheme in schemes])
    axes.set_ylim(len(schemes) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    if end is not None:
        axes.set_xlim(left=end)
    axes.set_xlabel(f"reward per step, {scenario}")
    return figure


def draw_tradeoff(results: Results, scenario: str) -> Figure:
    """Goodput share over mean queue, with intervals; the best corner is at the top left."""
    figure, axes = new_figure(2.6)
    points = {scheme: [mean_interval(_values(results, scenario, scheme, name)) for name in ("queue_mean_bytes", "goodput_share")]
              for scheme in _schemes(results, scenario)}  # fmt: skip
    longest = max(point[0][0] for point in points.values())
    byte, byte_name = size_unit(longest)
    for scheme, ((x, x_low, x_high), (y, y_low, y_high)) in points.items():
        style = look(scheme)
        if math.isfinite(x_low):
            axes.errorbar(x / byte, y, xerr=[[(x - x_low) / byte], [(x_high - x) / byte]], yerr=[[y - y_low], [y_high - y]], fmt="none",
                          ecolor=style.color, elinewidth=0.7, capsize=2, capthick=0.7)  # fmt: skip
        axes.plot([x / byte], [y], label=results.labels[scheme], color=style.color, marker=style.marker, markersize=6, linestyle="none",
                  markeredgecolor="white", markeredgewidth=0.4)  # fmt: skip
    if longest > 20 * max(1.0, min(point[0][0] for point in points.values())):
        axes.set_xscale("symlog", linthresh=max(1.0, min(point[0][0] for point in points.values())) / byte)
    axes.margins(0.1)
    axes.set_xlabel(f"mean queue ({byte_name}), less is better")
    axes.set_ylabel("goodput share, more is better")
    _add_legend(figure, axes)
    return figure


def smooth_curves(curves: pd.DataFrame, points: int = CURVE_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """The learning curves of the seeds at common steps.

    Args:
        curves: columns seed, step, reward.

    Returns:
        Steps, shape `(points,)`, and for each seed the mean reward of the stretch that ends there, shape `(num_seeds, points)`; NaN
        where no episode ended in it.
    """
    edges = np.linspace(0, float(curves["step"].max()), points + 1)
    rows = []
    for _, curve in groups_of(curves, "seed"):
        place = np.clip(np.searchsorted(edges, curve["step"].to_numpy(dtype=float), side="left") - 1, 0, points - 1)
        sums = np.bincount(place, weights=curve["reward"].to_numpy(dtype=float), minlength=points)
        counts = np.bincount(place, minlength=points)
        rows.append(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
    return edges[1:], np.array(rows)


def draw_learning(results: Results, scenario: str) -> Figure:
    """Reward over training steps, mean over seeds with the interval as a band, and the other schemes' scores as levels."""
    figure, axes = new_figure(2.9)
    curves = results.learning[results.learning["scenario"] == scenario]
    learned = [scheme for scheme in results.schemes if scheme in set(curves["scheme"])]
    levels = {scheme: float(_values(results, scenario, scheme, "reward").mean()) for scheme in _schemes(results, scenario)}
    end = lower_end(levels.values())
    for scheme in learned:
        steps, rewards = smooth_curves(curves[curves["scheme"] == scheme])
        ends = np.array([mean_interval(column) for column in rewards.T])
        known = np.isfinite(ends[:, 0])
        style = look(scheme)
        if np.isfinite(ends[known, 1]).all():
            axes.fill_between(steps[known] / 1e3, ends[known, 1], ends[known, 2], color=style.color, alpha=0.2, linewidth=0)
        axes.plot(steps[known] / 1e3, ends[known, 0], label=results.labels[scheme], marker=style.marker, markevery=8, **style.line)
    for scheme, level in levels.items():
        if scheme not in learned:
            below = f" ({level:.1f})" if end is not None and level < end else ""
            axes.axhline(level, label=f"{results.labels[scheme]}{below}", linewidth=0.9, **look(scheme).line)
    if end is not None:
        axes.set_ylim(bottom=end, top=max(levels.values()) * (1 + CUT / 2))
    axes.set_xlabel("training steps (thousands)")
    axes.set_ylabel("reward per step")
    axes.set_xlim(left=0)
    _add_legend(figure, axes)
    return figure


def _add_legend(figure: Figure, axes: Any) -> None:
    """The schemes above the data, in as many columns as their names leave room for."""
    _, labels = axes.get_legend_handles_labels()
    longest = max(map(len, labels), default=0)
    add_legend(figure, axes, 4 if longest <= 10 else 3 if longest <= 15 else 2)


def draw_losses(results: Results, scenario: str) -> Figure:
    """The reward on the engine of the training and on that of the scores, each seed a line between them."""
    rows = results.measures[results.measures["scenario"] == scenario].dropna(subset=["reward_in_training"])
    schemes = [scheme for scheme in results.schemes if scheme in set(rows["scheme"])]
    figure, axes = new_figure(0.9 + 0.3 * len(schemes))
    for row, scheme in enumerate(schemes):
        of_one, style = rows[rows["scheme"] == scheme], look(scheme)
        for column, height, filled in (("reward_in_training", -0.16, False), ("reward", 0.16, True)):
            values = of_one[column].to_numpy(dtype=float)
            mean, low, high = mean_interval(values)
            axes.plot(values, np.full(len(values), row + height), linestyle="none", marker="|", markersize=4, color=style.color, alpha=0.6)
            if math.isfinite(low):
                axes.errorbar(mean, row + height, xerr=[[mean - low], [high - mean]], fmt="none", ecolor=style.color, elinewidth=0.9,
                              capsize=2)  # fmt: skip
            axes.plot([mean], [row + height], marker=style.marker, color=style.color, linestyle="none",
                      markerfacecolor=style.color if filled else "white")  # fmt: skip
    axes.set_yticks(range(len(schemes)), [results.labels[scheme] for scheme in schemes])
    axes.set_ylim(len(schemes) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("reward per step\nopen: where trained; filled: where scored")
    return figure


def draw_transfers(results: Results, scheme: str) -> Figure:
    """The mean reward of a scheme in each scenario (columns) after training in each (rows), as a share of the best of its column."""
    frame = results.transfer_summary
    rewards = frame[(frame["measure"] == "reward") & (frame["scheme"] == scheme)].pivot_table(
        index="trained_on", columns="scenario", values="mean", sort=False
    )
    rewards = rewards.reindex(
        index=[name for name in results.scenarios if name in rewards.index],
        columns=[name for name in results.scenarios if name in rewards.columns],
    )
    values = rewards.to_numpy(dtype=float)
    best = np.nanmax(values, axis=0)
    shares = np.clip(1 - (best - values) / np.maximum(np.abs(best), 1e-9), 0, 1)
    figure, axes = new_figure(1.1 + 0.3 * len(rewards.index))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.6, aspect="auto")
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            if np.isfinite(values[row, column]):
                axes.text(column, row, f"{values[row, column]:.2f}", ha="center", va="center", fontsize=7)
    axes.set_yticks(range(len(rewards.index)), rewards.index)
    axes.set_xticks(range(len(rewards.columns)), rewards.columns, rotation=30, ha="right")
    axes.grid(visible=False)
    axes.set_ylabel("trained in")
    axes.set_xlabel(f"scored in; reward per step of {results.labels[scheme]}")
    return figure
