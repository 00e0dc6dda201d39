"""How is stock PPO of Stable-Baselines3 trained on the vector environment?

Sixteen simulated fabrics step in one call of compiled code. The agents of `iroko run` use the same environment, with settings and
wrappers tuned for it (`agents/ppo.py`); this is the shortest training of your own.

    python examples/train_ppo.py
"""

from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

import iroko


def mean_reward(env: VecEnv, model: Any = None, num_steps: int = 50) -> float:
    """Mean reward per step over all environments, with the model's limits, or with every host at its link rate."""
    observations: Any = env.reset()
    rewards = []
    for _ in range(num_steps):
        if model is None:
            actions = np.ones((env.num_envs, *(env.action_space.shape or ())), dtype=np.float32)
        else:
            actions, _ = model.predict(observations, deterministic=True)
        observations, step_rewards, _, _ = env.step(actions)
        rewards.append(step_rewards.mean())
    return float(np.mean(rewards))


def main(num_steps: int = 20_000, num_envs: int = 16) -> tuple[float, float]:
    """Train, and return the mean reward per step before (no limits) and after."""
    torch.set_num_threads(1)  # the networks are small: more threads only wait for each other
    scenario = iroko.Scenario(
        topology="dumbbell",
        topology_parameters={"num_left": 2, "num_right": 2, "rate_bps": "10M"},
        traffic="pairs",
        interval_s=0.1,  # one step of control
        episode_s=5.0,
    )
    # Each environment draws its episodes from a seed of its own, derived from this one.
    env = iroko.make_vector(scenario, num_envs, engine="sim", seed=1)
    before = mean_reward(env)
    # A queue shows in the reward within about ten steps, so a short horizon learns faster.
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=128, gamma=0.9, learning_rate=1e-3, seed=1, device="cpu")
    model.learn(num_steps)
    after = mean_reward(env, model)
    env.close()
    print(f"reward per step: {before:.3f} without limits, {after:.3f} after {num_steps:,} steps of PPO")
    return before, after


if __name__ == "__main__":
    main()
