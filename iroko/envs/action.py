"""What an agent does: one fraction of the link rate for each host, turned into limits in bit/s."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.arrays import FabricArrays
from iroko.errors import InputError
from iroko.registry import show
from iroko.snapshot import Floats

ROUNDING = 1e-6
"""How far a fraction may lie outside its range, as float32 arithmetic carries it, before it is an error."""


def read_action(action: npt.ArrayLike, fabric: FabricArrays, min_fraction: float) -> Floats:
    """Turn fractions of the hosts' link rates into limits.

    Args:
        action: shape `(num_hosts,)`, or `(num_envs, num_hosts)` where the fabric is stacked; each from `min_fraction` to 1, and
            what lies outside by rounding is clipped.

    Returns:
        Limits in bit/s, of the same shape; a fraction of 1 is the link rate, which limits nothing.

    Raises:
        InputError: the shape is wrong, or a value is not a number in the range; the message names the host, and the environment.
    """
    shape = fabric.host_rates_bps.shape
    try:
        given = np.asarray(action)
    except Exception as error:  # lists of unequal lengths; tensors that want a gradient; whatever a user's own class raises
        raise _no_numbers(action, shape) from error
    # Text and truth values would pass for numbers, and of complex ones a part would be dropped.
    if given.dtype.kind not in "fiu" and given.size:
        raise _no_numbers(action, shape)
    fractions = given.astype(float, copy=False)
    if fractions.shape != shape:
        meaning = "one fraction for each host" if len(shape) == 1 else "for each environment one fraction for each host"
        raise InputError(f"action of shape {fractions.shape}: expected {shape}, {meaning}")
    # Written so that NaN, which the least and the greatest value pass on and which compares as false, is caught with the rest.
    least, greatest = np.minimum.reduce(fractions, axis=None), np.maximum.reduce(fractions, axis=None)
    if not (least >= min_fraction - ROUNDING and greatest <= 1 + ROUNDING):
        raise _out_of_range(fractions, fabric, min_fraction)
    limits_bps: Floats = np.minimum(np.maximum(fractions, min_fraction), 1) * fabric.host_rates_bps
    return limits_bps


def _no_numbers(action: Any, shape: tuple[int, ...]) -> InputError:
    whom = "host" if len(shape) == 1 else "host of each environment"
    return InputError(f"action {show(action)}: expected {math.prod(shape)} numbers, one for each {whom}")


def _out_of_range(fractions: Floats, fabric: FabricArrays, min_fraction: float) -> InputError:
    good = (fractions >= min_fraction - ROUNDING) & (fractions <= 1 + ROUNDING)
    first = np.argwhere(~good)[0].tolist()
    whose = "" if len(first) == 1 else f"environment {first[0]}: "
    value, host = fractions[tuple(first)], fabric.hosts[first[-1]]
    return InputError(f"{whose}action {value:g} for host {host}: expected {min_fraction:g} <= fraction <= 1")
