"""Advantage actor-critic."""

from stable_baselines3 import A2C
from stable_baselines3.common.vec_env import VecEnv

from iroko.agent import Agent
from iroko.scenario import Scenario
from iroko.topology import Topology

from ._learner import Learner
from ._settings import NET, falling, num_networks


def a2c(
    scenario: Scenario,
    topology: Topology,
    seed: int = 0,
    learning_rate: float = 2e-3,
    gamma: float = 0.9,
    gae_lambda: float = 0.9,
    rollout_steps: int = 128,
    log_std: float = -1.0,
) -> Agent:
    """A2C of Stable-Baselines3, the synchronous form of A3C.

    Mnih et al., Asynchronous Methods for Deep Reinforcement Learning, ICML 2016.

    Args:
        learning_rate: of Adam, which here needs fewer steps than the paper's RMSProp; it falls to a tenth over the training.
        gamma: a queue that grows shows in the reward within ten steps.
        gae_lambda: of the advantage estimate; the paper's own is 1, which is noisier.
        rollout_steps: environment steps for each gradient step, over all environments. Every rollout is used once, so they are short;
            but pieces of fewer than some eight steps of each environment show too little of what an action leads to.
        log_std: natural logarithm of the first standard deviation, of actions from -1 to 1.

    Raises:
        InputError: a setting is out of range.
    """
    settings = {
        "learning_rate": learning_rate, "gamma": gamma, "gae_lambda": gae_lambda, "rollout_steps": rollout_steps, "log_std": log_std,
    }  # fmt: skip

    def make(env: VecEnv) -> A2C:
        return A2C(
            "MlpPolicy",
            env,
            learning_rate=falling(learning_rate),
            n_steps=max(2, rollout_steps // num_networks(env)),
            gamma=gamma,
            gae_lambda=gae_lambda,
            normalize_advantage=True,
            use_rms_prop=False,
            policy_kwargs={"log_std_init": log_std, "net_arch": list(NET)},
            device="cpu",
        )

    return Learner("a2c", scenario, topology, seed, settings, make)
