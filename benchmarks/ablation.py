"""Measure the worth of each part of `iroko.wrappers`: `python -m benchmarks.ablation [--seeds 1,2,3] [--steps 50000]`.

Trains PPO of Stable-Baselines3 on the k=4 fat-tree in the simulator: with all parts, without one of them, without any, and with
Stable-Baselines3's own settings and no part. Prints the mean reward per step in held-out episodes of the simulator, for every seed.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

import iroko
from iroko.agent import Agent
from iroko.agents._settings import NET, falling
from iroko.run.evaluate import evaluate
from iroko.rundir.config import DEFAULT_ENVS, DEFAULT_STEPS
from iroko.scenario import Scenario
from iroko.wrappers import CompressPenalties, UnitActions, clipped_mean, start_low, to_fractions

SCENARIO = Scenario(topology="fattree", traffic="stride")
PARTS = ("UnitActions", "CompressPenalties", "VecNormalize", "start_low", "clipped_mean")
SETTINGS: dict[str, Any] = {"n_steps": 8, "batch_size": 64, "n_epochs": 10, "gamma": 0.9, "gae_lambda": 0.9, "clip_range": 0.3,
                            "policy_kwargs": {"log_std_init": -1.0, "net_arch": list(NET)}}  # fmt: skip
"""Those of `agents/ppo.py`, whose learning rate also falls."""
EPISODES = 2


class Trained(Agent):
    """A trained model, scored by the parts that it was trained with."""

    def __init__(self, model: PPO, parts: tuple[str, ...]) -> None:
        super().__init__("ppo")
        self._model, self._parts = model, parts

    def act(self, observation: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        policy = self._model.policy
        with torch.no_grad():
            batch, _ = policy.obs_to_tensor(observation[None])
            drawn: Any = policy.get_distribution(batch).distribution
            mean = clipped_mean(drawn.mean, drawn.stddev) if "clipped_mean" in self._parts else drawn.mean
        action = mean.numpy()[0]
        if "UnitActions" in self._parts:
            return to_fractions(action, SCENARIO.min_fraction)
        return np.clip(action, SCENARIO.min_fraction, 1).astype(np.float32)


def wrap(env: VecEnv, parts: tuple[str, ...]) -> VecEnv:
    """The environment as the parts change it."""
    if "UnitActions" in parts:
        env = UnitActions(env, SCENARIO.min_fraction)
    if "CompressPenalties" in parts:
        env = CompressPenalties(env)
    return VecNormalize(env, norm_obs=False, clip_reward=np.inf, gamma=SETTINGS["gamma"]) if "VecNormalize" in parts else env


def train(parts: tuple[str, ...], seed: int, steps: int, own_settings: bool = False) -> Trained:
    """Train with these parts; `own_settings`: Stable-Baselines3's in place of ours."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    env = wrap(iroko.make_vector(SCENARIO, DEFAULT_ENVS["sim"], engine="sim", seed=seed), parts)
    model = PPO("MlpPolicy", env, device="cpu", **({} if own_settings else SETTINGS | {"learning_rate": falling(1e-3)}))
    if "start_low" in parts:
        start_low(model)
    model.learn(steps)
    env.close()
    return Trained(model, parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", default="1,2,3", help="of the trainings, with commas between")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="of each training")
    options = parser.parse_args()
    cases: dict[str, Callable[[int], Trained]] = {"all parts": lambda seed: train(PARTS, seed, options.steps)}
    for part in PARTS:
        rest = tuple(one for one in PARTS if one != part)
        cases[f"without {part}"] = lambda seed, rest=rest: train(rest, seed, options.steps)  # type: ignore[misc]
    cases["none of them"] = lambda seed: train((), seed, options.steps)
    cases["none, PPO's own settings"] = lambda seed: train((), seed, options.steps, own_settings=True)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for name, make in cases.items():
        rewards = [float(evaluate(make(seed), SCENARIO, "sim", EPISODES, seed).steps["reward"].mean()) for seed in seeds]
        print(f"{name:28} {np.mean(rewards):8.2f}   {'  '.join(f'{reward:.2f}' for reward in rewards)}", flush=True)


if __name__ == "__main__":
    main()
