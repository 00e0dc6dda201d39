"""Jain's fairness index of the flows of an episode: over their rates while they are under way.

The rate of a flow is its delivered bytes over its active time, from its start to its completion or the end of the episode. So a flow that
is small and done early counts as no worse than a large one.

The index compares flows that share the network at the same time, and means nothing for others. It counts the flows that, each alone on
its path, would be under way for more than half of the time from the first start to the last end; any two of these are under way together.
Endless flows that start early are; the flows of a web search cluster, which come and go, are not, nor are two flows that never meet. Which
flows count depends on the traffic alone, so it is equal for all schemes. With fewer than two such flows, or when none of them delivers
anything, there is no index.
"""

import math

import numpy as np
import pandas as pd

from iroko.analysis.completions import path_limits
from iroko.metrics import Booleans, jain_index
from iroko.snapshot import Floats
from iroko.topology import Topology


def episode_jain(topology: Topology, flows: pd.DataFrame, time_s: float) -> float:
    """Jain's index of one episode; NaN where it means nothing.

    Args:
        flows: the rows of the episode in the table of flows, see `iroko.run.evaluate.Records`.
        time_s: how long the episode lasted.
    """
    counts = side_by_side(topology, flows, time_s)
    rates = active_rates_bps(flows, time_s)[counts]
    return jain_index(rates) if len(rates) > 1 and rates.any() else math.nan


def active_rates_bps(flows: pd.DataFrame, time_s: float) -> Floats:
    """For each flow its delivered bytes over its active time, in bit/s, shape `(num_flows,)`; 0 for one that never started."""
    completions_s = flows["completion_s"].to_numpy(dtype=float, na_value=np.nan)
    left_s = time_s - flows["start_s"].to_numpy(dtype=float)
    active_s = np.where(np.isnan(completions_s), left_s, completions_s)
    delivered_bits = flows["delivered_bytes"].to_numpy(dtype=float) * 8
    rates_bps: Floats = np.divide(delivered_bits, active_s, out=np.zeros(len(flows)), where=active_s > 0)
    return rates_bps


def side_by_side(topology: Topology, flows: pd.DataFrame, time_s: float) -> Booleans:
    """Which flows would be under way for more than half of the busy time if each were alone on its path, shape `(num_flows,)`.

    Headers and handshakes are left out, so that every transport gives the same.
    """
    starts_s = flows["start_s"].to_numpy(dtype=float)
    started = starts_s < time_s
    if not started.any():
        return started
    rates_bps, delays_s, _ = path_limits(topology, flows)
    sizes_bytes = flows["size_bytes"].to_numpy(dtype=float, na_value=np.inf)
    ends_s = np.minimum(starts_s + sizes_bytes * 8 / rates_bps + delays_s, time_s)
    busy_s = ends_s[started].max() - starts_s[started].min()
    counts: Booleans = started & (ends_s - starts_s > busy_s / 2)
    return counts
