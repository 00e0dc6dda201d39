"""Proximal policy optimisation."""

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from iroko.agent import Agent
from iroko.errors import InputError
from iroko.scenario import Scenario
from iroko.topology import Topology

from ._learner import Learner
from ._settings import NET, falling, num_networks


def ppo(
    scenario: Scenario,
    topology: Topology,
    seed: int = 0,
    learning_rate: float = 1e-3,
    gamma: float = 0.9,
    gae_lambda: float = 0.9,
    rollout_steps: int = 128,
    batch_steps: int = 64,
    num_epochs: int = 10,
    clip_range: float = 0.3,
    log_std: float = -1.0,
) -> Agent:
    """PPO of Stable-Baselines3, with settings for little data.

    Schulman et al., Proximal Policy Optimization Algorithms, 2017. The scenarios here give a dense reward that shows an action's
    worth within about ten steps, and a training is some ten thousand steps, so the settings ask for many small updates.
    In `benchmarks.tuning` they come to 1.94 of the fair share's 1.945 on the dumbbell, and to 7.62 of 7.78 on the fat-tree.

    Args:
        learning_rate: of Adam; it falls to a tenth over the training.
        gamma: a queue that grows shows in the reward within ten steps; longer horizons add noise only.
        gae_lambda: of the advantage estimate.
        rollout_steps: environment steps between two updates, over all environments; short, since an update may move the policy
            only so far, and the mean has to cross its whole range in about a hundred of them.
        batch_steps: of a gradient step.
        num_epochs: passes over a rollout.
        clip_range: how far an update may change an action's probability; with one value for each of many hosts in an action, the
            usual 0.2 is used up by small changes of each.
        log_std: natural logarithm of the first standard deviation, of actions from -1 to 1; so -1 is 0.18 of the link rate.

    Raises:
        InputError: a setting is out of range.
    """
    if not 2 <= batch_steps <= rollout_steps:
        raise InputError(f"batch_steps={batch_steps} of agent ppo: expected 2 <= batch_steps <= rollout_steps={rollout_steps}")
    settings = {
        "learning_rate": learning_rate, "gamma": gamma, "gae_lambda": gae_lambda, "rollout_steps": rollout_steps,
        "batch_steps": batch_steps, "num_epochs": num_epochs, "clip_range": clip_range, "log_std": log_std,
    }  # fmt: skip

    def make(env: VecEnv) -> PPO:
        # Each environment gives as much to a batch, so that batches fill a rollout without a rest.
        batch_share = max(1, batch_steps // num_networks(env))
        return PPO(
            "MlpPolicy",
            env,
            learning_rate=falling(learning_rate),
            n_steps=max(2, batch_share * (rollout_steps // batch_steps)),
            batch_size=max(2, batch_share * env.num_envs),
            n_epochs=num_epochs,
            gamma=gamma,
            gae_lambda=gae_lambda,
            clip_range=clip_range,
            policy_kwargs={"log_std_init": log_std, "net_arch": list(NET)},
            device="cpu",
        )

    return Learner("ppo", scenario, topology, seed, settings, make)
