"""A congestion control of TCP, by itself."""

import numpy as np
import numpy.typing as npt

from iroko.agent import TCP_NAMES, Action, Agent
from iroko.flows import LEARNED
from iroko.registry import check_name
from iroko.scenario import Scenario
from iroko.topology import Topology


class _Tcp(Agent):
    def __init__(self, congestion_control: str, num_hosts: int) -> None:
        super().__init__(congestion_control, transport=congestion_control)
        self._action = np.ones(num_hosts, dtype=np.float32)

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        return self._action.copy()


def tcp(scenario: Scenario, topology: Topology, seed: int = 0, congestion_control: str = "cubic") -> Agent:
    """No limits: the hosts' TCP decides alone how fast to send.

    Args:
        seed: has no effect, nothing is drawn.
        congestion_control: the kernel's name of it, or `iroko`, over which the scenario's policy decides; an agent name that is no file of
            this folder is taken for one.

    Raises:
        InputError: there is no such congestion control.
    """
    check_name("congestion control", congestion_control, (*TCP_NAMES, LEARNED))
    return _Tcp(congestion_control, topology.num_hosts)
