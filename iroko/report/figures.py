"""The figures that the pages of runs and experiments share."""

from collections.abc import Mapping, Sequence

import numpy as np

from iroko.analysis.plots.style import rate_unit, size_unit
from iroko.report.charts import figure, group_size, interval, level, line, spot, thin
from iroko.report.episodes import Episode, over_time
from iroko.report.page import Ink, Spec
from iroko.report.text import count_text

Bounds = tuple[float, float, float]
"""A value with the lower and the upper end of its interval, which are NaN where there is none."""
Curve = tuple[Ink, Sequence[tuple[float, float, float, float]]]
"""Points of a learning curve: training steps, mean reward, lower and upper end."""


def rewards_figure(name: str, rows: Sequence[tuple[Ink, Bounds, Sequence[float]]], note: str) -> Spec:
    """Each scheme's reward, its interval, and what it was made from."""
    return figure(f"{name}-reward", "Reward by scheme", "ranges", "reward per step", "scheme",
                  [interval(ink, *bounds, points=points) for ink, bounds, points in rows], note)  # fmt: skip


def tradeoff_figure(name: str, rows: Sequence[tuple[Ink, Bounds, Bounds, Sequence[tuple[float, float]]]], note: str) -> Spec:
    """Goodput share over mean queue in bytes: the best corner is at the top left."""
    longest = max(
        (max(value for value in (*queue, *(x for x, _ in points)) if value == value) for _, queue, _, points in rows), default=0.0
    )
    byte, unit = size_unit(longest)
    series = [
        spot(ink, [value / byte for value in queue], goodput, [(x / byte, y) for x, y in points]) for ink, queue, goodput, points in rows
    ]
    return figure(f"{name}-tradeoff", "Goodput against queue", "scatter", {"label": f"mean queue ({unit}), less is better", "zero": True},
                  "goodput share, more is better", series, note)  # fmt: skip


def engines_figure(name: str, rows: Sequence[tuple[Ink, Bounds, Bounds]], train: str, score: str) -> Spec:
    """The reward of each scheme on both engines."""
    series = []
    for ink, before, after in rows:
        series += [interval(ink, *before, hollow=True, of=train), interval(ink, *after, of=score)]
    note = f"Hollow: {train}, where agents learned. Filled: {score}, where schemes are scored."
    return figure(f"{name}-engines", "What is lost on the way to the kernel" if score != "in sim" else "Between the engines", "ranges",
                  "reward per step", "scheme", series, note)  # fmt: skip


def learning_figure(name: str, curves: Sequence[Curve], levels: Sequence[tuple[Ink, float]], note: str) -> Spec:
    """Reward of the training episodes over training steps, with the scores of the schemes that do not learn as levels."""
    series = []
    for ink, points in curves:
        steps, means, lows, highs = zip(*points, strict=True)
        series.append(line(ink, steps, means, lows, highs))
    series += [level(ink, value) for ink, value in levels]
    return figure(
        f"{name}-learning", "Learning curves", "lines", {"label": "training steps", "zero": True}, "reward per step", series, note
    )


def time_figures(name: str, given: Mapping[str, Sequence[Episode]], inks: Mapping[str, Ink]) -> list[Spec]:
    """Goodput, queue and reward of each scheme over the time of an episode."""
    longest = max(float(np.max(episode.queue_bytes)) for of_one in given.values() for episode in of_one)
    fastest = max(float(np.max(episode.goodput_bps)) for of_one in given.values() for episode in of_one)
    (byte, byte_name), (bit, bit_name) = size_unit(longest), rate_unit(fastest)
    most = max(map(len, given.values()))
    group = group_size(max(len(episode.time_s) for of_one in given.values() for episode in of_one))
    note = f"Mean over {count_text(most, 'episode')}" + (", band from the lowest to the highest." if most > 1 else ".")
    result = []
    for measure, title, label, unit, zero in (
        ("queue_bytes", "Queue over time", f"mean queue ({byte_name})", byte, True),
        ("goodput_bps", "Goodput over time", f"goodput ({bit_name})", bit, True),
        ("reward", "Reward over time", "reward per step", 1.0, False),
    ):
        series = []
        for scheme, of_one in given.items():
            over = over_time(of_one, measure)
            band = [thin(side, group) / unit for side in (over.low, over.high)] if over.count > 1 else [None, None]
            series.append(line(inks[scheme], thin(over.time_s, group), thin(over.mean, group) / unit, *band))
        thinned = f" A point is the mean of {group} steps." if group > 1 else ""
        queue = " The queue is the mean over the switch ports on the flows' paths." if measure == "queue_bytes" else ""
        result.append(figure(f"{name}-{measure.partition('_')[0]}-time", title, "lines", {"label": "time (s)", "zero": True},
                             {"label": label, "zero": zero}, series, note + queue + thinned))  # fmt: skip
    return result
