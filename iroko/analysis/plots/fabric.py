"""The fabric, with every port coloured by its load."""

import matplotlib as mpl
import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from iroko.analysis.looks import label
from iroko.analysis.plots.style import COLUMN_INCHES, new_figure, shorten
from iroko.analysis.scores import stack
from iroko.rundir.reader import RunData
from iroko.snapshot import Floats
from iroko.topology import Topology

MOST_NAMES = 20
"""With more nodes on a level than this their names would overlap and are left out."""
LEVEL_INCHES = 0.8
SIDE_POINTS = 1.4
"""How far beside the straight line between its nodes a port is drawn."""

Point = tuple[float, float]


def draw_fabric(run: RunData, scheme: str) -> Figure:
    """Draw the fabric under one scheme: a link is two lines, one for each port, on the right-hand side of its direction.

    A port's load is what it sent, in frames, over what its link carries, over all scored episodes.
    """
    topology = run.config.scenario.fabric
    steps = run.steps[run.steps["scheme"] == scheme]
    rates_bps = np.array([port.rate_bps for port in topology.ports])
    loads = stack(steps["port_bytes"]).sum(axis=0) * 8 / (rates_bps * float(steps["interval_s"].sum()))
    positions, levels = node_positions(topology), max(topology.levels.values())
    figure, axes = new_figure(1.1 + LEVEL_INCHES * levels)
    colors, norm = load_colors(), Normalize(0, 1)
    order = np.argsort(loads, kind="stable")  # the busiest are drawn last
    points_per_unit = np.array([COLUMN_INCHES * 72, LEVEL_INCHES * 72])
    lines = port_lines(topology, positions, points_per_unit, SIDE_POINTS)[order]
    widths = 0.6 + 1.1 * np.clip(loads[order], 0, 1)
    axes.add_collection(LineCollection(list(lines), colors=colors(norm(loads[order])), linewidths=widths, capstyle="butt"))
    draw_nodes(axes, topology, positions)
    axes.set_axis_off()
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.3, levels + 0.25)
    axes.set_title(shorten(f"{run.config.scenario.topology_name}, {run.config.scenario.traffic_name}: {label(scheme)}"), pad=2)
    bar = figure.colorbar(ScalarMappable(norm, colors), ax=axes, orientation="horizontal", fraction=0.06, pad=0.02, aspect=40)
    bar.set_label("port load (sent / link rate)")
    bar.outline.set_linewidth(0.5)
    return figure


def node_positions(topology: Topology) -> dict[str, Point]:
    """Hosts at the bottom, x from 0 to 1; each level above at y = 1, 2, ..., in the order of the middles of what is below."""
    graph = nx.Graph(topology.graph)
    positions = {host: ((index + 0.5) / topology.num_hosts, 0.0) for index, host in enumerate(topology.hosts)}
    for level in range(1, max(topology.levels.values()) + 1):
        middles = {
            node: float(np.mean([positions[peer][0] for peer in graph[node] if topology.levels[peer] == level - 1]))
            for node in topology.switches
            if topology.levels[node] == level
        }
        # Python's sort is stable, so that nodes of one middle stay in the topology's order.
        for index, node in enumerate(sorted(middles, key=lambda node: round(middles[node], 6))):
            positions[node] = ((index + 0.5) / len(middles), float(level))
    return positions


def load_colors() -> LinearSegmentedColormap:
    """The colours of a port's load, without the lightest part of the scale, which would vanish on white."""
    return LinearSegmentedColormap.from_list("load", mpl.colormaps["viridis_r"](np.linspace(0.08, 1, 128)))


def port_lines(topology: Topology, positions: dict[str, Point], points_per_unit: Floats, side_points: float) -> Floats:
    """A line for each port, from its owner to its peer, moved to the right-hand side of its direction on the page.

    Args:
        points_per_unit: points on the page of one unit in x and in y, shape `(2,)`.
        side_points: how far the lines are moved.

    Returns:
        Start and end in the units of `positions`, shape `(num_ports, 2, 2)`.
    """
    lines = np.array([[positions[port.owner], positions[port.peer]] for port in topology.ports])
    along = (lines[:, 1] - lines[:, 0]) * points_per_unit
    right = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.hypot(along[:, 0], along[:, 1])[:, None]
    moved: Floats = lines + (right * side_points / points_per_unit)[:, None, :]
    return moved


def draw_nodes(axes: Axes, topology: Topology, positions: dict[str, Point]) -> None:
    """Draw hosts as circles and switches as boxes, with their names where a level has room for them."""
    counts = np.bincount(list(topology.levels.values()))
    for node, (x, y) in positions.items():
        level, count = topology.levels[node], counts[topology.levels[node]]
        size = 6.5 * min(1.0, 16 / count)
        if level == 0:
            axes.plot([x], [y], marker="o", markersize=min(6.0, 110 / count), markerfacecolor="white", markeredgecolor="0.25",
                      markeredgewidth=0.6, zorder=3)  # fmt: skip
            if count <= MOST_NAMES:
                axes.annotate(node, (x, y), xytext=(0, -6), textcoords="offset points", ha="center", va="top", fontsize=size)
        elif count <= MOST_NAMES:
            box = {"boxstyle": "round,pad=0.25", "facecolor": "0.92", "edgecolor": "0.25", "linewidth": 0.6}
            axes.text(x, y, node, ha="center", va="center", fontsize=size, zorder=3, bbox=box)
        else:
            axes.plot([x], [y], marker="s", markersize=min(6.0, 110 / count), markerfacecolor="0.92", markeredgecolor="0.25",
                      markeredgewidth=0.6, zorder=3)  # fmt: skip
