"""The figures of a scenario, described once for print and for the page: rewards, trade-off, learning, gap, queues, time, completion."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from iroko.analysis.charts import Axis, Bounds, Chart, Level, Line, Matrix, Range, Series, Spot, group_size, lower_end, thin
from iroko.analysis.comparison import Comparison
from iroko.analysis.completions import FiniteFlows
from iroko.analysis.episodes import QUEUE_EDGES_BYTES, over_time, queue_shares
from iroko.analysis.experiment import Results, groups_of
from iroko.analysis.intervals import mean_interval
from iroko.analysis.looks import engine_label, rate_unit, size_unit
from iroko.metrics import MTU_FRAME_BYTES, rank_percentile
from iroko.units import format_size

CURVE_POINTS = 60
"""Points of a learning curve; each is the mean of an equal part of the training."""
MOST_GROUPS, LEAST_FLOWS = 10, 20
"""A group of flows has at least so many flows, or there is one group."""
PERCENTILES = {50: "median", 99: "99th percentile"}
TRADEOFF_LOG = 20
"""An axis of queues is logarithmic where the longest exceeds the shortest this many times."""
REFERENCE = "dctcp"


def figures(comparison: Comparison) -> dict[str, tuple[Chart, ...]]:
    """Describe every figure of a scenario: for each name its panels, which share their x axis where there are several."""
    found: dict[str, tuple[Chart, ...]] = {"reward": (rewards(comparison),), "goodput-queue": (tradeoff(comparison),)}
    if len(comparison.learning):
        found["learning"] = (learning_curves(comparison),)
    if any(entry.gap for entry in comparison.entries):
        found["gap"] = (engine_gap(comparison),)
    found["timeline"] = timeline(comparison)
    found["queue-ccdf"] = (queue_ccdf(comparison),)
    if any(flows.sizes_bytes.size for entry in comparison.entries for flows in entry.flows):
        found["completion"] = completion(comparison)
    return found


def rewards(comparison: Comparison) -> Chart:
    """Each scheme's reward, its spread, and the values of its seeds or episodes."""
    series = [Range(entry.style, entry.bounds["reward"], entry.points["reward"]) for entry in comparison.entries]
    cut = lower_end(entry.bounds["reward"][0] for entry in comparison.entries)
    note = f"Bars: {comparison.spread}; each {comparison.each} is marked." if comparison.spread else f"One {comparison.each}."
    return Chart("reward", "Reward by scheme", Axis("reward per step", cut=cut), Axis("scheme"), series, note=note)


def tradeoff(comparison: Comparison) -> Chart:
    """Goodput share over mean queue: the best corner is at the top left."""
    queues = [entry.bounds["queue_mean_bytes"][0] for entry in comparison.entries]
    byte, unit = size_unit(max(queues))
    series = []
    for entry in comparison.entries:
        queue, goodput = entry.bounds["queue_mean_bytes"], entry.bounds["goodput_share"]
        points = zip(entry.points["queue_mean_bytes"], entry.points["goodput_share"], strict=True)
        # A queue is never below 0, whatever a symmetric spread covers.
        low = max(0.0, queue[1]) if queue[1] == queue[1] else queue[1]
        scaled = (queue[0] / byte, low / byte, queue[2] / byte)
        series.append(Spot(entry.style, scaled, goodput, [(x / byte, y) for x, y in points]))
    log = min(queues) > 0 and max(queues) > TRADEOFF_LOG * min(queues)
    note = "Best is top left" + (f"; bars: {comparison.spread}." if comparison.spread else ".")
    x = Axis(f"mean queue ({unit}), less is better", log=log, zero=not log)
    return Chart("tradeoff", "Goodput against queue", x, Axis("goodput share, more is better"), series, note=note)


def learning_curves(comparison: Comparison) -> Chart:
    """Reward of the training episodes over training steps, and the scores of schemes that do not learn as levels."""
    learning = comparison.learning
    learned = set(map(str, learning["scheme"]))
    at_home = [entry for entry in comparison.entries if not entry.trained_on]
    cut = lower_end(entry.bounds["reward"][0] for entry in at_home if entry.bounds)
    series: list[Series] = []
    for entry in at_home:
        if entry.scheme in learned:
            steps, ends = smooth_curves(learning[learning["scheme"] == entry.scheme])
            mean, low, high = ends.T
            series.append(Line(entry.style, steps.tolist(), mean.tolist(), low.tolist(), high.tolist()))
    for entry in at_home:
        if entry.scheme not in learned:
            value = entry.bounds["reward"][0]
            below = cut is not None and value < cut
            style = dataclasses.replace(entry.style, label=f"{entry.style.label} ({value:.1f})") if below else entry.style
            series.append(Level(style, value))
    note = "Training episodes: means" + (" over the seeds with 95% confidence intervals." if comparison.each == "seed" else ".")
    note += " Level lines: scores of schemes that do not learn." * (len(series) > len(learned))
    x, y = Axis("training steps", zero=True), Axis("reward per step", cut=cut)
    return Chart("learning", "Learning curves", x, y, series, note=note)


def smooth_curves(curves: pd.DataFrame, points: int = CURVE_POINTS) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The learning curves of some seeds as one.

    Seeds end episodes at steps of their own: the training falls into equal parts, and a seed has its mean in each.

    Args:
        curves: columns seed, step, reward.

    Returns:
        Steps at which the parts end, shape `(num_parts,)`, and the mean over seeds with its interval, shape `(num_parts, 3)`; parts in
        which no episode ends are left out.
    """
    steps = curves["step"].to_numpy(float)
    width = steps.max() / points
    parts = np.clip(np.ceil(steps / width - 1e-9), 1, points).astype(int)
    known = np.unique(parts)
    ends = [mean_interval(curves[parts == part].groupby("seed")["reward"].mean().to_list()) for part in known]
    return known * width, np.array(ends)


def engine_gap(comparison: Comparison) -> Chart:
    """The reward of each scheme on the engine of the training and on that of the scores."""
    train, score = comparison.config.train_engine, comparison.config.engine
    series, values = [], []
    for entry in comparison.entries:
        if entry.before is not None:
            series.append(Range(entry.style, entry.before, entry.points.get("reward_in_training", ()), True, engine_label(train)))
            series.append(Range(entry.style, entry.bounds["reward"], entry.points["reward"], False, engine_label(score)))
            values += [entry.before[0], entry.bounds["reward"][0]]
    note = f"Open: {engine_label(train)}, where agents learned. Filled: {engine_label(score)}, where schemes are scored."
    title = gap_name(train, score)
    x = Axis("reward per step", cut=lower_end(values))
    return Chart("gap", f"{title[:1].upper()}{title[1:]}", x, Axis("scheme"), series, note=note)


def gap_name(train: str, score: str) -> str:
    """What the difference between two engines is called."""
    return "sim-to-kernel gap" if train == "sim" and score != "sim" else "gap between the engines"


def timeline(comparison: Comparison) -> tuple[Chart, ...]:
    """Reward, queue and goodput over the time of an episode."""
    given = [entry for entry in comparison.entries if entry.episodes]
    byte, byte_name = size_unit(max(float(np.max(one.queue_bytes)) for entry in given for one in entry.episodes))
    bit, bit_name = rate_unit(max(float(np.max(one.goodput_bps)) for entry in given for one in entry.episodes))
    group = group_size(max(len(one.time_s) for entry in given for one in entry.episodes))
    most = max(len(entry.episodes) for entry in given)
    note = f"Mean over {most} episodes, band from the lowest to the highest." if most > 1 else "One episode."
    thinned = f" A point is the mean of {group} steps." if group > 1 else ""
    charts = []
    for measure, name, title, axis, unit in (
        ("reward", "reward-time", "Reward over time", Axis("reward per step"), 1.0),
        ("queue_bytes", "queue-time", "Queue over time", Axis(f"mean queue ({byte_name})", zero=True), byte),
        ("goodput_bps", "goodput-time", "Goodput over time", Axis(f"goodput ({bit_name})", zero=True), bit),
    ):
        series = []
        for entry in given:
            over = over_time(entry.episodes, measure)
            sides = [(thin(side, group) / unit).tolist() for side in (over.mean, over.low, over.high)]
            series.append(Line(entry.style, thin(over.time_s, group).tolist(), sides[0], *(sides[1:] if over.count > 1 else ())))
        ports = " The queue is the mean over the switch ports on the flows' paths." if measure == "queue_bytes" else ""
        charts.append(Chart(name, title, Axis("time (s)", zero=True), axis, series, note=note + ports + thinned))
    return tuple(charts)


def queue_ccdf(comparison: Comparison) -> Chart:
    """How often a queue is longer than a length, both on logarithmic axes: nearly all queues are empty, and the tail decides."""
    shares = {entry.style: queue_shares(entry.episodes) for entry in comparison.entries if entry.episodes}
    reached = [np.flatnonzero(np.isfinite(share)) for share in shares.values()]
    last = max((int(places[-1]) for places in reached if len(places)), default=1) + 1
    packet = int(np.searchsorted(QUEUE_EDGES_BYTES, MTU_FRAME_BYTES))
    first = min(packet, max(0, last - 50))  # at least one decade
    x = (QUEUE_EDGES_BYTES[first : last + 1] / 1e3).tolist()
    series = [Line(style, x, share[first : last + 1].tolist()) for style, share in shares.items()]
    note = "Mean backlogs of the steps, of all switch ports on the flows' paths; a line that leaves at the bottom has no longer queue."
    x_axis, y_axis = Axis("queue of a port (kB)", log=True), Axis("share of longer queues", log=True, end=1.0)
    return Chart("queue-ccdf", "Queue lengths", x_axis, y_axis, series, note=note)


def completion(comparison: Comparison) -> tuple[Chart, ...]:
    """Slowdown by flow size, one panel for each of `PERCENTILES`, and the share of unfinished flows where there is any.

    The flows fall into up to ten groups of equal number from the smallest to the largest; equally large ones stay together. Each group
    has an equal part of the axis, which is named by the largest size in the group. A line breaks where so many flows are unfinished that
    the percentile is infinite.
    """
    given = [entry for entry in comparison.entries if entry.flows]
    bounds = group_bounds(np.concatenate([flows.sizes_bytes for flows in given[0].flows]))
    ticks = tuple((float(place), format_size(float(f"{bound:.2g}"))) for place, bound in enumerate(bounds))
    x = Axis("flow size, up to" + ("; each group has as many flows" if len(bounds) > 1 else ""), ticks=ticks)
    panels: list[list[Line]] = [[], [], []]
    for entry in given:
        by_seed = np.array([_group_values(flows, bounds) for flows in entry.flows])  # shape (num_seeds, 3, num_groups)
        for panel, values in zip(panels, np.moveaxis(by_seed, 1, 0), strict=True):
            ends = np.array([_mean(column) for column in values.T]).T.tolist()
            panel.append(Line(entry.style, [place for place, _ in ticks], ends[0], *(ends[1:] if len(values) > 1 else ())))
    note = "1 is a flow alone on its path. A line breaks where so many flows did not finish that the percentile is infinite."
    charts = [Chart(f"slowdown-{percent}", f"Slowdown by flow size, {name}", x, Axis(f"slowdown, {name}", log=True), lines, note=note)
              for (percent, name), lines in zip(PERCENTILES.items(), panels, strict=False)]  # fmt: skip
    if any(flows.unfinished.any() for entry in given for flows in entry.flows):
        charts.append(Chart("unfinished", "Unfinished flows by size", x, Axis("unfinished share", zero=True, end=1.0), panels[2]))
    return tuple(charts)


def group_bounds(sizes_bytes: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The largest size of each group, shape `(num_groups,)`, rising."""
    ordered = np.sort(np.asarray(sizes_bytes, dtype=float))
    groups = max(1, min(MOST_GROUPS, len(ordered) // LEAST_FLOWS))
    return np.unique([rank_percentile(ordered, 100 * (group + 1) / groups) for group in range(groups)])


def _group_values(flows: FiniteFlows, bounds: npt.NDArray[np.float64]) -> list[list[float]]:
    """For each of `PERCENTILES` and for the unfinished share one value a group; NaN without flows."""
    groups = np.searchsorted(bounds, flows.sizes_bytes, side="left")
    members = [groups == group for group in range(len(bounds))]
    curves = [[rank_percentile(flows.slowdowns[each], percent) for each in members] for percent in PERCENTILES]
    return [*curves, [float(flows.unfinished[each].mean()) if each.any() else np.nan for each in members]]


def _mean(values: Sequence[float]) -> Bounds:
    """The mean over seeds with its interval; NaN where one is infinite."""
    return (np.nan, np.nan, np.nan) if np.isinf(values).any() else mean_interval(values)


def transfer_maps(results: Results) -> dict[str, Chart]:
    """For each transferred scheme its reward where scored (columns) after training (rows), beside DCTCP's."""
    frame = results.transfer_summary
    frame = frame[frame["measure"] == "reward"]
    home = results.summary[(results.summary["measure"] == "reward") & (results.summary["scheme"] == REFERENCE)]
    found = {}
    for scheme, own in groups_of(frame, "scheme"):
        rewards = own.pivot_table(index="trained_on", columns="scenario", values="mean", sort=False)
        rows, columns = ([name for name in results.scenarios if name in axis] for axis in (rewards.index, rewards.columns))
        rewards = rewards.reindex(index=rows, columns=columns)
        values, names = rewards.to_numpy(float), list(rows)
        if len(home):
            reference = home.set_index("scenario")["mean"].reindex(columns)
            values, names = np.vstack([values, reference.to_numpy(float)]), [*names, results.labels[REFERENCE]]
        best = np.nanmax(values, axis=0)
        shares = np.clip(1 - (best - values) / np.maximum(np.abs(best), 1e-9), 0, 1)
        label = results.labels[str(scheme)]
        x, y = Axis(f"scored in; reward per step of {label}"), Axis("trained in")
        note = "Reward per step; the colour is its share of the best in the column."
        title = f"Transfer of {label}"
        found[str(scheme)] = Chart(f"transfer-{scheme}", title, x, y, matrix=Matrix(names, columns, values, shares), note=note)
    return found
