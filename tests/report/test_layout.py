"""Places of nodes on a page, for graphs that have neither two switches nor levels."""

import networkx as nx
import numpy as np
import pytest

from iroko.report.layout import LARGE_GRAPH, place_by_hops


def stress(graph: "nx.Graph[str]") -> float:
    """Mean over pairs of ((distance - hops) / hops)^2, with the distances in the unit that makes it least."""
    points, hops = place_by_hops(graph), np.array(nx.floyd_warshall_numpy(graph))
    pairs = np.triu_indices(len(graph), 1)
    ratios = np.linalg.norm(points[:, None] - points[None], axis=2)[pairs] / hops[pairs]
    return float(np.mean((ratios * ratios.sum() / (ratios @ ratios) - 1) ** 2))


@pytest.mark.parametrize(("graph", "most"), [
    (nx.path_graph(20), 0.001), (nx.cycle_graph(20), 0.05), (nx.grid_2d_graph(6, 6), 0.05), (nx.star_graph(12), 0.2),
    (nx.cycle_graph(LARGE_GRAPH + 50), 0.06), (nx.grid_2d_graph(20, 20), 0.07),
], ids=["path", "ring", "grid", "star", "large ring", "large grid"])  # fmt: skip
def test_distances_on_the_page_are_near_the_numbers_of_hops(graph: "nx.Graph[str]", most: float) -> None:
    # Points drawn at random have 0.25 (the star) to 0.9.
    assert stress(graph) < most
    points = place_by_hops(graph)
    assert len({tuple(point) for point in points.tolist()}) == len(graph)
    assert np.array_equal(points, place_by_hops(graph))


def test_hosts_of_one_switch_are_apart() -> None:
    graph = nx.cycle_graph(5)
    graph.add_edges_from((0, f"h{index}") for index in range(6))
    points = place_by_hops(graph)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)[~np.eye(len(graph), dtype=bool)]
    assert distances.min() > 0.2
