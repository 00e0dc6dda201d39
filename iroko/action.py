"""What an agent does: one fraction of the link rate for each host, turned into limits in bit/s."""

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.snapshot import Floats
from iroko.topology import Topology

ROUNDING = 1e-6
"""How far a fraction may lie outside its range, as float32 arithmetic carries it, before it is an error."""


def read_action(action: npt.ArrayLike, topology: Topology, min_fraction: float) -> Floats:
    """Turn fractions of the hosts' link rates into limits.

    Args:
        action: shape `(num_hosts,)`, each from `min_fraction` to 1; what lies outside by rounding is clipped.

    Returns:
        Limits in bit/s, shape `(num_hosts,)`; a fraction of 1 is the link rate, which limits nothing.

    Raises:
        InputError: the shape is wrong, or a value is not a number in the range; the message names the host.
    """
    try:
        fractions = np.asarray(action, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"action {action!r}: expected {topology.num_hosts} numbers, one for each host") from error
    if fractions.shape != (topology.num_hosts,):
        raise InputError(f"action of shape {fractions.shape}: expected ({topology.num_hosts},), one fraction for each host")
    # Written so that NaN, which compares as false, is caught with the rest.
    good = (fractions >= min_fraction - ROUNDING) & (fractions <= 1 + ROUNDING)
    if not good.all():
        host = int(np.argmin(good))
        raise InputError(f"action {fractions[host]:g} for host {topology.hosts[host]}: expected {min_fraction:g} <= fraction <= 1")
    limits_bps: Floats = np.clip(fractions, min_fraction, 1) * np.array(topology.host_rates_bps, dtype=float)
    return limits_bps
