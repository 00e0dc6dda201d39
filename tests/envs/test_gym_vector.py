"""The Gymnasium vector environment: its spaces, its registration, and Gymnasium's own wrappers around it."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import DictInfoToList, NormalizeObservation, RecordEpisodeStatistics

import iroko
import iroko.engines.open
from iroko.envs.gym_vector import IrokoVectorEnv
from iroko.errors import EngineError, InputError, UnknownArgumentError
from iroko.scenario import Scenario
from iroko.seeds import environment_seeds
from iroko.topology import Topology
from tests.fake_batch import FakeBatch, fake_batch_opener
from tests.fake_engine import FakeEngine

IDS = ("iroko/Dumbbell-v0", "iroko/FatTree-v0")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeBatch]:
    """The simulators that vector environments open, which are test doubles."""
    batches: list[FakeBatch] = []
    monkeypatch.setattr("iroko.envs.core.open_batch", fake_batch_opener(batches))
    return batches


def make(name: str = IDS[0], num_envs: int = 3, **arguments: Any) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    mode = "vector_entry_point"
    return gymnasium.make_vec(name, num_envs=num_envs, vectorization_mode=mode, engine="sim", episode_s=0.5, **arguments)


@pytest.mark.parametrize("name", IDS)
def test_make_vec(opened: list[FakeBatch], name: str) -> None:
    envs = make(name, 4, traffic="random", rate_bps="20M", seed=3)
    assert isinstance(envs.unwrapped, IrokoVectorEnv)
    assert envs.num_envs == 4 and envs.spec is not None and envs.spec.id == name
    assert envs.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    assert envs.unwrapped.core.members[0].topology.host_rates_bps[0] == 20e6
    assert envs.observation_space.shape == (4, *envs.single_observation_space.shape)
    assert envs.action_space.shape == (4, *envs.single_action_space.shape)
    envs.action_space.seed(1)
    observations, infos = envs.reset(seed=1)
    assert observations in envs.observation_space
    assert infos["time_s"].tolist() == [0] * 4
    for _ in range(7):
        observations, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        assert observations in envs.observation_space
        assert rewards.dtype == np.float64 and rewards.shape == (4,)
        assert terminated.dtype == truncated.dtype == bool
    envs.close()
    envs.close()
    assert len(opened) == 1 and opened[0].num_closes == 1


def test_it_is_what_make_vec_makes_by_itself(opened: list[FakeBatch]) -> None:
    assert isinstance(gymnasium.make_vec(IDS[0], num_envs=2), IrokoVectorEnv)
    assert iroko.IrokoVectorEnv is IrokoVectorEnv


def test_equal_seeds_give_equal_episodes_and_others_do_not(opened: list[FakeBatch]) -> None:
    for seed in (1, 1, 2):
        make(traffic="random", seed=seed).reset()
    first, same, other = ([engine.resets for engine in batch.engines] for batch in opened)
    assert first == same != other
    assert first[0] != first[1] != first[2]


def test_a_seed_gives_each_environment_its_own(opened: list[FakeBatch]) -> None:
    envs = make(traffic="random")
    envs.reset(seed=7)
    seeds = environment_seeds(7, 3)
    envs.reset(seed=[seeds[1], None, seeds[0]])  # type: ignore[arg-type]
    first, second = ([engine.resets[index] for engine in opened[0].engines] for index in (0, 1))
    assert second[0] == first[1] and second[2] == first[0]
    assert second[1] not in first


def test_an_end_with_the_reset_at_the_next_step(opened: list[FakeBatch]) -> None:
    envs = IrokoVectorEnv([Scenario(episode_s=0.2), Scenario(episode_s=0.3)], [0, 1])
    first, _ = envs.reset()
    envs.step(np.ones((2, 4)))
    last, _, terminated, truncated, infos = envs.step(np.ones((2, 4)))
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [True, False])
    assert not np.array_equal(last[0], first[0])
    assert infos["time_s"] == pytest.approx([0.2, 0.2])
    observations, rewards, _, truncated, infos = envs.step(np.ones((2, 4)))
    assert np.array_equal(observations[0], first[0])
    assert rewards[0] == 0 != rewards[1]
    assert truncated.tolist() == [False, True]
    assert infos["time_s"] == pytest.approx([0, 0.3])
    assert infos["_reward_bandwidth"].tolist() == [True, True]
    assert infos["reward_bandwidth"][0] == 0 != infos["reward_bandwidth"][1]
    assert [len(engine.resets) for engine in opened[0].engines] == [2, 1]


def test_an_end_with_the_reset_at_the_same_step(opened: list[FakeBatch]) -> None:
    envs = IrokoVectorEnv([Scenario(episode_s=0.2), Scenario(episode_s=0.3)], [0, 1], autoreset_mode="SameStep")
    first, _ = envs.reset()
    _, _, _, _, infos = envs.step(np.ones((2, 4)))
    assert "final_obs" not in infos and infos["_jain"].tolist() == [True, True]
    observations, _, terminated, truncated, infos = envs.step(np.ones((2, 4)))
    assert (terminated.tolist(), truncated.tolist()) == ([False, False], [True, False])
    assert np.array_equal(observations[0], first[0]) and not np.array_equal(observations[1], first[1])
    assert infos["_final_obs"].tolist() == infos["_final_info"].tolist() == infos["final_info"]["_drops"].tolist() == [True, False]
    assert infos["final_obs"][0] in envs.single_observation_space and infos["final_obs"][1] is None
    # The last interval of one, the start of its next episode, and how the other goes on.
    assert infos["final_info"]["time_s"] == pytest.approx([0.2, 0])
    assert infos["time_s"] == pytest.approx([0, 0.2])
    assert infos["reward_bandwidth"][0] == 0 != infos["reward_bandwidth"][1]
    assert infos["final_info"]["reward_bandwidth"][0] > 0


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_episode_statistics(opened: list[FakeBatch], mode: str) -> None:
    envs = RecordEpisodeStatistics(make(autoreset_mode=mode))
    envs.reset(seed=1)
    totals = np.zeros(3)
    for _ in range(5):
        _, rewards, _, truncated, infos = envs.step(np.ones((3, 4), dtype=np.float32))
        totals += rewards
    assert truncated.all()
    assert infos["episode"]["l"].tolist() == [5, 5, 5]
    assert infos["episode"]["r"] == pytest.approx(totals)
    totals[:] = 0
    for _ in range(3):
        _, rewards, _, _, infos = envs.step(np.ones((3, 4), dtype=np.float32))
        totals += rewards
        assert "episode" not in infos
    assert envs.episode_returns == pytest.approx(totals)
    assert envs.episode_lengths.tolist() == [3 if mode == "SameStep" else 2] * 3


def test_other_wrappers(opened: list[FakeBatch]) -> None:
    envs = DictInfoToList(NormalizeObservation(make()))
    _, infos = envs.reset(seed=1)
    assert [info["time_s"] for info in infos] == [0, 0, 0]
    for _ in range(7):
        observations, _, _, _, infos = envs.step(np.ones((3, 4), dtype=np.float32))
        assert np.isfinite(observations).all()
    assert all({"reward_bandwidth", "reward_queue"} <= set(info) for info in infos)
    assert infos[0]["time_s"] == pytest.approx(0.1)


def test_bad_arguments(opened: list[FakeBatch]) -> None:
    with pytest.raises(InputError, match="num_envs=2 with engine mininet: expected 1"):
        gymnasium.make_vec(IDS[0], num_envs=2, engine="mininet")
    with pytest.raises(InputError, match=r"unknown engine 'gest'\. Did you mean 'guest'"):
        gymnasium.make_vec(IDS[0], num_envs=2, engine="gest")
    with pytest.raises(InputError, match="on_failure 'stop'"):
        make(on_failure="stop")
    with pytest.raises(InputError, match="num_envs=0"):
        make(num_envs=0)
    with pytest.raises(InputError, match="render_mode='human'"):
        make(render_mode="human")
    with pytest.raises(InputError, match="Did you mean 'traffic'"):
        make(trafic="stride")
    for mode in ("nextstep", None, 3):
        with pytest.raises(UnknownArgumentError, match="autoreset_mode"):
            make(autoreset_mode=mode)
    envs = make()
    with pytest.raises(UnknownArgumentError, match="expected 'reset_mask' only"):
        envs.reset(options={"transport": "nv"})
    with pytest.raises(InputError, match="2 seeds: expected one for each of 3"):
        envs.reset(seed=[1, 2])  # type: ignore[arg-type]


# --- guests side by side


def open_fakes(monkeypatch: pytest.MonkeyPatch, fails: dict[int, int] | None = None) -> list[FakeEngine]:
    """Let engines that are opened by name be test doubles, which fail at these steps, counted as they are opened."""
    engines: list[FakeEngine] = []

    def open_fake(name: str, topology: Topology, seed: int = 0) -> FakeEngine:
        assert name == "guest"
        engines.append(FakeEngine(topology, (fails or {}).get(len(engines))))
        return engines[-1]

    monkeypatch.setattr("iroko.envs.slots.open_engine", open_fake)
    return engines


def test_guests_give_what_single_environments_give(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = open_fakes(monkeypatch)
    arguments: dict[str, Any] = {"episode_s": 0.5, "traffic": "random", "engine": "guest"}
    envs = gymnasium.make_vec(IDS[0], num_envs=3, seed=3, autoreset_mode="SameStep", **arguments)
    singles = [gymnasium.make(IDS[0], seed=seed, **arguments).unwrapped for seed in environment_seeds(3, 3)]
    first, infos = envs.reset()
    assert np.array_equal(first, [env.reset()[0] for env in singles]) and infos["time_s"].tolist() == [0] * 3
    rng = np.random.default_rng(0)
    for _ in range(7):
        actions = rng.uniform(0.05, 1, (3, 4)).astype(np.float32)
        observations, rewards, _, truncated, infos = envs.step(actions)
        alone = [env.step(action) for env, action in zip(singles, actions, strict=True)]
        assert rewards.tolist() == [result[1] for result in alone]
        assert truncated.tolist() == [result[3] for result in alone]
        ends = [env.reset()[0] if result[3] else result[0] for env, result in zip(singles, alone, strict=True)]
        assert np.array_equal(observations, ends)
    envs.close()
    assert [engine.num_closes for engine in engines] == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_guest_that_fails_is_replaced_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch, mode: AutoresetMode) -> None:
    engines = open_fakes(monkeypatch, {1: 2})
    scenario = Scenario(episode_s=0.5, traffic="permutation")
    envs = IrokoVectorEnv([scenario] * 2, [1, 2], autoreset_mode=mode, engine="guest", on_failure="replace")
    envs.reset()
    last, *_ = envs.step(np.ones((2, 4)))
    observations, rewards, terminated, truncated, infos = envs.step(np.ones((2, 4)))
    assert terminated.tolist() == [False, False] and truncated.tolist() == [False, True] and rewards[1] == 0 != rewards[0]
    assert infos["engine_error"].tolist() == [None, "the fake engine was told to fail at step 2"]
    assert infos["_engine_error"].tolist() == [False, True]
    ending = infos["final_obs"][1] if mode is AutoresetMode.SAME_STEP else observations[1]
    assert np.array_equal(ending, last[1])
    if mode is AutoresetMode.DISABLED:
        envs.reset(options={"reset_mask": truncated})
    for step in range(3):
        _, rewards, _, truncated, infos = envs.step(np.ones((2, 4)))
        assert "engine_error" not in infos and truncated.tolist() == [step == 2, False]
        assert (rewards[1] == 0) == (mode is AutoresetMode.NEXT_STEP and step == 0)
    envs.close()
    assert [engine.num_closes for engine in engines] == [1, 1, 1]


def test_a_guest_that_fails_ends_all_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = open_fakes(monkeypatch, {1: 1})
    envs = IrokoVectorEnv([Scenario()] * 2, [1, 2], engine="guest")
    envs.reset()
    with pytest.raises(EngineError, match="environment 1: the fake engine was told to fail"):
        envs.step(np.ones((2, 4)))
    assert [engine.num_closes for engine in engines] == [1, 1]


@pytest.mark.guest
def test_guests_of_a_vector_repeat() -> None:
    results = []
    for _ in range(2):
        envs = gymnasium.make_vec(IDS[0], num_envs=2, engine="guest", episode_s=0.3, traffic="random", seed=5)
        envs.reset()
        results.append([envs.step(np.full((2, 4), 0.5, dtype=np.float32))[:4] for _ in range(5)])
        envs.close()
    assert data_equivalence(results[0], results[1], exact=True)
