"""Augmented random search: evolution of a linear policy."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from sb3_contrib import ARS
from sb3_contrib.common.vec_env.async_eval import AsyncEval
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv

from iroko.agent import Agent
from iroko.errors import InputError
from iroko.scenario import Scenario
from iroko.topology import Topology

from ._learner import Learner
from ._settings import falling, num_networks

START_ACTION = -0.9
"""Where the untrained policy acts, at a twentieth of the range above the least rate: every change of it shows, and no queue fills."""


class SideBySide(ARS):
    """ARS of sb3-contrib with a candidate in each environment of the vector.

    There one candidate at a time acts in all environments, for whole episodes from a reset. Here all candidates act at once, each
    for `rollout_steps` steps of its own environment, whose episodes go on from one update to the next: an update then takes some
    hundred steps, and a training some hundred updates.
    """

    weights: torch.Tensor  # type: ignore[assignment]  # the base class knows only what it is before the policy is made

    def __init__(self, env: VecEnv, rollout_steps: int, **settings: Any) -> None:
        """Make the algorithm with a linear policy and a bias that acts at `START_ACTION`; `settings` are those of ARS."""
        super().__init__("LinearPolicy", env, policy_kwargs={"with_bias": True}, **settings)
        self._rollout_steps = rollout_steps
        assert self.action_space.shape is not None
        # The weights are in the order of the policy's parameters: a matrix, then the biases.
        self._num_outputs = self.action_space.shape[0]
        self.weights[-self._num_outputs :] = START_ACTION
        self.policy.load_from_vector(self.weights.numpy())

    def set_parameters(self, *args: Any, **kwargs: Any) -> None:
        """As in the base class, and let the search go on from there."""
        super().set_parameters(*args, **kwargs)
        self.weights = torch.nn.utils.parameters_to_vector(self.policy.parameters()).detach()

    def evaluate_candidates(self, candidate_weights: torch.Tensor, callback: BaseCallback, async_eval: AsyncEval | None) -> torch.Tensor:
        """The summed rewards of each candidate, shape `(num_candidates,)`, on the mean where several environments ran it.

        Args:
            candidate_weights: shape `(num_candidates, num_weights)`.
            callback: called after each step.
            async_eval: has no effect; the vector environment steps all at once.
        """
        assert self.env is not None
        callback.on_rollout_start()
        num_candidates, num_fabrics, num_envs = len(candidate_weights), num_networks(self.env), self.env.num_envs
        sums, counts = torch.zeros(num_candidates), torch.zeros(num_candidates)
        for first in range(0, num_candidates, num_fabrics):
            # Networks beyond the last candidate run the first ones again. Where hosts decide for themselves, a network's all run one.
            candidates = (torch.arange(first, first + num_fabrics) % num_candidates).repeat_interleave(num_envs // num_fabrics)
            act = _side_by_side(candidate_weights[candidates], self._num_outputs)
            for _ in range(self._rollout_steps):
                observations, rewards, _, infos = self.env.step(act(self._last_obs))
                self._last_obs = cast(Any, observations)
                self.num_timesteps += num_envs
                self._update_info_buffer(infos)
                callback.update_locals({"infos": infos})
                callback.on_step()
                sums.index_add_(0, candidates, torch.as_tensor(rewards, dtype=torch.float32))
            counts.index_add_(0, candidates, torch.ones(num_envs))
        callback.on_rollout_end()
        return sums / counts


def _side_by_side(weights: torch.Tensor, num_outputs: int) -> Callable[[Any], Any]:
    """One linear policy for each environment: observations of shape `(num_envs, size)` to actions `(num_envs, num_outputs)`."""
    rows, biases = weights[:, :-num_outputs].numpy(), weights[:, -num_outputs:].numpy()
    matrices = rows.reshape(len(rows), num_outputs, -1)
    return lambda observations: np.einsum("eao,eo->ea", matrices, observations) + biases


def ars(
    scenario: Scenario,
    topology: Topology,
    seed: int = 0,
    learning_rate: float = 0.02,
    delta_std: float = 0.02,
    num_directions: int = 8,
    num_top: int = 8,
    rollout_steps: int = 8,
) -> Agent:
    """ARS of sb3-contrib: random changes of a policy, of which what proved better is kept; see `SideBySide`.

    Mania, Guy, Recht, Simple Random Search of Static Linear Policies is Competitive for Reinforcement Learning, NeurIPS 2018.
    The observation needs none of the paper's normalisation: it lies from 0 to 1 already.

    Args:
        learning_rate: of a step, in weights for each standard deviation of the returns; it falls to a tenth over the training.
        delta_std: standard deviation of the change of each weight. The changes of some hundred inputs add up.
        num_directions: random directions for each update; each is tried forwards and backwards.
        num_top: how many of the directions count, those of the best returns. Fewer than all follow luck, as what the queues held
            before weighs in a return too: with a learning rate of 0.05 four of eight came to 0.12 on a dumbbell, all to 1.93.
        rollout_steps: environment steps of each try. Short ones give hundreds of updates: on the same dumbbell, steps of 0.5 s, 40 came
            to 1.78 to 1.80 of the fair share's 1.945, 20 to 1.86, 4 to 1.90 to 1.94; 2 failed with one seed of two. At steps of 0.1 s a
            queue takes several to drain: on a fat-tree 4 failed with one seed of three, 8 with none.

    Raises:
        InputError: a setting is out of range.
    """
    if not 1 <= num_top <= num_directions:
        raise InputError(f"num_top={num_top} of agent ars: expected 1 <= num_top <= num_directions={num_directions}")
    settings = {
        "learning_rate": learning_rate, "delta_std": delta_std, "num_directions": num_directions, "num_top": num_top,
        "rollout_steps": rollout_steps,
    }  # fmt: skip

    def make(env: VecEnv) -> ARS:
        return SideBySide(
            env,
            rollout_steps,
            n_delta=num_directions,
            n_top=num_top,
            learning_rate=falling(learning_rate),
            delta_std=delta_std,
            device="cpu",
        )

    return Learner("ars", scenario, topology, seed, settings, make)
