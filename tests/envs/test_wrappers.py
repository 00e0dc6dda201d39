"""The wrappers that our learners and anybody else's use."""

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from iroko import Scenario, make_vector
from iroko.wrappers import START_ACTION, CompressPenalties, UnitActions, start_low, to_fractions


def test_unit_actions_reach_every_fraction() -> None:
    assert to_fractions(np.array([-1, 0, 1, -5, 5], np.float32), 0.2) == pytest.approx([0.2, 0.6, 1, 0.2, 1])


def test_penalties_are_compressed_and_rewards_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    env = make_vector(Scenario(episode_s=1), 2, engine="sim")
    try:
        wrapped = CompressPenalties(UnitActions(env, 0.05))
        assert (wrapped.action_space.low[0], wrapped.action_space.high[0]) == (-1, 1)
        wrapped.reset()
        raw = env.step_wait
        monkeypatch.setattr(env, "step_wait", lambda: _with(raw(), [-1.0, 2.0]))
        _, rewards, _, _ = wrapped.step(np.zeros((2, 4), np.float32))
        assert rewards == pytest.approx([-np.log(2), 2])
    finally:
        env.close()


def _with(said: tuple, rewards: list[float]) -> tuple:
    return said[0], np.array(rewards), *said[2:]


def test_the_example_of_the_page_trains() -> None:
    scenario = Scenario(episode_s=1)
    env = CompressPenalties(UnitActions(make_vector(scenario, 2, engine="sim"), scenario.min_fraction))
    try:
        model = PPO(
            "MlpPolicy", VecNormalize(env, norm_obs=False, clip_reward=float("inf"), gamma=0.9), gamma=0.9, n_steps=16, batch_size=16
        )
        start_low(model)
        assert model.policy.action_net.bias.detach().numpy() == pytest.approx(np.full(4, START_ACTION))
        model.learn(32)
    finally:
        env.close()
