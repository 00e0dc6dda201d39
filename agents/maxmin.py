"""The oracle: it knows every flow and its path, and limits each host to its max-min fair share."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from iroko.agent import Action, Agent
from iroko.fairness import max_min_limits, max_min_rates
from iroko.flows import UDP, Flow
from iroko.metrics import MTU_FRAME_BYTES, UDP_HEADERS_BYTES
from iroko.scenario import Scenario
from iroko.topology import Topology

PAYLOAD_SHARE = 1 - UDP_HEADERS_BYTES / MTU_FRAME_BYTES


class _MaxMin(Agent):
    def __init__(self, scenario: Scenario, topology: Topology) -> None:
        super().__init__("maxmin", transport=UDP)
        self._interval_s = scenario.interval_s
        self._min_fraction = scenario.min_fraction
        self.start(topology, [])

    def start(self, topology: Topology, flows: Sequence[Flow]) -> None:
        self._topology = topology
        self._flows = list(flows)
        self._starts_s = np.array([flow.start_s for flow in flows], dtype=float)
        self._left_bytes = np.array([np.inf if flow.size_bytes is None else flow.size_bytes for flow in flows], dtype=float)
        self._num_steps = 0
        self._answers: dict[bytes, tuple[npt.NDArray[np.float64], Action]] = {}

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        from_s = self._num_steps * self._interval_s
        to_s = from_s + self._interval_s
        active = (self._starts_s < to_s) & (self._left_bytes > 0)
        rates_bps, action = self._share(active)
        sending_s = to_s - np.maximum(from_s, self._starts_s[active])
        self._left_bytes[active] -= rates_bps * sending_s / 8 * PAYLOAD_SHARE
        self._num_steps += 1
        return action.copy()

    def _share(self, active: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], Action]:
        # Which flows are under way changes seldom, and progressive filling takes milliseconds on a large fabric.
        key = active.tobytes()
        if key not in self._answers:
            flows = [flow for flow, under_way in zip(self._flows, active, strict=True) if under_way]
            fractions = max_min_limits(self._topology, flows) / np.array(self._topology.host_rates_bps)
            action = np.clip(fractions, self._min_fraction, 1).astype(np.float32)
            self._answers = {key: (max_min_rates(self._topology, flows), action)}
        return self._answers[key]


def maxmin(scenario: Scenario, topology: Topology, seed: int = 0) -> Agent:
    """Each host gets the sum of the max-min fair rates of its flows under way, over UDP, which sends at just that rate.

    A flow is under way from its start until, at its fair rates so far, it would have delivered its size: the oracle keeps its own
    account and looks at no measurement. A share below `min_fraction` is raised to it. See `iroko.fairness` for the algorithm.

    Args:
        seed: has no effect, nothing is drawn.
    """
    return _MaxMin(scenario, topology)
