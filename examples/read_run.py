"""How do the queues of two schemes differ over time?

Read a run folder and draw a figure from its frames, without Iroko's own figures. Make a run first:

    python -m iroko.run --topo fattree --agent none --baseline dctcp --baseline cubic --engine sim --episode 5s --out two-schemes
    python examples/read_run.py two-schemes queues.png
"""

import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")  # draw into files, also where there is no display
import matplotlib.pyplot as plt

from iroko.rundir.reader import read_run


def main(folder: str | Path, figure_file: str | Path) -> None:
    """Draw the largest queue of each scheme over the first scored episode."""
    run = read_run(folder)
    # `steps` has one row for each scheme, episode and step; a column such as `backlog_mean_bytes` holds an array of all ports.
    steps = run.steps[run.steps["episode"] == 0]
    figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
    topology = run.config.scenario.fabric
    switch_ports = list(topology.switch_ports)  # a host's own queue is no switch's
    for scheme in run.schemes:
        rows = steps[steps["scheme"] == scheme]
        largest_kb = [backlog[switch_ports].max() / 1e3 for backlog in rows["backlog_mean_bytes"]]
        axes.plot(rows["time_s"], largest_kb, label=scheme)
        print(f"{scheme}: reward {rows['reward'].mean():.2f} per step, largest queue {max(largest_kb):.0f} kB")
    axes.set(xlabel="time (s)", ylabel="largest queue (kB)", title=f"{topology.name}, {run.config.scenario.traffic}")
    axes.legend()
    figure.savefig(figure_file)
    plt.close(figure)


if __name__ == "__main__":
    main(*sys.argv[1:3])
