"""The queue of events: a winner tree over everything that can happen next.

A leaf is a port (the next packet's arrival at the far end of its wire), a host's interface (when it may send again) or a flow (its
earliest timer). A node holds the smaller key of the two below it, so the root is what happens next. A key is a time with the number of
its leaf in the low bits: equal times are told apart, and go in the order of the leaves.
"""

from iroko.engines.sim import layout as w
from iroko.engines.sim.jit import inlined
from iroko.engines.sim.layout import Sim


@inlined
def set_leaf(s: Sim, leaf: int, time: int) -> None:
    """Give a leaf a new time, and its whole path the winner of what it now meets."""
    tree = s.tree
    bits = s.leaf_bits
    key = (time << bits) | leaf if time < w.NEVER else w.NEVER
    node = (1 << bits) + leaf
    tree[node] = key
    while node > 1:
        key = min(key, tree[node ^ 1])
        node >>= 1
        tree[node] = key


@inlined
def lower_leaf(s: Sim, leaf: int, time: int) -> None:
    """Give a leaf an earlier time, if this is one; stops where another is earlier still."""
    tree = s.tree
    bits = s.leaf_bits
    if time < w.NEVER:
        key = (time << bits) | leaf
        node = (1 << bits) + leaf
        while node >= 1 and tree[node] > key:
            tree[node] = key
            node >>= 1
