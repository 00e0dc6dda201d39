"""How the simulator's cost grows, as a figure."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

from iroko.analysis.plots import FORMATS
from iroko.analysis.plots.style import COLUMN_INCHES, STYLE, new_figure, save


def draw_cost(sizes: Mapping[int, float], counts: Mapping[int, float], path: Path) -> None:
    """Draw ns a packet-hop over the fabric's size and over the number of flows.

    Args:
        sizes: by k of a fat-tree with one flow a host.
        counts: by the number of flows on a k=4 fat-tree.
        path: without the ending; `.pdf` and `.png` are written.
    """
    with mpl.rc_context(STYLE):
        figure, (left, right) = new_figure(1.9, columns=2, sharey=True)
        figure.set_size_inches(2 * COLUMN_INCHES, 1.9)
        left.plot(list(sizes), list(sizes.values()), "o-", color="#1f4e9c")
        left.set_xticks(list(sizes))
        left.set_xlabel("k of the fat-tree ($k^3/4$ hosts, one flow each)")
        left.set_ylabel("CPU ns a packet-hop")
        right.plot(list(counts), list(counts.values()), "o-", color="#1f4e9c")
        right.set_xscale("log")
        right.set_xlabel("flows on a k=4 fat-tree")
        left.set_ylim(0, None)
        for kind in FORMATS:
            path.parent.mkdir(parents=True, exist_ok=True)
            save(figure, path.with_suffix(f".{kind}"))
