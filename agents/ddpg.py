"""Deep deterministic policy gradient."""

from stable_baselines3 import DDPG

from iroko.agent import Agent
from iroko.scenario import Scenario
from iroko.topology import Topology

from ._replay import deterministic_learner


def ddpg(
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
    """DDPG of Stable-Baselines3: a deterministic actor that follows the gradient of a critic learned from replay.

    Lillicrap et al., Continuous Control with Deep Reinforcement Learning, ICLR 2016. Its noise is independent at each step, not an
    Ornstein-Uhlenbeck process: a queue sums the noise up by itself.

    Args:
        learning_rate: of Adam, for actor and critics; it falls to a tenth over the training.
        gamma: a queue that grows shows in the reward within ten steps.
        noise_std: standard deviation of the noise on actions from -1 to 1 while it learns.
        rollout_steps: environment steps between two updates, over all environments.
        gradient_steps: of an update; one for two environment steps keeps pace with the network. On a fat-tree, `benchmarks.tuning`,
            these 32 came to 7.32 of the fair share's 7.78, 16 to 7.01.
        batch_steps: steps drawn for each gradient step.
        tau: how far the target networks follow in each gradient step; faster than usual, as the horizon is short.

    Raises:
        InputError: a setting is out of range.
    """
    settings = {
        "learning_rate": learning_rate, "gamma": gamma, "noise_std": noise_std, "rollout_steps": rollout_steps,
        "gradient_steps": gradient_steps, "batch_steps": batch_steps, "tau": tau,
    }  # fmt: skip
    return deterministic_learner("ddpg", DDPG, scenario, topology, seed, settings)
