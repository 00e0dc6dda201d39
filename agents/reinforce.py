"""REINFORCE: the plain policy gradient, with Monte-Carlo returns."""

import numpy as np
import torch
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecEnv

from iroko.agent import Agent
from iroko.scenario import Scenario
from iroko.topology import Topology

from ._learner import Learner
from ._settings import NET, falling, num_networks


class Reinforce(OnPolicyAlgorithm):
    """REINFORCE on the on-policy base of Stable-Baselines3.

    Williams, Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning, Machine Learning 8, 1992,
    section 4. With a GAE lambda of 1 the base's returns are the discounted sums of the rewards to the end of the rollout, with the
    baseline's value for what follows when an episode goes on. The baseline is a network of the observation, fitted to the returns
    by its own squared error; it lowers the variance and leaves the mean of the gradient as it is.

    Attributes:
        baseline_steps: gradient steps of the baseline for each one of the policy.
    """

    baseline_steps: int = 1

    def train(self) -> None:
        """One gradient step on the rollout, each action weighted by how much better than the baseline its return was."""
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        for rollout in self.rollout_buffer.get(batch_size=None):
            values, log_probability, _ = self.policy.evaluate_actions(rollout.observations, rollout.actions)
            weights = rollout.returns - rollout.old_values
            # One scale for every scenario, so that one learning rate serves them all.
            weights = (weights - weights.mean()) / (weights.std() + 1e-8)
            policy_loss = -(weights * log_probability).mean()
            baseline_loss = torch.nn.functional.mse_loss(values.flatten(), rollout.returns)
            self.policy.optimizer.zero_grad()
            (policy_loss + self.vf_coef * baseline_loss).backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
            self.policy.optimizer.step()
            for _ in range(self.baseline_steps - 1):
                baseline_loss = torch.nn.functional.mse_loss(self.policy.predict_values(rollout.observations).flatten(), rollout.returns)
                self.policy.optimizer.zero_grad()
                baseline_loss.backward()  # type: ignore[no-untyped-call]
                # The policy's gradients are None now, so that its weights stay.
                self.policy.optimizer.step()
            self.logger.record("train/policy_loss", policy_loss.item())
            self.logger.record("train/baseline_loss", baseline_loss.item())
            self.logger.record("train/std", float(np.exp(self.policy.log_std.detach().numpy()).mean()))


def reinforce(
    scenario: Scenario,
    topology: Topology,
    seed: int = 0,
    learning_rate: float = 1e-3,
    gamma: float = 0.9,
    rollout_steps: int = 128,
    log_std: float = -1.0,
    baseline_steps: int = 10,
) -> Agent:
    """REINFORCE with a learned baseline; see `Reinforce`.

    Args:
        learning_rate: of Adam; it falls to a tenth over the training.
        gamma: a queue that grows shows in the reward within ten steps; the returns of Monte Carlo grow noisier with each step more.
        rollout_steps: environment steps for each gradient step, over all environments. Episodes have no natural end here, so a
            rollout is a piece of one of each environment. More but smaller steps keep the rates from running into full queues, from
            where the gradient hardly leads out: on a fat-tree, `benchmarks.tuning`, 128 and 1e-3 came to 7.06 of the fair share's
            7.78, 256 and 2e-3 through 50,000 steps of full queues to 4.68.
        log_std: natural logarithm of the first standard deviation, of actions from -1 to 1.
        baseline_steps: gradient steps of the baseline for each one of the policy; a baseline that lags behind the policy takes the
            returns' growing level for the worth of the last actions. With 256 steps and 1e-3, ten for one came to 6.60, one to 5.00.

    Raises:
        InputError: a setting is out of range.
    """
    settings = {
        "learning_rate": learning_rate, "gamma": gamma, "rollout_steps": rollout_steps, "log_std": log_std,
        "baseline_steps": baseline_steps,
    }  # fmt: skip

    def make(env: VecEnv) -> Reinforce:
        algorithm = Reinforce(
            ActorCriticPolicy,
            env,
            learning_rate=falling(learning_rate),
            n_steps=max(2, rollout_steps // num_networks(env)),
            gamma=gamma,
            gae_lambda=1.0,
            ent_coef=0.0,
            vf_coef=0.5,
            max_grad_norm=0.5,
            use_sde=False,
            sde_sample_freq=-1,
            policy_kwargs={"log_std_init": log_std, "net_arch": list(NET)},
            device="cpu",
        )
        algorithm.baseline_steps = baseline_steps
        return algorithm

    return Learner("reinforce", scenario, topology, seed, settings, make)
