"""Soft actor-critic."""

import math

from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import VecEnv

from iroko.agent import Agent
from iroko.scenario import Scenario
from iroko.topology import Topology

from ._learner import Learner
from ._replay import replay_settings
from ._settings import NET


def sac(
    scenario: Scenario,
    topology: Topology,
    seed: int = 0,
    learning_rate: float = 1e-3,
    gamma: float = 0.9,
    noise_std: float = 0.3,
    rollout_steps: int = 64,
    gradient_steps: int = 32,
    batch_steps: int = 128,
    tau: float = 0.01,
) -> Agent:
    """SAC of Stable-Baselines3, with a temperature that is learned.

    Haarnoja et al., Soft Actor-Critic Algorithms and Applications, 2018.

    Args:
        learning_rate: of Adam, for actor, critics and temperature; it falls to a tenth over the training.
        gamma: a queue that grows shows in the reward within ten steps.
        noise_std: standard deviation, of actions from -1 to 1, that the policy starts with, and that the temperature aims at: the
            target entropy is that of a normal variable of this width for each host. The usual target, less one for each host,
            wants a width of 0.7, which fills the queues.
        rollout_steps: environment steps between two updates, over all environments.
        gradient_steps: of an update; one for two environment steps keeps pace with the network.
        batch_steps: steps drawn for each gradient step.
        tau: how far the target networks follow in each gradient step; faster than usual, as the horizon is short.

    Raises:
        InputError: a setting is out of range.
    """
    settings = {
        "learning_rate": learning_rate, "gamma": gamma, "noise_std": noise_std, "rollout_steps": rollout_steps,
        "gradient_steps": gradient_steps, "batch_steps": batch_steps, "tau": tau,
    }  # fmt: skip

    def make(env: VecEnv) -> SAC:
        return SAC(
            "MlpPolicy",
            env,
            ent_coef="auto_0.01",
            target_entropy=topology.num_hosts * normal_entropy(noise_std),
            policy_kwargs={"net_arch": list(NET)},
            **replay_settings(env, settings),
        )

    return Learner("sac", scenario, topology, seed, settings, make)


def normal_entropy(std: float) -> float:
    """The differential entropy of a normal variable in nats."""
    return 0.5 * math.log(2 * math.pi * math.e * std**2)
