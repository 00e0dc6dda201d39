"""The same limit for every host, all the time."""

import numpy as np
import numpy.typing as npt

from iroko.agent import Action, Agent
from iroko.errors import InputError
from iroko.scenario import Scenario
from iroko.topology import Topology


class _Static(Agent):
    def __init__(self, fraction: float, num_hosts: int) -> None:
        super().__init__("static")
        self._action = np.full(num_hosts, fraction, dtype=np.float32)

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        return self._action.copy()


def static(scenario: Scenario, topology: Topology, seed: int = 0, fraction: float = 0.5) -> Agent:
    """Every host is limited to one fraction of its link rate.

    Args:
        seed: has no effect, nothing is drawn.
        fraction: from the scenario's `min_fraction` to 1. A half is what two flows that meet on one link may have.

    Raises:
        InputError: `fraction` is out of range.
    """
    if not scenario.min_fraction <= fraction <= 1:
        raise InputError(f"fraction={fraction:g} of agent static: expected min_fraction={scenario.min_fraction:g} <= fraction <= 1")
    return _Static(fraction, topology.num_hosts)
