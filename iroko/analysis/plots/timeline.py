"""Reward, queue and bandwidth over the time of one episode."""

import pandas as pd
from matplotlib.figure import Figure

from iroko.analysis.plots.style import add_legend, label, look, new_figure, rate_unit, size_unit
from iroko.analysis.scores import path_backlogs
from iroko.rundir.reader import RunData


def draw_timeline(run: RunData) -> Figure:
    """Draw every scheme's first scored episode; the queue is the mean over the switch ports on the flows' paths."""
    topology = run.config.scenario.make_topology()
    episodes = {scheme: _first(run.steps, scheme) for scheme in run.schemes}
    queues = {}
    for scheme, steps in episodes.items():
        backlogs = path_backlogs(topology, steps, _first(run.flows, scheme))
        queues[scheme] = backlogs.sum(axis=1) / max(1, backlogs.shape[1])
    longest = max(float(queue_bytes.max()) for queue_bytes in queues.values())
    highest = max(float(steps["goodput_bps"].max()) for steps in episodes.values())
    (byte, byte_name), (bit, bit_name) = size_unit(longest), rate_unit(highest)
    figure, (reward, queue, goodput) = new_figure(4.2, rows=3, sharex=True)
    for number, (scheme, steps) in enumerate(episodes.items()):
        style, time_s = look(scheme), steps["time_s"]
        # The markers of each scheme stand at times of their own, so that equal lines remain apart.
        every = max(1, len(steps) // 5)
        options = {**style.line, "linewidth": 0.9, "marker": style.marker, "markersize": 3.5,
                   "markevery": (every * (number % 4) // 4, every)}  # fmt: skip
        reward.plot(time_s, steps["reward"], label=label(scheme), **options)
        queue.plot(time_s, queues[scheme] / byte, **options)
        goodput.plot(time_s, steps["goodput_bps"] / bit, **options)
    reward.set_ylabel("reward per step")
    queue.set_ylabel(f"mean queue ({byte_name})")
    goodput.set_ylabel(f"goodput ({bit_name})")
    queue.set_ylim(0, 1.08 * max(longest, 1.0) / byte)
    goodput.set_ylim(0, 1.08 * max(highest, 1.0) / bit)
    goodput.set_xlim(0, max(float(steps["time_s"].max()) for steps in episodes.values()))
    goodput.set_xlabel("time (s)")
    figure.align_ylabels()
    add_legend(figure, reward)
    return figure


def _first(frame: pd.DataFrame, scheme: str) -> pd.DataFrame:
    own: pd.DataFrame = frame[frame["scheme"] == scheme]
    first: pd.DataFrame = own[own["episode"] == own["episode"].min()]
    return first
