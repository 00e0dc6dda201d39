"""The PettingZoo environment: its own API test, seeds, shapes, and what goes wrong."""

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from pettingzoo.test import parallel_api_test, parallel_seed_test

from iroko.envs.environment import IrokoEnv
from iroko.envs.host_observation import HISTORY_STEPS, HOST_VIEW
from iroko.envs.hosts import HostsEnv
from iroko.errors import ClosedError, InputError
from iroko.scenario import Scenario
from tests.fake_engine import FakeEngine

SCENARIO = Scenario(topology="dumbbell", traffic="pairs", episode_s=1.0)


@pytest.fixture
def env() -> Iterator[HostsEnv]:
    env = HostsEnv(SCENARIO, engine=FakeEngine(SCENARIO.fabric))
    yield env
    env.close()


def all_at(env: HostsEnv, fraction: float) -> dict[str, np.ndarray]:
    return {host: np.array([fraction], dtype=np.float32) for host in env.possible_agents}


@pytest.mark.parametrize(("topology", "traffic", "transport"), [("dumbbell", "pairs", "udp"), ("fattree", "permutation", "dctcp")])
def test_pettingzoo_s_api_test(topology: str, traffic: str, transport: str) -> None:
    scenario = Scenario(topology=topology, traffic=traffic, transport=transport, episode_s=2.0)
    env = HostsEnv(scenario, engine="sim")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parallel_api_test(env, num_cycles=60)
    finally:
        env.close()


def test_pettingzoo_s_seed_test() -> None:
    made: list[HostsEnv] = []

    def make() -> HostsEnv:
        made.append(HostsEnv(Scenario(traffic="permutation", episode_s=1.0), engine="sim"))
        return made[-1]

    try:
        parallel_seed_test(make, num_cycles=30)
    finally:
        for env in made:
            env.close()


def test_hosts_see_and_earn_what_the_environment_of_the_fabric_says(env: HostsEnv) -> None:
    whole = IrokoEnv(env.env.scenario, engine=FakeEngine(env.env.topology))
    observations, _ = env.reset(seed=3)
    expected, _ = whole.reset(seed=3)
    assert list(observations) == env.agents == ["h0", "h1", "h2", "h3"]
    for fraction in (0.9, 0.3):
        observations, rewards, terminated, truncated, infos = env.step(all_at(env, fraction))
        expected, reward, _, _, info = whole.step(np.full(4, fraction, dtype=np.float32))
        assert np.array_equal(np.stack(list(observations.values())), expected)
        assert list(rewards.values()) == info["host_rewards"].tolist()
        assert not any(terminated.values()) and not any(truncated.values())
        assert all(each["reward"] == reward and each["goodput_bps"] == info["goodput_bps"] for each in infos.values())
    assert env.observation_space("h2").shape == (HISTORY_STEPS * len(HOST_VIEW),)
    assert env.observation_space("h2") is env.observation_space("h2")
    assert env.action_space("h0").low == pytest.approx(SCENARIO.min_fraction)


def test_all_agents_end_with_the_episode(env: HostsEnv) -> None:
    env.reset(seed=0)
    for step in range(10):
        assert len(env.agents) == 4
        _, _, terminated, truncated, _ = env.step(all_at(env, 0.5))
        assert all(truncated.values()) == (step == 9)
        assert not any(terminated.values())
    assert env.agents == []
    with pytest.raises(ClosedError, match="call reset first"):
        env.step(all_at(env, 0.5))
    env.reset()
    assert len(env.agents) == 4


def test_wrong_actions_name_the_host_and_start_nothing(env: HostsEnv) -> None:
    env.reset(seed=0)
    good = all_at(env, 0.5)
    for actions, match in (
        ({host: good[host] for host in ("h0", "h1", "h3")}, "host h2"),
        (good | {"h9": good["h0"]}, "'h9'"),
        (good | {"h1": np.array([np.nan], dtype=np.float32)}, "action nan for host h1: expected 0.05"),
        (good | {"h3": np.array([1.5])}, "action 1.5 for host h3"),
        (good | {"h1": np.ones(2)}, "host h1: expected one number"),
        (good | {"h1": "fast"}, "host h1: expected one number"),
    ):
        with pytest.raises(InputError, match=match):
            env.step(actions)
    assert env.env.snapshot.time_s == 0
    env.step(good)


def test_a_host_that_is_not_there(env: HostsEnv) -> None:
    with pytest.raises(InputError, match="'h7'"):
        env.action_space("h7")


def test_closed(env: HostsEnv) -> None:
    with pytest.raises(ClosedError):
        env.step(all_at(env, 0.5))
    env.reset(seed=0)
    env.close()
    env.close()
    with pytest.raises(ClosedError):
        env.step(all_at(env, 0.5))
    with pytest.raises(ClosedError):
        env.reset()
