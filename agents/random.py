"""Limits drawn anew at every step: what no agent should score below."""

import numpy as np
import numpy.typing as npt

from iroko.agent import Action, Agent
from iroko.scenario import Scenario
from iroko.seeds import agent_generator
from iroko.topology import Topology


class _Random(Agent):
    def __init__(self, min_fraction: float, num_hosts: int, seed: int) -> None:
        super().__init__("random")
        self._min_fraction = min_fraction
        self._num_hosts = num_hosts
        self._rng = agent_generator(seed)

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        return self._rng.uniform(self._min_fraction, 1, self._num_hosts).astype(np.float32)


def random(scenario: Scenario, topology: Topology, seed: int = 0) -> Agent:
    """Each host's fraction is drawn evenly from `min_fraction` to 1, at each step and for each host by itself."""
    return _Random(scenario.min_fraction, topology.num_hosts, seed)
