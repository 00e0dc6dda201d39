"""What one interval of a batch of environments gave."""

from collections.abc import Mapping
from dataclasses import dataclass

from iroko.envs.info import Columns, without_reward
from iroko.envs.observation import Observation
from iroko.errors import EngineError
from iroko.metrics import Booleans
from iroko.snapshot import Floats


@dataclass(frozen=True)
class BatchStep:
    """What one interval of all environments gave.

    Attributes:
        observations: shape `(num_envs, size)`, or `(num_envs, num_hosts, size)` where each host has its own.
        rewards: shape `(num_envs,)`.
        terminated, truncated: whether the episode ended, and how, shape `(num_envs,)`.
        info: measures, terms of the reward and rewards of hosts, by their keys in the info.
        failures: the errors of the environments whose engine failed in this interval, by their index. Their episode is truncated, their
            observation is the last that they gave, and their rewards are 0.
    """

    observations: Observation
    rewards: Floats
    terminated: Booleans
    truncated: Booleans
    info: Columns
    failures: Mapping[int, EngineError]

    def with_failures(self, failures: Mapping[int, EngineError], last: Observation) -> "BatchStep":
        """The same step with the ends of these environments' episodes.

        Args:
            last: the observations before this step.
        """
        failed = list(failures)
        self.observations[failed], self.rewards[failed] = last[failed], 0
        self.terminated[failed], self.truncated[failed] = False, True
        zeros, info = without_reward(self.info), dict(self.info)
        for key, values in zeros.items():
            info[key] = info[key].copy()
            info[key][failed] = values[failed]
        return BatchStep(self.observations, self.rewards, self.terminated, self.truncated, info, dict(failures))
