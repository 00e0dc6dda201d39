"""Shares of transports: which part of an episode's flows runs over which transport."""

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from iroko.errors import InputError
from iroko.flows import Flow, check_transport
from iroko.registry import show


def parse_mix(text: Any) -> dict[str, float]:
    """Read shares such as `dctcp=0.5,cubic=0.25`, in their order; an empty text has none.

    Raises:
        InputError: the text has another form, names a transport twice, or the shares exceed 1 in sum.
    """
    wrong = InputError(
        f"mix={show(text)}: expected transports with their shares of the flows, at most 1 in sum, such as dctcp=0.5,cubic=0.25"
    )
    if not isinstance(text, str):
        raise wrong
    shares: dict[str, float] = {}
    for part in text.split(",") if text.strip() else ():
        name, equals, value = (each.strip() for each in part.partition("="))
        if not equals or name in shares:
            raise wrong
        try:
            shares[check_transport(name, f" of mix={show(text)}")] = float(value)
        except ValueError as error:
            raise wrong from error
    if not all(share > 0 for share in shares.values()) or not sum(shares.values()) <= 1 + 1e-9:
        raise wrong
    return shares


def format_mix(shares: Mapping[str, float]) -> str:
    """Write shares as `parse_mix` reads them."""
    return ",".join(f"{name}={share!r}" for name, share in shares.items())


def mix_transports(flows: Sequence[Flow], shares: Mapping[str, float], rng: np.random.Generator) -> list[Flow]:
    """Give each transport its share of the flows, drawn at random.

    The rest of the flows run over the scheme's transport, and flows that name a transport keep it. Numbers of flows are rounded such that
    each prefix of the shares is met to half a flow.
    """
    free = [index for index, flow in enumerate(flows) if flow.transport is None]
    order = rng.permutation(len(free))
    ends = np.rint(np.cumsum([0.0, *shares.values()]) * len(free)).astype(int)
    mixed = list(flows)
    for name, (first, end) in zip(shares, pairwise(ends.tolist()), strict=True):
        for place in order[first:end]:
            index = free[place]
            mixed[index] = dataclasses.replace(flows[index], transport=name)
    return mixed
