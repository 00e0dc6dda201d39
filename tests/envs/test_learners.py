"""Contracts that learning libraries rely on: errors, infos, autoreset modes, copies; `test_third_party.py` tries some of the libraries."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import NormalizeObservation, RecordEpisodeStatistics
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

from iroko.envs.common import make_seeds
from iroko.envs.environment import IrokoEnv
from iroko.envs.hosts import HostsEnv
from iroko.envs.sb3_vector import BatchVecEnv
from iroko.envs.vector import IrokoVecEnv
from iroko.errors import InputError, IrokoError, UnknownArgumentError
from iroko.reward import REWARDS
from iroko.rundir.config import make_config
from iroko.scenario import Scenario
from tests.fake_engine import FakeEngine

DUMBBELL = "iroko/Dumbbell-v0"
SHORT: dict[str, Any] = {"engine": "sim", "episode_s": 0.5, "traffic": "random"}


# --- errors

UNKNOWN: list[Callable[[], Any]] = [
    lambda: gymnasium.make(DUMBBELL, frameskip=4),
    lambda: gymnasium.make_vec(DUMBBELL, num_envs=2, frameskip=4),
    lambda: gymnasium.make(DUMBBELL, render_mode="ansi", disable_env_checker=True),
    lambda: gymnasium.make_vec(DUMBBELL, num_envs=2, render_mode="human"),
    lambda: gymnasium.make_vec(DUMBBELL, num_envs=2, autoreset_mode="Never"),
    lambda: gymnasium.make(DUMBBELL, traffic_parameters={"sise_bytes": 3}),
    lambda: Scenario(topology_parameters={"k": 4}),
    lambda: Scenario(rewards="queue"),  # type: ignore[call-arg]
    lambda: IrokoEnv(engine="sim").reset(options={"transport": "nv"}),
    lambda: make_config({"runs": {}}),
    lambda: make_config({"run": {"sed": 1}}),
    lambda: make_config({"environment": {"reword": 1}}),
]


@pytest.mark.filterwarnings("ignore:.*render_mode='ansi':UserWarning")
@pytest.mark.parametrize("call", UNKNOWN, ids=range(len(UNKNOWN)))
def test_an_unknown_argument_is_a_type_error(call: Callable[[], Any]) -> None:
    with pytest.raises(TypeError):
        call()


BAD: list[Callable[[], Any]] = [
    lambda: gymnasium.make("iroko/FatTree-v0", k=3),
    lambda: gymnasium.make(DUMBBELL, rate_bps="fast"),
    lambda: gymnasium.make(DUMBBELL, traffic="strid"),
    lambda: gymnasium.make(DUMBBELL, engine="ns3"),
    lambda: gymnasium.make(DUMBBELL, seed=-1),
    lambda: gymnasium.make_vec(DUMBBELL, num_envs=0),
    lambda: gymnasium.make_vec(DUMBBELL, num_envs=2, max_episode_steps=0),
    lambda: IrokoEnv(engine=FakeEngine(Scenario(topology="fattree").fabric)),
    lambda: make_config({"run": {"episodes": 0}}),
]


@pytest.mark.parametrize("call", BAD, ids=range(len(BAD)))
def test_a_bad_value_is_a_value_error_and_no_type_error(call: Callable[[], Any]) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert isinstance(caught.value, InputError) and not isinstance(caught.value, TypeError)


def test_an_unknown_argument_is_worded_as_python_words_it() -> None:
    # TorchRL drops `frameskip` where the error has these words.
    with pytest.raises(UnknownArgumentError, match=r"unexpected keyword argument 'frameskip'\.") as caught:
        gymnasium.make(DUMBBELL, frameskip=4)
    assert isinstance(caught.value, InputError) and caught.value.exit_code == 2
    assert issubclass(UnknownArgumentError, IrokoError)


# --- infos


def is_plain(value: Any) -> bool:
    """Whether every library can store it: a number or an array of numbers."""
    return np.asarray(value).dtype.kind in "fiub"


@pytest.mark.parametrize("deployment", ["central", "hosts"])
@pytest.mark.parametrize("reward", sorted(REWARDS))
def test_infos_have_equal_keys_and_kinds_after_reset_and_step(reward: str, deployment: str) -> None:
    scenario = Scenario(episode_s=0.3, reward=reward, deployment=deployment)
    env = IrokoEnv(scenario, engine=FakeEngine(scenario.fabric))
    _, first = env.reset(seed=1)
    _, value, _, _, info = env.step(np.full(4, 0.5))
    assert list(first) == list(info)
    for key in info:
        assert is_plain(first[key]) and np.asarray(first[key]).dtype == np.asarray(info[key]).dtype, key
        assert np.shape(first[key]) == np.shape(info[key]), key
    terms = [key for key in info if key.startswith("reward_")]
    assert terms and all(first[key] == 0 for key in terms)
    assert value == pytest.approx(sum(info[key] for key in terms))
    assert ("host_rewards" in info) == (deployment == "hosts")
    if deployment == "hosts":
        assert info["host_rewards"].shape == (4,) and (first["host_rewards"] == 0).all()


def test_infos_of_hosts_have_equal_keys_after_reset_and_step() -> None:
    env = HostsEnv(Scenario(episode_s=0.3), engine="sim")
    _, first = env.reset(seed=1)
    _, _, _, _, infos = env.step({host: np.ones(1, np.float32) for host in env.agents})
    assert list(first) == list(infos) == env.possible_agents
    for host, info in infos.items():
        assert list(first[host]) == list(info) and "host_rewards" not in info
        assert all(np.ndim(value) == 0 and is_plain(value) for value in (first[host] | info).values())
        assert first[host]["reward"] == 0 != info["reward"]
    env.close()


@pytest.mark.parametrize("deployment", ["central", "hosts"])
def test_infos_of_vectors_for_stable_baselines_have_the_keys_of_one(deployment: str) -> None:
    scenario = Scenario(episode_s=0.3, deployment=deployment)
    one = IrokoEnv(scenario, engine="sim")
    keys = list(one.reset(seed=1)[1])
    many: list[BatchVecEnv | IrokoVecEnv] = [BatchVecEnv([scenario] * 2, [1, 2]), IrokoVecEnv([IrokoEnv(scenario, engine="sim")])]
    for envs in many:
        envs.reset()
        assert [list(info) for info in envs.reset_infos] == [keys] * envs.num_envs
        _, _, _, infos = envs.step(np.ones((envs.num_envs, 4), np.float32))
        assert all(set(info) == {*keys, "TimeLimit.truncated"} for info in infos)
        assert all(is_plain(info[key]) for info in infos for key in keys)
        envs.close()
    one.close()


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("deployment", ["central", "hosts"])
def test_the_vector_environment_does_as_gymnasium_s_own(mode: AutoresetMode, deployment: str) -> None:
    arguments = SHORT | {"episode_s": 0.3, "deployment": deployment}
    ours = gymnasium.make_vec(DUMBBELL, num_envs=3, autoreset_mode=mode, **arguments)
    theirs = gymnasium.make_vec(DUMBBELL, num_envs=3, vectorization_mode="sync", vector_kwargs={"autoreset_mode": mode}, **arguments)
    assert ours.unwrapped.autoreset_mode is theirs.unwrapped.autoreset_mode is mode  # type: ignore[attr-defined]
    assert ours.metadata["autoreset_mode"] is mode
    rng, ended = np.random.default_rng(3), np.zeros(3, dtype=bool)
    seeds = make_seeds(5, 3)  # from one seed Gymnasium's own makes neighbouring ones
    assert_equal(ours.reset(seed=5), theirs.reset(seed=seeds))
    for step in range(11):
        mask = ended.copy() if mode is AutoresetMode.DISABLED else np.zeros(3, dtype=bool)
        mask[1] |= step == 5  # also in the middle of an episode
        if mask.any():
            some = [None, 7, None] if step == 5 else None
            results = [envs.reset(seed=some, options={"reset_mask": mask.copy()}) for envs in (ours, theirs)]  # type: ignore[arg-type]
            assert_equal(*results)
        action = rng.uniform(0.1, 1, (3, 4)).astype(np.float32)
        results = [envs.step(action) for envs in (ours, theirs)]  # type: ignore[misc]
        assert_equal(*results)
        ended = results[0][2] | results[0][3]  # type: ignore[misc]
    ours.close()
    theirs.close()


def assert_equal(first: Any, second: Any) -> None:
    """Equal values in dictionaries, tuples and arrays; rewards and their terms may be added in another order."""
    if isinstance(first, dict):
        assert set(first) == set(second)
        for key in first:
            assert_equal(first[key], second[key])
    elif isinstance(first, tuple):
        for pair in zip(first, second, strict=True):
            assert_equal(*pair)
    elif first is None or second is None:
        assert first is second
    elif np.asarray(first).dtype == object:
        for pair in zip(first, second, strict=True):
            assert_equal(*pair)
    else:
        np.testing.assert_allclose(np.asarray(first, dtype=float), np.asarray(second, dtype=float), rtol=1e-12, atol=1e-12)


def test_resets_of_a_part_that_cannot_be() -> None:
    envs = gymnasium.make_vec(DUMBBELL, num_envs=2, autoreset_mode="Disabled", **SHORT)
    with pytest.raises(IrokoError, match="before the first reset: reset all"):
        envs.reset(options={"reset_mask": np.array([True, False])})
    envs.reset(seed=1)
    for mask in ([True, False], np.ones(3, dtype=bool), np.ones(2), np.zeros(2, dtype=bool), None):
        with pytest.raises(ValueError, match="expected a numpy array of 2 truth values, at least one True"):
            envs.reset(options={"reset_mask": mask})
    with pytest.raises(ValueError, match="or one for each of 2 environments"):
        envs.reset(seed=[1, 2, 3], options={"reset_mask": np.array([True, False])})  # type: ignore[arg-type]
    for _ in range(5):
        envs.step(np.ones((2, 4), np.float32))
    with pytest.raises(IrokoError, match="after the end of the episode of environment 0, 1: reset it with"):
        envs.step(np.ones((2, 4), np.float32))
    envs.close()


# --- life cycle


@pytest.mark.parametrize("copies", [copy.deepcopy, pickle.dumps])
def test_an_environment_with_an_engine_is_not_copied(copies: Callable[[Any], Any]) -> None:
    for env in (gymnasium.make(DUMBBELL, **SHORT), gymnasium.make_vec(DUMBBELL, num_envs=2, **SHORT), HostsEnv(engine="sim"),
                BatchVecEnv([Scenario()], [1])):  # fmt: skip
        copies(env)
        env.reset()
        with pytest.raises(InputError, match=r"cannot be copied or pickled, .*: copy it before the first reset, or make another one"):
            copies(env)
        env.close()
        copies(env)


def test_a_copy_from_before_the_first_reset_is_an_environment_of_its_own() -> None:
    first = IrokoEnv(Scenario(traffic="random"), engine="sim", seed=3)
    second = copy.deepcopy(first)
    assert np.array_equal(first.reset()[0], second.reset()[0])
    assert first.flows == second.flows and first.engine is not second.engine
    first.close()
    second.step(np.ones(4))
    second.close()


# --- Gymnasium


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
def test_a_limit_of_steps(mode: str) -> None:
    envs = gymnasium.make_vec(DUMBBELL, num_envs=2, vectorization_mode=mode, max_episode_steps=3, **SHORT)
    envs.reset(seed=1)
    ends = [envs.step(np.ones((2, 4), np.float32))[3].tolist() for _ in range(4)]
    assert ends == [[False, False]] * 2 + [[True, True]] + [[False, False]]
    envs.close()
    env = gymnasium.make(DUMBBELL, max_episode_steps=2, **SHORT)
    env.reset(seed=1)
    assert [env.step(np.ones(4, np.float32))[3] for _ in range(2)] == [False, True]
    env.close()


def test_no_limit_of_steps() -> None:
    envs = gymnasium.make_vec(DUMBBELL, num_envs=1, max_episode_steps=-1, **SHORT)
    envs.reset()
    assert [bool(envs.step(np.ones((1, 4), np.float32))[3]) for _ in range(5)] == [False] * 4 + [True]
    envs.close()


def test_wrappers_and_processes() -> None:
    env = RecordEpisodeStatistics(NormalizeObservation(gymnasium.make(DUMBBELL, **SHORT)))
    env.reset(seed=1)
    rewards = [env.step(np.ones(4, np.float32)) for _ in range(5)]
    assert rewards[-1][4]["episode"]["r"] == pytest.approx(sum(float(step[1]) for step in rewards))
    env.close()
    envs = gymnasium.make_vec(DUMBBELL, num_envs=2, vectorization_mode="async", **SHORT)
    observations, infos = envs.reset(seed=1)
    assert observations.shape == (2, 32) and infos["reward_queue"].tolist() == [0, 0]
    envs.close()


# --- Stable-Baselines3


def test_stable_baselines_makes_a_vector() -> None:
    envs = make_vec_env(DUMBBELL, n_envs=2, env_kwargs=SHORT)
    assert envs.reset().shape == (2, 32)  # type: ignore[union-attr]
    assert envs.render_mode == "rgb_array" and [image.dtype for image in envs.get_images()] == [np.uint8] * 2  # type: ignore[union-attr]
    PPO("MlpPolicy", envs, n_steps=8, batch_size=8, n_epochs=1, device="cpu").learn(16)
    envs.close()
