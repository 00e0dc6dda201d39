"""Agents: found by name, baselines that do what they say, learners that learn, repeat, and are saved and loaded."""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from stable_baselines3.common.vec_env import DummyVecEnv

from iroko.agent import TCP_NAMES, Agent, agent_names, make_agent
from iroko.agents._learner import Learner
from iroko.agents._models import CARD, WEIGHTS
from iroko.agents.ars import SideBySide
from iroko.agents.reinforce import Reinforce
from iroko.envs.environment import IrokoEnv
from iroko.envs.vector import IrokoVecEnv
from iroko.errors import InputError
from iroko.flows import UDP, Flow
from iroko.scenario import Scenario
from iroko.wrappers import clipped_mean
from tests.fake_engine import FakeEngine

SCENARIO = Scenario(episode_s=2.0)
TOPOLOGY = SCENARIO.fabric
LEARNERS = ("a2c", "ars", "ddpg", "ppo", "reinforce", "sac", "td3")


def make_env(scenario: Scenario = SCENARIO, num_envs: int = 1, seed: int = 0) -> IrokoVecEnv:
    return IrokoVecEnv([IrokoEnv(scenario, engine=FakeEngine(scenario.fabric), seed=seed + i) for i in range(num_envs)])


def some_observation(scenario: Scenario = SCENARIO) -> Any:
    space: Any = IrokoEnv(scenario, engine=FakeEngine(scenario.fabric)).observation_space
    space.seed(1)
    return space.sample()


def parameters(agent: Agent) -> dict[str, torch.Tensor]:
    assert isinstance(agent, Learner)
    return dict(agent._algorithm.policy.state_dict())


def total_reward(agent: Agent, scenario: Scenario, seed: int = 5) -> float:
    env = IrokoEnv(scenario, engine=FakeEngine(scenario.fabric))
    observation, _ = env.reset(seed=seed)
    agent.start(env.topology, env.flows)
    total, over = 0.0, False
    while not over:
        observation, reward, terminated, truncated, _ = env.step(agent.act(observation))
        total, over = total + reward, terminated or truncated
    return total


# Names


def test_every_learner_and_baseline_is_known_and_every_tcp_beside_them() -> None:
    assert set(agent_names()) == {*LEARNERS, "cmaes", "maxmin", "random", "static", "tcp", "iroko", *TCP_NAMES}


@pytest.mark.parametrize("name", ["nv", "dctcp", "cubic"])
def test_a_tcp_s_name_gives_an_agent_without_limits_over_that_tcp(name: str) -> None:
    agent = make_agent(name, SCENARIO, TOPOLOGY)
    assert (agent.name, agent.transport, agent.learns) == (name, name, False)
    assert agent.act(some_observation()).tolist() == [1.0] * 4


@pytest.mark.parametrize("name", [*LEARNERS, "maxmin", "random", "static"])
def test_an_agent_is_called_by_its_name_and_says_whether_it_learns(name: str) -> None:
    agent = make_agent(name, SCENARIO, TOPOLOGY)
    assert (agent.name, agent.learns) == (name, name in LEARNERS)
    assert agent.transport == (UDP if name == "maxmin" else None)


@pytest.mark.parametrize(("name", "near"), [("pppo", "ppo"), ("dtcp", "dctcp"), ("max_min", "maxmin")])
def test_an_unknown_agent_is_an_error_that_names_the_nearest(name: str, near: str) -> None:
    with pytest.raises(InputError, match=f"unknown agent '{name}'. Did you mean '{near}'"):
        make_agent(name, SCENARIO, TOPOLOGY)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("static", {"fraction": 0.01}, "fraction=0.01"),
        ("static", {"fraktion": 0.5}, "Did you mean 'fraction'"),
        ("tcp", {"congestion_control": "cubik"}, "Did you mean 'cubic'"),
        ("ppo", {"gamma": 1.5}, "gamma=1.5 of agent ppo: expected 0 <= gamma <= 1"),
        ("ppo", {"learning_rate": 0.0}, "learning_rate=0 of agent ppo: expected learning_rate > 0"),
        ("ppo", {"batch_steps": 500}, "batch_steps=500"),
        ("td3", {"noise_std": "much"}, "noise_std='much'"),
        ("ars", {"num_top": 9}, "num_top=9 of agent ars: expected 1 <= num_top <= num_directions=8"),
    ],
)
def test_a_wrong_setting_is_an_error(name: str, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_agent(name, SCENARIO, TOPOLOGY, **settings)


def test_a_baseline_has_nothing_to_train_or_save(tmp_path: Path) -> None:
    agent = make_agent("nv", SCENARIO, TOPOLOGY)
    calls: list[Callable[[], None]] = [lambda: agent.train(make_env(), 10), lambda: agent.save(tmp_path), lambda: agent.load(tmp_path)]
    for call in calls:
        with pytest.raises(InputError, match="agent nv does not learn"):
            call()


# Baselines


def test_static_gives_every_host_the_same_fraction() -> None:
    agent = make_agent("static", SCENARIO, TOPOLOGY, fraction=0.25)
    assert agent.act(some_observation()).tolist() == [0.25] * 4


def test_random_draws_anew_within_bounds_and_by_its_seed() -> None:
    first, same, other = (make_agent("random", SCENARIO, TOPOLOGY, seed) for seed in (1, 1, 2))
    actions = np.array([first.act(some_observation()) for _ in range(500)])
    assert actions.shape == (500, 4) and actions.dtype == np.float32
    assert actions.min() >= 0.05 and actions.max() <= 1
    assert actions.mean(axis=0) == pytest.approx([0.525] * 4, abs=0.05)
    assert np.array_equal(actions[0], same.act(some_observation()))
    assert not np.array_equal(actions[0], other.act(some_observation()))


def test_maxmin_halves_the_link_that_two_flows_share_and_leaves_idle_hosts_alone() -> None:
    agent = make_agent("maxmin", SCENARIO, TOPOLOGY)
    agent.start(TOPOLOGY, [Flow("h0", "h2"), Flow("h1", "h3")])
    assert agent.act(some_observation()).tolist() == [0.5, 0.5, 1, 1]


def test_maxmin_shares_among_the_flows_that_are_under_way() -> None:
    # h0 alone delivers 121,585 bytes in a step of 0.1 s at 10 Mbit/s (125,000 of frames, less 42 of every 1514 for headers).
    agent = make_agent("maxmin", SCENARIO, TOPOLOGY)
    agent.start(TOPOLOGY, [Flow("h0", "h2", size_bytes=150_000), Flow("h1", "h3", start_s=0.1)])
    fractions = [agent.act(some_observation()).tolist()[:2] for _ in range(4)]
    assert fractions == [[1, 1], [0.5, 0.5], [1, 1], [1, 1]]


def test_maxmin_raises_a_share_below_the_least_fraction_to_it() -> None:
    scenario = Scenario(topology_parameters={"num_left": 30, "num_right": 30})
    topology = scenario.fabric
    agent = make_agent("maxmin", scenario, topology)
    agent.start(topology, [Flow(f"h{i}", f"h{30 + i}") for i in range(30)])
    assert agent.act(some_observation(scenario))[:30] == pytest.approx([0.05] * 30)


# Learners


def test_the_clipped_mean_is_the_mean_of_clipped_draws() -> None:
    mean, std = torch.tensor([-1.5, -0.9, 0.0, 0.7, 1.4]), torch.tensor([0.4, 0.4, 0.3, 0.5, 0.2])
    draws = np.random.default_rng(0).normal(mean.numpy(), std.numpy(), (400_000, 5)).clip(-1, 1)
    assert clipped_mean(mean, std).numpy() == pytest.approx(draws.mean(axis=0), abs=3e-3)
    # With hardly any noise it is the clipped mean itself, and the policy's own mean is another value near a bound.
    assert clipped_mean(mean, torch.full((5,), 1e-6)).numpy() == pytest.approx([-1, -0.9, 0, 0.7, 1], abs=1e-5)
    assert abs(float(clipped_mean(mean, std)[3]) - 0.7) > 0.05


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_starts_low_acts_within_bounds_and_repeats(name: str) -> None:
    agent = make_agent(name, SCENARIO, TOPOLOGY, seed=3)
    action = agent.act(some_observation())
    assert action.shape == (4,) and action.dtype == np.float32
    assert action.min() >= 0.05 and action.max() < 0.5
    assert np.array_equal(action, agent.act(some_observation()))


@pytest.mark.parametrize("name", LEARNERS)
def test_equal_seeds_train_equally_and_another_seed_does_not(name: str) -> None:
    trained = []
    for seed in (1, 1, 2):
        agent = make_agent(name, SCENARIO, TOPOLOGY, seed)
        agent.train(make_env(num_envs=2), 256)
        trained.append(parameters(agent))
        assert agent.num_steps_done >= 256
    assert all(torch.equal(trained[0][key], trained[1][key]) for key in trained[0])
    assert any(not torch.equal(trained[0][key], trained[2][key]) for key in trained[0])


def test_training_changes_nothing_but_goes_on_to_the_number_of_steps_asked_for() -> None:
    agent = make_agent("ppo", SCENARIO, TOPOLOGY)
    before = {key: value.clone() for key, value in parameters(agent).items()}
    seen: list[tuple[int, list[float]]] = []
    agent.train(make_env(), 128, lambda steps, rewards: seen.append((steps, rewards)))
    assert [steps for steps, _ in seen] == list(range(1, 129))
    # Episodes have 20 steps, so six have ended.
    assert [steps for steps, rewards in seen if rewards] == [20, 40, 60, 80, 100, 120]
    after = {key: value.clone() for key, value in parameters(agent).items()}
    assert any(not torch.equal(before[key], after[key]) for key in before)
    agent.train(make_env(), 128)
    assert agent.num_steps_done == 128
    assert all(torch.equal(after[key], value) for key, value in parameters(agent).items())


def test_the_reported_episode_reward_is_the_environment_s_own() -> None:
    # The first episode, on traffic that is always the same, with the actions replayed through an environment by hand.
    actions: list[np.ndarray] = []
    env = make_env()
    begin = env.step_async

    def note_and_begin(given: np.ndarray) -> None:
        actions.append(given.copy())
        begin(given)

    env.step_async = note_and_begin  # type: ignore[assignment, method-assign]
    rewards: list[float] = []
    make_agent("ppo", SCENARIO, TOPOLOGY).train(env, 128, lambda _, ended: rewards.extend(ended))
    replay = IrokoEnv(SCENARIO, engine=FakeEngine(TOPOLOGY))
    replay.reset(seed=0)
    assert rewards[0] == pytest.approx(sum(replay.step(action[0])[1] for action in actions[:20]), rel=1e-4)


def test_ppo_comes_near_the_oracle_on_the_dumbbell_in_a_few_thousand_steps() -> None:
    scenario = Scenario(episode_s=10.0)
    agent = make_agent("ppo", scenario, TOPOLOGY, seed=0)
    untrained = total_reward(agent, scenario)
    agent.train(make_env(scenario, num_envs=2), 2560)
    oracle = total_reward(make_agent("maxmin", scenario, TOPOLOGY), scenario)
    trained = total_reward(agent, scenario)
    assert trained > 0.93 * oracle, f"{trained=} {oracle=} {untrained=}"
    assert untrained < 0.5 * oracle


def test_reinforce_follows_the_gradient_of_its_returns() -> None:
    # One state, reward -(action - 0.5)^2: the mean has to move from -1.3 towards 0.5.
    agent = make_agent("reinforce", SCENARIO, TOPOLOGY, seed=0, learning_rate=1e-2, rollout_steps=64)
    assert isinstance(agent, Learner) and isinstance(agent._algorithm, Reinforce)
    algorithm = agent._algorithm
    observation = torch.zeros(1, *algorithm.observation_space.shape)  # type: ignore[misc]
    agent._algorithm.set_logger(_silent())
    rng = np.random.default_rng(0)
    start = _mean(algorithm, observation).detach().numpy().copy()
    for _ in range(40):
        buffer = algorithm.rollout_buffer
        buffer.reset()
        for _ in range(buffer.buffer_size):
            with torch.no_grad():
                mean = _mean(algorithm, observation)
                action = mean + 0.37 * torch.as_tensor(rng.normal(size=(1, 4)), dtype=torch.float32)
                values, log_probability, _ = algorithm.policy.evaluate_actions(observation, action)
            reward = -((action.numpy() - 0.5) ** 2).sum(axis=1)
            buffer.add(observation.numpy(), action.numpy(), reward, np.ones(1), values.flatten(), log_probability)
        buffer.compute_returns_and_advantage(torch.zeros(1, 1), np.ones(1))
        algorithm.train()
    end = _mean(algorithm, observation).detach().numpy()
    assert (np.abs(end - 0.5) < 0.5 * np.abs(start - 0.5)).all(), f"{start=} {end=}"


def _mean(algorithm: Reinforce, observation: torch.Tensor) -> torch.Tensor:
    distribution: Any = algorithm.policy.get_distribution(observation).distribution
    mean: torch.Tensor = distribution.mean
    return mean


class _PaysItsAction(gymnasium.Env[Any, Any]):
    """The reward of a step is the action's one value; it sees nothing but 1."""

    observation_space = Box(0, 1, (1,), np.float32)
    action_space = Box(-1, 1, (1,), np.float32)

    def reset(self, **_: Any) -> Any:
        return np.ones(1, dtype=np.float32), {}

    def step(self, action: Any) -> Any:
        return np.ones(1, dtype=np.float32), float(action[0]), False, False, {}


@pytest.mark.parametrize("rows_per_network", [1, 3])
def test_ars_runs_each_candidate_in_a_network_of_its_own_and_sums_its_rewards(rows_per_network: int) -> None:
    env = DummyVecEnv([_PaysItsAction for _ in range(3 * rows_per_network)])
    env.num_networks = 3  # type: ignore[attr-defined]
    algorithm = SideBySide(env, rollout_steps=5, n_delta=2)
    algorithm._last_obs = env.reset()
    # Actions are weight + bias: 0.1, 0.2, 0.3 and 0.4 for the four candidates, of which three act at once, then the last and two again.
    weights = torch.tensor([[0.0, 0.1], [0.1, 0.1], [0.1, 0.2], [0.5, -0.1]])
    _, callback = algorithm._setup_learn(100, lambda *_: True)
    found = algorithm.evaluate_candidates(weights, callback, None)
    assert found.numpy() == pytest.approx(5 * np.array([0.1, 0.2, 0.3, 0.4]), rel=1e-5)
    assert algorithm.num_timesteps == 2 * 5 * 3 * rows_per_network


def test_ars_climbs_to_the_best_action() -> None:
    env = DummyVecEnv([_PaysItsAction for _ in range(16)])
    torch.manual_seed(0)
    algorithm = SideBySide(env, rollout_steps=4, n_delta=8, learning_rate=0.02, delta_std=0.02)
    algorithm.set_logger(_silent())
    assert algorithm.predict(np.ones(1, dtype=np.float32))[0] == pytest.approx([-0.9])
    algorithm.learn(64 * 200)
    assert algorithm.predict(np.ones(1, dtype=np.float32))[0] > 0.9


def test_a_training_that_goes_on_searches_from_where_it_was(tmp_path: Path) -> None:
    agent = make_agent("ars", SCENARIO, TOPOLOGY, seed=1)
    agent.train(make_env(num_envs=2), 256)
    agent.save(tmp_path)
    other = make_agent("ars", SCENARIO, TOPOLOGY, seed=1)
    other.load(tmp_path)
    assert isinstance(agent, Learner) and isinstance(other, Learner)
    algorithm: Any = other._algorithm
    assert torch.equal(algorithm.weights, torch.nn.utils.parameters_to_vector(agent._algorithm.policy.parameters()))
    other.train(make_env(num_envs=2), agent.num_steps_done + 1)
    # Of the whole training, not of the one step more: else the falling rate would be below 0 and lead back.
    assert 0 <= other._algorithm._current_progress_remaining < 0.1


def test_a_saturated_actor_is_pulled_back_and_others_are_left_alone() -> None:
    agent = make_agent("td3", SCENARIO, TOPOLOGY)
    assert isinstance(agent, Learner)
    actor: Any = agent._algorithm.policy.actor
    layer = actor.mu[-2]
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([-3.5, -1.0, 1.4, 5.5]))
    actor(torch.zeros(8, *agent._algorithm.observation_space.shape)).sum().backward()  # type: ignore[misc]
    slope = 1 - torch.tanh(layer.bias.detach()) ** 2
    assert (layer.bias.grad / 8 - slope).numpy() == pytest.approx(np.array([-0.2, 0, 0, 0.4]) / 8, abs=1e-6)


@pytest.mark.parametrize(("name", "deployment", "pulled"), [("ppo", "central", False), ("ppo", "hosts", True), ("a2c", "central", True)])
def test_a_mean_is_kept_in_range(name: str, deployment: str, pulled: bool) -> None:
    """Pulled back from beyond 0.8, by 3 times the distance over the batch: of a policy that hosts share, and of A2C."""
    agent = make_agent(name, dataclasses.replace(SCENARIO, deployment=deployment), TOPOLOGY)
    assert isinstance(agent, Learner)
    layer: Any = agent._algorithm.policy.action_net
    for bias, pull in ((-1.3, -1.5), (0.5, 0.0), (2.8, 6.0)):
        layer.zero_grad()
        with torch.no_grad():
            layer.weight.zero_()
            layer.bias.fill_(bias)
        layer(torch.zeros(8, layer.in_features)).sum().backward()
        expected = 8 + (pull if pulled else 0)
        assert layer.bias.grad.numpy() == pytest.approx(np.full(layer.out_features, expected), abs=1e-5)


def _silent() -> Any:
    from stable_baselines3.common.logger import Logger

    return Logger(None, [])


# Models as files


@pytest.mark.parametrize("name", LEARNERS)
def test_a_saved_model_acts_as_before_and_goes_on_from_its_steps(name: str, tmp_path: Path) -> None:
    agent = make_agent(name, SCENARIO, TOPOLOGY, seed=1)
    agent.train(make_env(), 128)
    agent.save(tmp_path / "model")
    other = make_agent(name, SCENARIO, TOPOLOGY, seed=9)
    assert not np.array_equal(agent.act(some_observation()), other.act(some_observation()))
    other.load(tmp_path / "model")
    assert np.array_equal(agent.act(some_observation()), other.act(some_observation()))
    assert other.num_steps_done == agent.num_steps_done
    assert isinstance(agent, Learner) and isinstance(other, Learner)
    assert vars(other._rewards) == vars(agent._rewards)
    seen: list[int] = []
    other.train(make_env(), agent.num_steps_done + 64, lambda steps, _: seen.append(steps))
    assert seen[0] == agent.num_steps_done + 1


def test_the_optimizer_s_state_is_restored(tmp_path: Path) -> None:
    agent = make_agent("ppo", SCENARIO, TOPOLOGY)
    agent.train(make_env(), 128)
    agent.save(tmp_path)
    other = make_agent("ppo", SCENARIO, TOPOLOGY)
    assert isinstance(agent, Learner) and isinstance(other, Learner)
    assert not other._algorithm.policy.optimizer.state_dict()["state"]
    other.load(tmp_path)
    mine, theirs = (each._algorithm.policy.optimizer.state_dict()["state"] for each in (agent, other))
    assert len(mine) > 0 and all(torch.equal(mine[key]["exp_avg_sq"], theirs[key]["exp_avg_sq"]) for key in mine)


def test_the_model_s_card_says_what_it_is(tmp_path: Path) -> None:
    make_agent("sac", SCENARIO, TOPOLOGY).save(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    assert card["agent"] == "sac" and card["topology"] == "dumbbell" and card["hosts"] == ["h0", "h1", "h2", "h3"]
    assert card["features"] == list(SCENARIO.features) and card["action_size"] == 4
    assert card["observation_size"] == len(some_observation())
    assert card["settings"]["gamma"] == 0.9 and "iroko" in card


@pytest.mark.parametrize(
    ("agent", "scenario", "message"),
    [
        ("a2c", SCENARIO, "agent='ppo', this run has 'a2c'"),
        ("ppo", Scenario(topology="star"), "topology='dumbbell', this run has 'star'"),
        ("ppo", Scenario(topology_parameters={"num_left": 3}), "hosts="),
        ("ppo", Scenario(features=("backlog", "limits")), "features="),
        ("ppo", Scenario(min_fraction=0.1), "min_fraction=0.05, this run has 0.1"),
    ],
)
def test_a_model_of_something_else_is_refused(agent: str, scenario: Scenario, message: str, tmp_path: Path) -> None:
    make_agent("ppo", SCENARIO, TOPOLOGY).save(tmp_path)
    with pytest.raises(InputError, match=message):
        make_agent(agent, scenario, scenario.fabric).load(tmp_path)


def _cut(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def _other_net(folder: Path) -> None:
    state = torch.load(folder / WEIGHTS, weights_only=True)
    state["modules"]["policy"].popitem()
    torch.save(state, folder / WEIGHTS)


def _pickle_with_code(folder: Path) -> None:
    torch.save({"modules": math.floor}, folder / WEIGHTS)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / CARD).unlink(), f"{CARD}: No such file"),
        (lambda folder: (folder / WEIGHTS).unlink(), f"{WEIGHTS}: No such file"),
        (lambda folder: (folder / CARD).write_text("{"), "is not JSON"),
        (lambda folder: (folder / CARD).write_text("[]"), "expected a JSON object"),
        (lambda folder: (folder / CARD).write_bytes(b"\xff\xfe"), "is not JSON"),
        (_cut, "is broken"),
        (_other_net, "is broken"),
        (_pickle_with_code, "is broken"),
        (lambda folder: (folder / WEIGHTS).write_bytes(b""), "is broken"),
    ],
)
def test_a_missing_or_broken_model_is_a_clear_error_and_leaves_the_agent_as_it_was(harm: Any, message: str, tmp_path: Path) -> None:
    make_agent("ppo", SCENARIO, TOPOLOGY, seed=1).save(tmp_path)
    harm(tmp_path)
    agent = make_agent("ppo", SCENARIO, TOPOLOGY, seed=2)
    before = agent.act(some_observation())
    with pytest.raises(InputError, match=message) as caught:
        agent.load(tmp_path)
    assert "\n" not in str(caught.value)
    assert np.array_equal(before, agent.act(some_observation()))


def test_a_learner_refuses_to_train_where_its_spaces_do_not_fit() -> None:
    agent = make_agent("ppo", SCENARIO, TOPOLOGY)
    with pytest.raises(InputError, match="agent ppo cannot train here"):
        agent.train(make_env(Scenario(topology_parameters={"num_left": 3})), 10)
