"""Moving pictures of the fabric: one frame for each interval, with the load of every port and the queue of every switch port."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from iroko.analysis.looks import rate_unit
from iroko.analysis.plots.fabric import Point, draw_nodes, load_colors, node_positions, port_lines
from iroko.snapshot import Floats, Snapshot
from iroko.topology import Topology

DPI = 100
BLOCK_PIXELS = 16
"""Video encoders want frames whose sides are a multiple of this."""
WIDTH_PIXELS = 50 * BLOCK_PIXELS
LEVEL_PIXELS, EDGE_PIXELS = 7 * BLOCK_PIXELS, 10 * BLOCK_PIXELS
SIDE_POINTS, QUEUE_POINTS = 2.2, 4.2
"""How far beside the straight line between its nodes a port is drawn, and the width of a queue's bar."""
MOST_WIDE_PORTS = 96
"""With more ports than this, as many as a fat tree of k=4 has, lines become thinner."""
FULL_QUEUE = 0.5
"""Length of a full queue's bar, as a fraction of its port's line."""
NODE_POINTS = 11.0
"""Where a queue's bar begins, from the middle of its switch."""
QUEUE_COLOR = "#d7263d"


class FabricFrames:
    """Draws frames of one fabric; the figure is laid out once, and a frame moves what has changed.

    A link is two lines, one for each port, on the right-hand side of its direction; colour and width show the port's load, which is what it
    sent over what its link carries. A red bar from the switch along the line shows the port's queue: mean backlog over queue size.
    """

    def __init__(self, topology: Topology, title: str) -> None:
        self._topology = topology
        self._rates_bps = np.array([port.rate_bps for port in topology.ports])
        self._queue_ports = np.array(topology.switch_ports)
        self._queue_bytes = np.array([topology.ports[index].queue_bytes for index in topology.switch_ports], dtype=float)
        levels = max(topology.levels.values())
        width, height = WIDTH_PIXELS, EDGE_PIXELS + levels * LEVEL_PIXELS
        self._figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor="none")
        self._canvas: Any = FigureCanvasAgg(self._figure)  # matplotlib's canvases have no types
        bottom, top = 66 / height, 1 - 34 / height
        self._axes = self._figure.add_axes((0.01, bottom, 0.98, top - bottom))
        self._axes.set_axis_off()
        self._axes.set_xlim(0, 1)
        self._axes.set_ylim(-0.3, levels + 0.2)
        units = np.array([1.0, levels + 0.5])
        points_per_unit = np.array([0.98 * width, (top - bottom) * height]) / units * 72 / DPI
        positions = node_positions(topology)
        self._draw_nodes_once(positions)
        self._colors, self._norm = load_colors(), Normalize(0, 1)
        self._scale = max(0.4, min(1.0, (MOST_WIDE_PORTS / topology.num_ports) ** 0.5))
        lines = port_lines(topology, positions, points_per_unit, SIDE_POINTS * self._scale)
        self._lines = self._axes.add_collection(LineCollection(list(lines), capstyle="butt", zorder=1))
        queues = lines[self._queue_ports]
        along = queues[:, 1] - queues[:, 0]
        self._along = along * FULL_QUEUE
        self._starts = queues[:, 0] + along * (NODE_POINTS / np.hypot(*(along * points_per_unit).T))[:, None]
        self._queues = LineCollection([], colors=QUEUE_COLOR, capstyle="butt", zorder=2)
        self._axes.add_collection(self._queues)
        self._queues.set_linewidth(QUEUE_POINTS * self._scale)
        self._write_legend(title, height)
        self._clock = self._figure.text(0.985, 1 - 17 / height, "", ha="right", va="center", fontsize=11, family="DejaVu Sans Mono")
        self._facts = self._figure.text(0.985, 26 / height, "", ha="right", va="center", fontsize=8.5, linespacing=1.5)
        self._moving: list[Artist] = [self._lines, self._queues, self._clock, self._facts]
        for artist in self._moving:
            artist.set_animated(True)
        self._background = self._draw_background()

    def _draw_background(self) -> Any:
        self._canvas.draw()
        return self._canvas.copy_from_bbox(self._figure.bbox)

    def _draw_nodes_once(self, positions: dict[str, Point]) -> None:
        """Keep the pixels of the nodes, whose many texts are slow to draw and which cover the ends of the lines."""
        draw_nodes(self._axes, self._topology, positions)
        self._canvas.draw()
        layer = np.asarray(self._canvas.buffer_rgba())
        self._nodes = layer[..., 3] > 0
        self._node_weights = layer[self._nodes][:, 3:] / 255
        self._node_colors = layer[self._nodes][:, :3] * self._node_weights
        for artist in (*self._axes.lines, *self._axes.texts):
            artist.remove()
        self._figure.set_facecolor("white")

    def _write_legend(self, title: str, height: int) -> None:
        self._figure.text(0.015, 1 - 17 / height, title, ha="left", va="center", fontsize=11, fontweight="bold")
        bar_axes = self._figure.add_axes((0.03, 36 / height, 0.27, 9 / height))
        bar = self._figure.colorbar(ScalarMappable(self._norm, self._colors), cax=bar_axes, orientation="horizontal")
        bar.set_ticks([0, 0.5, 1], labels=["0", "50%", "100%"])
        bar.ax.tick_params(labelsize=7.5, length=2, pad=2)
        bar.outline.set_linewidth(0.5)
        self._figure.text(0.165, 52 / height, "port load: sent / link rate", ha="center", va="center", fontsize=8)
        line = Line2D([0.345, 0.385], [40.5 / height] * 2, color=QUEUE_COLOR, linewidth=QUEUE_POINTS, solid_capstyle="butt")
        self._figure.add_artist(line)
        meaning = "queue: mean backlog / size,\na full one reaches half the link"
        self._figure.text(0.395, 40.5 / height, meaning, ha="left", va="center", fontsize=8)

    def draw(self, snapshot: Snapshot) -> npt.NDArray[np.uint8]:
        """The frame of an interval: red, green and blue, shape `(height, width, 3)`; the caller owns it."""
        interval_s = float(snapshot.interval_s)
        loads = snapshot.port_bytes * 8 / (self._rates_bps * interval_s) if interval_s > 0 else np.zeros(len(self._rates_bps))
        self._lines.set_color(self._colors(self._norm(loads)))
        self._lines.set_linewidth((0.7 + 2.0 * np.clip(loads, 0, 1)) * self._scale)
        fills = np.clip(snapshot.backlog_mean_bytes[self._queue_ports] / self._queue_bytes, 0, 1)
        self._draw_queues(fills)
        self._clock.set_text(f"{float(snapshot.time_s):8.3f} s")
        goodput_bps = snapshot.host_received_bytes.sum() * 8 / interval_s if interval_s > 0 else 0.0
        factor, unit = rate_unit(goodput_bps)
        drops, marks = snapshot.port_drops[self._queue_ports].sum(), snapshot.port_marks[self._queue_ports].sum()
        self._facts.set_text(
            f"goodput {goodput_bps / factor:,.1f} {unit}   fullest queue {fills.max():.0%}\n{drops:,} packets dropped, {marks:,} marked"
        )
        self._canvas.restore_region(self._background)
        for artist in self._moving:
            self._figure.draw_artist(artist)
        frame: npt.NDArray[np.uint8] = np.array(np.asarray(self._canvas.buffer_rgba())[:, :, :3])
        frame[self._nodes] = np.rint(self._node_colors + frame[self._nodes] * (1 - self._node_weights))
        return frame

    def _draw_queues(self, fills: Floats) -> None:
        waiting = np.flatnonzero(fills > 0)
        ends = self._starts[waiting] + self._along[waiting] * fills[waiting, None]
        self._queues.set_segments(list(np.stack([self._starts[waiting], ends], axis=1)))
