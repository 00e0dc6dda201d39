"""One policy for all hosts: rows of the vector environment, and agents that learn on them and are carried to other fabrics."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from iroko.agent import Agent, make_agent
from iroko.agents._learner import Learner
from iroko.agents._models import CARD
from iroko.envs.deployment import Deployment
from iroko.envs.environment import IrokoEnv
from iroko.envs.host_observation import HISTORY_STEPS, HOST_VIEW
from iroko.envs.host_rows import HostRows
from iroko.envs.sb3_vector import BatchVecEnv
from iroko.envs.vector import IrokoVecEnv
from iroko.errors import InputError
from iroko.scenario import Scenario
from tests.fake_batch import FakeBatch
from tests.fake_engine import FakeEngine

HOSTS = Scenario(deployment="hosts", episode_s=0.5, traffic="permutation")
LARGE = replace(HOSTS, topology="fattree", topology_parameters={"k": 4})
SIZE = HISTORY_STEPS * len(HOST_VIEW)
LEARNERS = ("a2c", "ars", "ddpg", "ppo", "reinforce", "sac", "td3")


def make_singles(scenario: Scenario = HOSTS, num_envs: int = 2) -> list[IrokoEnv]:
    return [IrokoEnv(scenario, engine=FakeEngine(scenario.fabric), seed=seed) for seed in range(num_envs)]


def make_env(scenario: Scenario = HOSTS, num_envs: int = 2) -> IrokoVecEnv:
    return IrokoVecEnv(make_singles(scenario, num_envs))


def make_batch(scenario: Scenario = HOSTS, num_envs: int = 2) -> BatchVecEnv:
    topology = scenario.fabric
    return BatchVecEnv([scenario] * num_envs, range(num_envs), FakeBatch([topology] * num_envs, extra_columns=1))


def make(name: str, scenario: Scenario, seed: int = 1) -> Agent:
    settings = {"ars": {"num_directions": 1, "num_top": 1}}.get(name, {})
    return make_agent(name, scenario, scenario.fabric, seed, **settings)


@pytest.mark.parametrize("vector", [make_env, make_batch])
def test_rows_are_the_hosts_of_each_environment(vector: type[VecEnv]) -> None:
    rows, singles = HostRows(VecMonitor(vector())), make_singles()
    assert rows.num_envs == 8 and rows.num_networks == 2
    assert rows.observation_space.shape == (SIZE,) and rows.action_space.shape == (1,)
    first = np.stack([env.reset()[0] for env in singles])
    assert first.shape == (2, 4, SIZE)
    assert np.array_equal(rows.reset(), first.reshape(8, SIZE))
    rng = np.random.default_rng(0)
    for step in range(12):
        actions = rng.uniform(0.05, 1, (8, 1)).astype(np.float32)
        observations, rewards, dones, infos = rows.step(actions)
        for index, env in enumerate(singles):
            part = slice(4 * index, 4 * index + 4)
            observation, _, terminated, truncated, info = env.step(actions[part].ravel())
            assert rewards[part] == pytest.approx(info["host_rewards"], abs=1e-6)
            assert dones[part].tolist() == [terminated or truncated] * 4
            if truncated:
                assert step % 5 == 4
                last = [each["terminal_observation"] for each in infos[part]]
                assert np.array_equal(last, observation)
                assert all(each["TimeLimit.truncated"] for each in infos[part])
                assert infos[4 * index]["episode"]["l"] == 5
                observation = env.reset()[0]
            else:
                assert not any(each for each in infos[part][1:])
                assert infos[4 * index]["time_s"] == info["time_s"]
            assert np.array_equal(observations[part], observation)
    rows.close()


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_acts_for_all_hosts_and_repeats(name: str) -> None:
    agent, observation = make(name, HOSTS), np.random.default_rng(3).uniform(0, 1, (4, SIZE)).astype(np.float32)
    action = agent.act(observation)
    assert action.shape == (4,) and (action >= HOSTS.min_fraction).all() and (action <= 1).all()
    # One policy: hosts that see the same do the same, wherever they stand.
    order = np.array([2, 0, 3, 1])
    assert agent.act(observation[order]) == pytest.approx(action[order], abs=1e-6)
    assert np.array_equal(make(name, HOSTS).act(observation), action)


@pytest.mark.parametrize("name", LEARNERS)
def test_training_counts_steps_of_the_network_and_goes_on_elsewhere(name: str, tmp_path: Path) -> None:
    agent, seen = make(name, HOSTS), []
    before = {key: value.clone() for key, value in _parameters(agent).items()}
    agent.train(make_batch(), 120, lambda step, rewards: seen.append((step, rewards)))
    assert 120 <= agent.num_steps_done < 400
    assert [step for step, _ in seen] == list(range(2, agent.num_steps_done + 1, 2))
    assert sum(len(rewards) for _, rewards in seen) == 2 * (len(seen) // 5)
    assert any(not value.equal(before[key]) for key, value in _parameters(agent).items())
    agent.save(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    assert card["deployment"] == "hosts" and card["action_size"] == 1 and card["observation_size"] == SIZE
    assert "topology" not in card and "hosts" not in card
    for scenario in (HOSTS, LARGE, replace(HOSTS, transport="dctcp", interval_s=0.05)):
        other = make(name, scenario, seed=9)
        other.load(tmp_path)
        assert other.num_steps_done == agent.num_steps_done
        num_hosts = scenario.fabric.num_hosts
        observation = np.random.default_rng(3).uniform(0, 1, (num_hosts, SIZE)).astype(np.float32)
        assert other.act(observation)[:4] == pytest.approx(agent.act(observation[:4]), abs=1e-6)
        other.train(make_batch(scenario), agent.num_steps_done + 4)
        assert other.num_steps_done >= agent.num_steps_done + 4


def _parameters(agent: Agent) -> dict[str, "np.ndarray"]:
    assert isinstance(agent, Learner)
    return dict(agent._algorithm.policy.state_dict())


def test_equal_seeds_train_equally() -> None:
    observation = np.random.default_rng(3).uniform(0, 1, (4, SIZE)).astype(np.float32)
    agents = [make("ppo", HOSTS), make("ppo", HOSTS), make("ppo", HOSTS, seed=2)]
    for agent in agents:
        agent.train(make_batch(), 200)
    actions = [agent.act(observation) for agent in agents]
    assert np.array_equal(actions[0], actions[1]) and not np.array_equal(actions[0], actions[2])


def test_guests_side_by_side_train_as_one_simulator_does() -> None:
    observation = np.random.default_rng(3).uniform(0, 1, (4, SIZE)).astype(np.float32)
    agents = [make("ppo", HOSTS), make("ppo", HOSTS)]
    agents[0].train(make_batch(), 200)
    agents[1].train(make_env(), 200)
    assert agents[0].act(observation) == pytest.approx(agents[1].act(observation), abs=1e-4)


@pytest.mark.parametrize(
    ("saved", "wanted", "message"),
    [
        (HOSTS, replace(HOSTS, deployment="central"), "deployment='hosts', this run has 'central'"),
        (replace(HOSTS, deployment="central"), HOSTS, "deployment='central', this run has 'hosts'"),
        (replace(HOSTS, deployment="central"), replace(LARGE, deployment="central"), "topology='dumbbell', this run has 'fattree'"),
        (HOSTS, replace(HOSTS, min_fraction=0.1), "min_fraction=0.05, this run has 0.1"),
    ],
)
def test_models_that_do_not_fit_are_refused(saved: Scenario, wanted: Scenario, message: str, tmp_path: Path) -> None:
    make("ppo", saved).save(tmp_path)
    with pytest.raises(InputError, match=message):
        make("ppo", wanted).load(tmp_path)


@pytest.mark.parametrize(
    ("agent", "env"), [(HOSTS, LARGE), (HOSTS, replace(HOSTS, deployment="central")), (replace(HOSTS, deployment="central"), HOSTS)]
)
def test_a_learner_refuses_to_train_where_it_does_not_fit(agent: Scenario, env: Scenario) -> None:
    with pytest.raises(InputError, match="expected the topology, features and deployment"):
        make("ppo", agent).train(make_env(env), 10)


def test_a_central_agent_decides_once_and_hosts_each_for_themselves() -> None:
    topology = LARGE.fabric
    hosts, central = Deployment.of(LARGE, topology), Deployment.of(replace(LARGE, deployment="central"), topology)
    assert (hosts.num_policies, hosts.num_limits, hosts.space.shape) == (16, 1, (SIZE,))
    assert (central.num_policies, central.num_limits) == (1, 16)


def test_the_environment_of_hosts_shows_each_its_own_and_takes_one_limit_of_each() -> None:
    env = IrokoEnv(HOSTS, engine=FakeEngine(HOSTS.fabric))
    observation, info = env.reset(seed=1)
    assert env.observation_space.shape == (4, SIZE) and env.observation_space.contains(observation)
    assert info["host_rewards"].tolist() == [0] * 4
    observation, reward, _, _, info = env.step(np.full(4, 0.4))
    assert env.observation_space.contains(observation) and info["host_rewards"].shape == (4,)
    assert reward == pytest.approx(sum(value for key, value in info.items() if key.startswith("reward_")))
    with pytest.raises(InputError, match="expected \\(4,\\)"):
        env.step(np.full(3, 0.4))
    with pytest.raises(InputError, match="nan for host h2"):
        env.step(np.array([0.4, 0.4, np.nan, 0.4]))
