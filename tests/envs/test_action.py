"""From fractions to limits, and what is refused."""

import numpy as np
import pytest

from iroko.arrays import FabricArrays
from iroko.envs.action import read_action
from iroko.errors import InputError
from iroko.port import Port
from iroko.topologies.dumbbell import dumbbell
from iroko.topology import Topology


def test_fractions_become_limits() -> None:
    limits_bps = read_action(np.array([0.05, 0.5, 0.25, 1.0], dtype=np.float32), FabricArrays.of(dumbbell()), 0.05)
    assert limits_bps == pytest.approx([0.5e6, 5e6, 2.5e6, 10e6])
    assert limits_bps.dtype == np.float64


def test_each_host_has_a_fraction_of_its_own_link() -> None:
    rates = {"a": 1e6, "b": 4e6}
    ports = [Port(*ends, rate, 0, 9000) for host, rate in rates.items() for ends in ((host, "s"), ("s", host))]
    uneven = Topology("uneven", ("a", "b"), ("s",), tuple(ports))
    assert read_action([0.5, 0.5], FabricArrays.of(uneven), 0.1) == pytest.approx([0.5e6, 2e6])


def test_full_fraction_is_exactly_the_link_rate() -> None:
    assert (read_action(np.ones(4, dtype=np.float32), FabricArrays.of(dumbbell()), 0.05) == 10e6).all()


def test_rounding_is_clipped() -> None:
    limits_bps = read_action([0.05 - 1e-8, 1 + 1e-7, 1, 1], FabricArrays.of(dumbbell()), 0.05)
    assert limits_bps[0] == 0.05 * 10e6
    assert limits_bps[1] == 10e6


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0, 0.0499, 1.001])
def test_values_out_of_range_name_the_host(value: float) -> None:
    with pytest.raises(InputError, match=r"for host h2: expected 0\.05 <= fraction <= 1"):
        read_action([1, 1, value, 1], FabricArrays.of(dumbbell()), 0.05)


@pytest.mark.parametrize("action", [[1, 1, 1], [[1, 1, 1, 1]], 1.0, []])
def test_wrong_shapes(action: object) -> None:
    with pytest.raises(InputError, match=r"shape .*: expected \(4,\)"):
        read_action(action, FabricArrays.of(dumbbell()), 0.05)  # type: ignore[arg-type]


def test_what_is_no_number() -> None:
    with pytest.raises(InputError, match="expected 4 numbers"):
        read_action(["a", 1, 1, 1], FabricArrays.of(dumbbell()), 0.05)  # type: ignore[arg-type]


def test_actions_of_many_environments() -> None:
    fabric = FabricArrays.stack([dumbbell(rate_bps=10e6), dumbbell(rate_bps=1e9)])
    limits_bps = read_action(np.full((2, 4), 0.5), fabric, 0.05)
    assert limits_bps.tolist() == [[5e6] * 4, [5e8] * 4]
    with pytest.raises(InputError, match=r"environment 1: action 2 for host h3"):
        read_action([[1, 1, 1, 1], [1, 1, 1, 2]], fabric, 0.05)
    with pytest.raises(InputError, match=r"shape \(4,\): expected \(2, 4\), for each environment one fraction for each host"):
        read_action(np.ones(4), fabric, 0.05)
    with pytest.raises(InputError, match="expected 8 numbers, one for each host of each environment"):
        read_action([["a"] * 4] * 2, fabric, 0.05)  # type: ignore[list-item]
