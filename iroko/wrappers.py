"""What makes our learners better than the stock algorithms, for any learner of Stable-Baselines3.

    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecNormalize
    from iroko import Scenario, make_vector
    from iroko.wrappers import CompressPenalties, UnitActions, keep_mean_in_range, start_low

    scenario = Scenario(topology="fattree", traffic="stride")
    env = CompressPenalties(UnitActions(make_vector(scenario, 16, engine="sim"), scenario.min_fraction))
    model = PPO("MlpPolicy", VecNormalize(env, norm_obs=False, clip_reward=float("inf"), gamma=0.9), gamma=0.9)
    start_low(model)

Five parts, of which `benchmarks.ablation` measures the worth on the fat-tree (docs/results.md): an untrained policy starts at an
idle network (`start_low`), penalties are compressed (`CompressPenalties`), actions and rewards have unit scale (`UnitActions`,
`VecNormalize`), and a policy is scored by the mean of what the environment saw in training (`clipped_mean`). Two more keep policies from
where nothing is learned any more: `keep_mean_in_range` where hosts share a policy, `keep_from_saturating` for actors with a tanh.
"""

import math
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from gymnasium.spaces import Box
from stable_baselines3 import TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

__all__ = [
    "CompressPenalties",
    "UnitActions",
    "clipped_mean",
    "keep_from_saturating",
    "keep_mean_in_range",
    "start_low",
    "to_fractions",
    "unit_box",
]


class UnitActions(VecEnvWrapper):
    """Actions from -1 to 1, in proportion to the fractions of the link rates from `min_fraction` to 1."""

    def __init__(self, venv: VecEnv, min_fraction: float) -> None:
        assert venv.action_space.shape is not None
        super().__init__(venv, action_space=unit_box(venv.action_space.shape[0]))
        self._min_fraction = min_fraction

    def reset(self) -> Any:
        return self.venv.reset()

    def step_async(self, actions: npt.NDArray[np.float32]) -> None:
        self.venv.step_async(to_fractions(actions, self._min_fraction))

    def step_wait(self) -> VecEnvStepReturn:
        return self.venv.step_wait()


class CompressPenalties(VecEnvWrapper):
    """Rewards below 0 compressed to -log(1 - reward).

    With the default reward one full queue of a fat-tree costs as much as 40 hosts earn; without the compression such steps drown all
    others in the statistics and in the critic's loss. Scores are never compressed.
    """

    def reset(self) -> Any:
        return self.venv.reset()

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, np.where(rewards < 0, -np.log1p(np.maximum(-rewards, 0)), rewards), dones, infos


def unit_box(num_hosts: int) -> Box:
    """The space of actions from -1 to 1, shape `(num_hosts,)`."""
    return Box(np.float32(-1), np.float32(1), (num_hosts,), np.float32)


def to_fractions(action: npt.NDArray[np.float32], min_fraction: float) -> npt.NDArray[np.float32]:
    """The fractions of the link rates for actions from -1 to 1; actions beyond are clipped."""
    part = (np.clip(action, -1, 1) + 1) / 2
    return np.asarray(min_fraction + part * (1 - min_fraction), dtype=np.float32)


START_ACTION = -1.3
"""Where an untrained policy's mean lies: below the least rate, so that with its noise about one host in five sends more. A start
with full queues teaches nothing, since a little more or less sent changes nothing there; from an idle network upward every host's
rate shows in the reward. TCP's slow start does the same."""

START_TANH = -0.95
"""The same for the actors that end in a tanh, which is flat at -1 itself."""

PULL, PULL_FROM = 0.1, 1.5
"""Of `keep_from_saturating`; at 1.5 the tanh is 0.9, and its slope a fifth."""


def keep_from_saturating(algorithm: TD3) -> None:
    """Pull the actor's outputs back before their tanh grows flat.

    A young critic says that more is better, and the actor follows to where its tanh has no slope left: from there it never comes
    back, although the critic learns. So the gradient of (`PULL` / 2) (|x| - `PULL_FROM`)^2 is added for each output x before the
    tanh that lies beyond `PULL_FROM`. A deterministic actor has no entropy that would hold it back.
    """
    _pull_back(_last_layer(algorithm.actor), PULL, PULL_FROM)


MEAN_PULL, MEAN_PULL_FROM = 3.0, 0.8
"""Of `keep_mean_in_range`; at 0.8 every draw shows yet."""


def keep_mean_in_range(algorithm: OnPolicyAlgorithm) -> None:
    """Pull a policy's mean back before all its draws are clipped.

    A policy that many hosts share moves all of them at once: when they first fill the queues together, all learn to send the least, and
    the mean falls to where each draw stands for the same least rate and nothing is learned any more; without this PPO stayed there in one
    training of two. A2C, whose steps nothing clips, also jumps to where every draw is the full rate. So the gradient of (`MEAN_PULL` / 2)
    (|x| - `MEAN_PULL_FROM`)^2 is added for each mean x beyond that.
    """
    _pull_back(algorithm.policy.action_net, MEAN_PULL, MEAN_PULL_FROM)


def _pull_back(layer: torch.nn.Module, strength: float, start: float) -> None:
    """Add the gradient of (strength / 2) (|x| - start)^2 for each output x of the layer beyond `start`."""

    def add_pull(_layer: torch.nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        if output.requires_grad:
            values = output.detach()
            pull = strength / len(values) * torch.sign(values) * torch.relu(values.abs() - start)
            output.register_hook(lambda gradient: gradient + pull)  # type: ignore[no-untyped-call]

    layer.register_forward_hook(add_pull)


def clipped_mean(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """The mean of a normal variable clipped to -1 and 1, elementwise.

    The environment clips what the policy draws, so near a bound the hosts sent less, or more, in training than the policy's own
    mean says. Scoring that mean instead would shift the rates by what training never saw, and a few percent too much fill a queue.
    """
    low, high = (-1 - mean) / std, (1 - mean) / std
    below, above = torch.special.ndtr(low), torch.special.ndtr(-high)
    densities = (torch.exp(-low * low / 2) - torch.exp(-high * high / 2)) / math.sqrt(2 * math.pi)
    clipped: torch.Tensor = above - below + mean * (1 - below - above) + std * densities
    return clipped


def start_low(algorithm: BaseAlgorithm) -> None:
    """Set the last layer of an untrained policy so that it starts at the least rate."""
    with torch.no_grad():
        if isinstance(algorithm, OnPolicyAlgorithm):
            cast(torch.nn.Linear, algorithm.policy.action_net).bias.fill_(START_ACTION)
            return
        for name in ("actor", "actor_target"):
            actor = getattr(algorithm.policy, name, None)
            if actor is not None:
                _last_layer(actor).bias.fill_(float(np.arctanh(START_TANH)))


def _last_layer(actor: torch.nn.Module) -> torch.nn.Linear:
    """The layer before the actor's tanh."""
    return [module for module in cast(torch.nn.Module, actor.mu).modules() if isinstance(module, torch.nn.Linear)][-1]
