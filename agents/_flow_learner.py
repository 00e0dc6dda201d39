"""The base of learners of per-flow policies: an agent that is a policy, and its files."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.agent import Action, Agent
from iroko.envs.flow_trials import Trials
from iroko.errors import InputError
from iroko.flows import LEARNED
from iroko.policy.format import Policy, write_policy
from iroko.policy.words import FEATURE_NAMES
from iroko.scenario import FLOWS, Scenario
from iroko.topology import Topology

from ._models import FORMAT

POLICY = "policy.json"


class FlowLearner(Agent):
    """An agent whose policy decides for each flow, over the transport `iroko`; it sets no limits.

    Another learner of policies derives from this: it has `train`, which gets `Trials`, `save` and `load`, and keeps `policy` up to date.
    """

    learns = True

    def __init__(self, name: str, scenario: Scenario, topology: Topology) -> None:
        """Make the untrained agent.

        Raises:
            InputError: the scenario's deployment is another one.
        """
        super().__init__(name, transport=LEARNED)
        if scenario.deployment != FLOWS:
            raise InputError(f"deployment={scenario.deployment!r} of agent {name}: it learns for flows; add --deployment {FLOWS}")
        self._num_hosts = topology.num_hosts
        self._card = {"format": FORMAT, "agent": name, "deployment": FLOWS, "features": list(FEATURE_NAMES)}

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        """No limits: the flows' policy decides."""
        return np.ones(self._num_hosts, dtype=np.float32)

    def check_trials(self, trials: Any) -> Trials:
        """Check that these are trials.

        Raises:
            InputError: it is another environment.
        """
        if not isinstance(trials, Trials):
            raise InputError(f"agent {self.name} cannot train here: expected iroko.envs.flow_trials.Trials")
        return trials


def write_with_policy(folder: Path, policy: Policy) -> None:
    """Write the policy beside a model's other files."""
    write_policy(policy, folder / POLICY)
