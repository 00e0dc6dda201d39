"""How often a queue was how long."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from iroko.analysis.plots.style import add_legend, label, look, new_figure
from iroko.analysis.scores import path_backlogs
from iroko.metrics import MTU_FRAME_BYTES
from iroko.rundir.reader import RunData


def draw_queue_cdf(run: RunData) -> Figure:
    """Draw the distribution of the mean backlogs over steps, episodes and the switch ports on the flows' paths.

    The axis is linear up to one packet and logarithmic beyond, since queues run from nothing to hundreds of packets.
    """
    topology = run.config.scenario.make_topology()
    samples = {}
    for scheme in run.schemes:
        steps, flows = run.steps[run.steps["scheme"] == scheme], run.flows[run.flows["scheme"] == scheme]
        backlogs = [
            path_backlogs(topology, of_episode, flows[flows["episode"] == episode]).ravel()
            for episode, of_episode in steps.groupby("episode")
        ]
        samples[scheme] = np.sort(np.concatenate(backlogs))
    longest = max([2.0 * MTU_FRAME_BYTES, *(float(values[-1]) for values in samples.values() if len(values))])
    figure, axes = new_figure(2.3)
    for number, (scheme, values) in enumerate(samples.items()):
        if not len(values):
            continue
        shares = np.arange(1, len(values) + 1) / len(values)
        # Each curve begins at 0 and ends at the right edge, and has its markers at places of its own.
        x = np.concatenate([[0.0], values, [longest * 1.2]])
        y = np.concatenate([[0.0], shares, [1.0]])
        style = look(scheme)
        axes.plot(x, y, drawstyle="steps-post", label=label(scheme), marker=style.marker,
                  markevery=(0.04 + 0.05 * (number % 4), 0.2), **style.line)  # fmt: skip
    axes.set_xscale("symlog", linthresh=MTU_FRAME_BYTES, linscale=0.5)
    ticks = [0.0, *(float(10**power) for power in range(3, 10) if 10**power <= longest * 1.2)]
    axes.set_xticks(ticks, minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size_bytes, _: f"{size_bytes / 1e3:g}"))
    axes.set_xlim(-0.02 * MTU_FRAME_BYTES, longest * 1.2)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("queue of a port (kB)")
    axes.set_ylabel("share of ports and steps")
    add_legend(figure, axes)
    return figure
