"""Where policies start, how they are kept from saturating, and what they do in the mean."""

import math
from typing import Any, cast

import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

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

    def add_pull(layer: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
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
