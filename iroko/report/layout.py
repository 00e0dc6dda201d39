"""Places for the nodes of any topology on a page."""

import networkx as nx
import numpy as np
import numpy.typing as npt

from iroko.analysis.plots.fabric import Point, node_positions
from iroko.topology import Topology

LARGE_GRAPH = 300
"""With more nodes than this the distances of all pairs take too long to balance."""
NUM_PIVOTS = 50
ITERATIONS = 100
GOLDEN_ANGLE = np.pi * (3 - 5**0.5)

Floats = npt.NDArray[np.float64]


def layout_nodes(topology: Topology) -> tuple[dict[str, Point], str]:
    """Place the nodes, x and y from 0 to 1 with y upwards, and name the way: `sides`, `layers` or `distances`.

    Two switches have their hosts on either side; where every link joins neighbouring levels the hosts are at the bottom and each level
    above; in any other graph the distances on the page follow the numbers of hops.
    """
    graph = nx.Graph(topology.graph)
    if len(topology.switches) == 2:
        return _sides(topology), "sides"
    levels = topology.levels
    if all(abs(levels[one] - levels[other]) == 1 for one, other in graph.edges):
        highest = max(levels.values())
        return {node: (x, y / highest) for node, (x, y) in node_positions(topology).items()}, "layers"
    points = place_by_hops(graph)
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    scaled = (points - low) / np.where(span > 0, span, 1.0)
    return {node: (float(x), float(y)) for node, (x, y) in zip(graph, scaled, strict=True)}, "distances"


def _sides(topology: Topology) -> dict[str, Point]:
    left, right = topology.switches
    positions = {left: (0.32, 0.5), right: (0.68, 0.5)}
    for switch, x in ((left, 0.0), (right, 1.0)):
        own = [host for host in topology.hosts if topology.graph.has_edge(host, switch)]
        for index, host in enumerate(own):
            positions[host] = (x, 1 - (index + 0.5) / len(own))
    return positions


def place_by_hops(graph: "nx.Graph[str]") -> Floats:
    """Points whose distances are near the numbers of hops between nodes, shape `(num_nodes, 2)`, in the order of the graph's nodes.

    Small graphs start from classical scaling and lower the stress; large ones end with pivot scaling.
    """
    num_nodes = len(graph)
    hops = _hops_from_pivots(graph, num_nodes if num_nodes <= LARGE_GRAPH else NUM_PIVOTS)
    # Nodes with equal distances to all pivots, such as the hosts of a switch, would be on one point.
    angles = GOLDEN_ANGLE * np.arange(num_nodes)
    points = _scale(hops) + 0.3 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _lower_stress(points, hops) if num_nodes <= LARGE_GRAPH else points


def _hops_from_pivots(graph: "nx.Graph[str]", num_pivots: int) -> Floats:
    """Hops between each node and some pivots, each the farthest from those before it, shape `(num_nodes, num_pivots)`."""
    nodes = list(graph)
    if num_pivots == len(nodes):
        return np.stack([_hops_from(graph, node) for node in nodes], axis=1)
    columns = [_hops_from(graph, nodes[0])]
    nearest = columns[0]
    while len(columns) < num_pivots:
        columns.append(_hops_from(graph, nodes[int(np.argmax(nearest))]))
        nearest = np.minimum(nearest, columns[-1])
    return np.stack(columns, axis=1)


def _hops_from(graph: "nx.Graph[str]", source: str) -> Floats:
    hops = nx.single_source_shortest_path_length(graph, source)
    return np.array([hops[node] for node in graph], dtype=float)


def _scale(hops: Floats) -> Floats:
    """Classical scaling from distances to pivots, in units of a hop.

    Brandes, Pich: Eigensolver Methods for Progressive Multidimensional Scaling of Large Data, Graph Drawing 2006, section 3.
    """
    squares = hops * hops
    centred = -(squares - squares.mean(axis=0) - squares.mean(axis=1, keepdims=True) + squares.mean()) / 2
    _, vectors = np.linalg.eigh(centred.T @ centred)
    points: Floats = centred @ vectors[:, -1:-3:-1]
    # The sign of an eigenvector is arbitrary.
    strongest = points[np.argmax(np.abs(points), axis=0), [0, 1]]
    points *= np.where(strongest < 0, -1.0, 1.0)
    longest = np.linalg.norm(points - points.mean(axis=0), axis=1).max()
    return points * (hops.max() / 2 / longest if longest > 0 else 1.0)


def _lower_stress(points: Floats, hops: Floats) -> Floats:
    """Move points so that the sum over pairs of ((distance - hops) / hops)^2 falls.

    Gansner, Koren, North: Graph Drawing by Stress Majorization, Graph Drawing 2004, equation 8.

    Args:
        hops: between all pairs, shape `(num_nodes, num_nodes)`.
    """
    weights = np.divide(1.0, hops * hops, out=np.zeros_like(hops), where=hops > 0)
    inverse = np.linalg.pinv(np.diag(weights.sum(axis=1)) - weights)
    for _ in range(ITERATIONS):
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        pulls = np.divide(weights * hops, distances, out=np.zeros_like(hops), where=distances > 0)
        points = inverse @ ((np.diag(pulls.sum(axis=1)) - pulls) @ points)
    return points
