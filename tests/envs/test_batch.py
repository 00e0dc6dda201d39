"""Many environments at once against as many single ones: equal to the last digit, also where they differ and where episodes end."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from gymnasium.utils.env_checker import data_equivalence
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from iroko.envs.common import SHARED, make_seeds
from iroko.envs.core import BatchEnv
from iroko.envs.environment import IrokoEnv
from iroko.envs.gym_vector import IrokoVectorEnv
from iroko.envs.sb3_vector import BatchVecEnv
from iroko.envs.vector import IrokoVecEnv
from iroko.errors import ClosedError, EngineError, InputError
from iroko.reward import REWARDS
from iroko.scenario import FEATURES, Scenario
from tests.fake_batch import FakeBatch, fake_batch_opener
from tests.fake_engine import FakeEngine

SCENARIO = Scenario(episode_s=0.5, traffic="permutation", features=FEATURES)
SIZES = {"flows_per_host": 2, "size_bytes": 60_000, "start_spread_s": 0.4}


def mixed_scenarios(**values: Any) -> list[Scenario]:
    """Dumbbells that differ in whatever may differ: some episodes end by truncation, others when their flows are done."""
    common = Scenario(features=FEATURES, episode_s=0.7, traffic="random", traffic_parameters=SIZES, **values)
    return [
        common,
        dataclasses.replace(common, topology_parameters={"rate_bps": 4e6, "queue_bytes": 30_000, "ecn_bytes": None}),
        dataclasses.replace(common, traffic="pairs", traffic_parameters={}, episode_s=0.3, transport="dctcp"),
        dataclasses.replace(common, topology_parameters={"rate_bps": 50e6}, traffic_parameters={"start_s": 0.25, "size_bytes": 9000}),
        dataclasses.replace(common, traffic_parameters=SIZES | {"flows_per_host": 5}),
    ]


def make_batch(scenarios: list[Scenario], **arguments: Any) -> FakeBatch:
    return FakeBatch([scenario.fabric for scenario in scenarios], **arguments)


def make_singles(scenarios: list[Scenario], seeds: list[int]) -> list[IrokoEnv]:
    parts = zip(scenarios, seeds, strict=True)
    return [IrokoEnv(scenario, engine=FakeEngine(scenario.fabric), seed=seed) for scenario, seed in parts]


def draw_actions(rng: np.random.Generator, num_envs: int, num_hosts: int = 4) -> np.ndarray:
    return rng.uniform(0.05, 1, (num_envs, num_hosts)).astype(np.float32)


@pytest.mark.parametrize("reward", sorted(REWARDS))
@pytest.mark.parametrize(("mode", "extra_columns"), [(AutoresetMode.NEXT_STEP, 3), (AutoresetMode.SAME_STEP, 0)])
def test_the_gymnasium_face_equals_single_environments_in_a_row(reward: str, mode: AutoresetMode, extra_columns: int) -> None:
    scenarios, seeds = mixed_scenarios(reward=reward), [5, 6, 7, 8, 9]
    vector = IrokoVectorEnv(scenarios, seeds, make_batch(scenarios, extra_columns=extra_columns), mode)
    singles = SyncVectorEnv([lambda env=env: env for env in make_singles(scenarios, seeds)], autoreset_mode=mode)
    rng, num_ends = np.random.default_rng(0), np.zeros((2, 5))
    assert data_equivalence(vector.reset(), singles.reset(), exact=True)
    for _ in range(25):
        actions = draw_actions(rng, 5)
        results, expected = vector.step(actions), singles.step(actions)
        for result, other in zip(results, expected, strict=True):
            assert data_equivalence(result, other, exact=True)
        num_ends += results[2:4]
    # Every environment ended several times, and both ways occurred.
    assert (num_ends.sum(axis=0) >= 2).all() and num_ends.any(axis=1).all()
    assert data_equivalence(vector.reset(seed=3), singles.reset(seed=make_seeds(3, 5)), exact=True)
    assert data_equivalence(vector.step(actions), singles.step(actions), exact=True)


@pytest.mark.parametrize("reward", sorted(REWARDS))
def test_the_stable_baselines_face_equals_engines_side_by_side(reward: str) -> None:
    scenarios, seeds = mixed_scenarios(reward=reward), [5, 6, 7, 8, 9]
    vector, singles = BatchVecEnv(scenarios, seeds, make_batch(scenarios)), IrokoVecEnv(make_singles(scenarios, seeds))
    rng, num_ends = np.random.default_rng(1), 0
    for seed in (None, 11):
        vector.seed(seed)
        singles.seed(seed)
        assert data_equivalence(vector.reset(), singles.reset(), exact=True)
        assert data_equivalence(vector.reset_infos, singles.reset_infos, exact=True)
        for _ in range(12):
            actions = draw_actions(rng, 5)
            results, expected = vector.step(actions), singles.step(actions)
            for result, other in zip(results, expected, strict=True):
                assert data_equivalence(result, other, exact=True)
            assert data_equivalence(vector.reset_infos, singles.reset_infos, exact=True)
            num_ends += int(results[2].sum())
    assert num_ends >= 10


def test_a_fat_tree_equals_single_ones() -> None:
    scenario = Scenario(topology="fattree", traffic="random", features=FEATURES, episode_s=0.3)
    vector, singles = BatchVecEnv([scenario] * 3, [1, 2, 3], make_batch([scenario] * 3)), make_singles([scenario] * 3, [1, 2, 3])
    assert np.array_equal(vector.reset(), [env.reset()[0] for env in singles])
    rng = np.random.default_rng(2)
    for step in range(3):
        actions = draw_actions(rng, 3, 16)
        observations, rewards, _, infos = vector.step(actions)
        alone = [env.step(action) for env, action in zip(singles, actions, strict=True)]
        last = observations if step < 2 else [info["terminal_observation"] for info in infos]
        assert np.array_equal(last, [result[0] for result in alone])
        assert np.array_equal(rewards, np.float32([result[1] for result in alone]))


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP])
def test_many_in_the_simulator_equal_single_ones_in_it(mode: AutoresetMode) -> None:
    scenarios, seeds = mixed_scenarios(), [5, 6, 7, 8, 9]
    scenarios += [dataclasses.replace(scenarios[0], transport=transport) for transport in ("reno", "cubic", "vegas", "nv")]
    seeds += [1, 1, 2, 3]
    vector = IrokoVectorEnv(scenarios, seeds, autoreset_mode=mode)
    envs = [IrokoEnv(scenario, engine="sim", seed=seed) for scenario, seed in zip(scenarios, seeds, strict=True)]
    singles = SyncVectorEnv([lambda env=env: env for env in envs], autoreset_mode=mode)
    rng, num_ends = np.random.default_rng(0), np.zeros(len(envs))
    assert data_equivalence(vector.reset(), singles.reset(), exact=True)
    for _ in range(25):
        actions = draw_actions(rng, len(envs))
        results, expected = vector.step(actions), singles.step(actions)
        for result, other in zip(results, expected, strict=True):
            assert data_equivalence(result, other, exact=True)
        num_ends += results[2] | results[3]
    assert (num_ends >= 2).all()
    assert vector.core.members[0].snapshot.port_bytes.any()
    vector.close()
    singles.close()


def test_members_show_what_single_environments_show() -> None:
    scenarios, seeds = mixed_scenarios(), [1, 2, 3, 4, 5]
    env, singles = BatchEnv(scenarios, seeds, make_batch(scenarios)), make_singles(scenarios, seeds)
    env.reset([None] * 5)
    for single in singles:
        single.reset()
    env.step(env.read_actions(np.ones((5, 4))))
    for member, single in zip(env.members, singles, strict=True):
        single.step(np.ones(4))
        assert (member.scenario, member.topology, member.flows) == (single.scenario, single.topology, single.flows)
        assert member.observer.names == single.observer.names
        for field in dataclasses.fields(member.snapshot):
            assert np.array_equal(getattr(member.snapshot, field.name), getattr(single.snapshot, field.name), equal_nan=True)
        assert member.snapshot.all_done == single.snapshot.all_done


def test_a_simulator_of_its_own_is_opened_late_and_closed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[FakeBatch] = []
    monkeypatch.setattr("iroko.envs.core.open_batch", fake_batch_opener(opened))
    env = BatchEnv([SCENARIO] * 2, [4, 5])
    assert opened == [] and env.clocks == []
    for _ in range(2):
        env.reset([None, None])
    assert len(opened) == 1 and opened[0].num_envs == 2
    assert env.clocks == opened[0].clocks
    assert env.batch is opened[0]
    env.close()
    env.close()
    assert opened[0].num_closes == 1 and env.clocks == []
    with pytest.raises(ClosedError, match="is closed"):
        _ = env.batch


def test_a_given_simulator_stays_open() -> None:
    batch = make_batch([SCENARIO])
    env = BatchEnv([SCENARIO], [0], batch)
    env.reset([1])
    env.close()
    assert batch.num_closes == 0


def test_equal_fabrics_are_made_once() -> None:
    env = BatchEnv(mixed_scenarios(), [0] * 5)
    topologies = [member.topology for member in env.members]
    assert topologies[0] is topologies[2] is topologies[4]
    assert len({id(topology) for topology in topologies}) == 3


def test_a_failing_simulator_closes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[FakeBatch] = []
    monkeypatch.setattr("iroko.envs.core.open_batch", fake_batch_opener(opened))
    for face in (IrokoVectorEnv, BatchVecEnv):
        env = face([SCENARIO] * 3, [1, 2, 3])
        env.reset()
        opened[-1].engines[1].fail_at = 2
        env.step(np.ones((3, 4)))
        with pytest.raises(EngineError, match="told to fail"):
            env.step(np.ones((3, 4)))
        assert opened[-1].num_closes == 1
        with pytest.raises(ClosedError, match="step after close"):
            env.step(np.ones((3, 4)))
        with pytest.raises(ClosedError, match="reset after close"):
            env.reset()
        env.close()
        assert opened[-1].num_closes == 1


def test_an_interrupted_step_closes_all(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[FakeBatch] = []
    monkeypatch.setattr("iroko.envs.core.open_batch", fake_batch_opener(opened))
    env = BatchEnv([SCENARIO], [1])
    env.reset([None])

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(opened[0], "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        env.step(env.read_actions(np.ones((1, 4))))
    assert opened[0].num_closes == 1


def test_a_bad_action_starts_nothing_and_the_episode_goes_on() -> None:
    batch = make_batch([SCENARIO] * 3)
    env = BatchEnv([SCENARIO] * 3, [1, 2, 3], batch)
    with pytest.raises(ClosedError, match="step before reset: call reset first"):
        env.read_actions(np.ones((3, 4)))
    with pytest.raises(ClosedError, match="no snapshot yet"):
        _ = env.snapshot
    env.reset([None] * 3)
    for value in (np.nan, np.inf, 0.0, 1.1):
        actions = np.ones((3, 4))
        actions[1, 2] = value
        with pytest.raises(InputError, match=r"environment 1: action .* for host h2: expected 0\.05 <= fraction <= 1"):
            env.read_actions(actions)
    for shape in ((4,), (2, 4), (3, 5), (3, 4, 1)):
        with pytest.raises(InputError, match=r"action of shape \(.*\): expected \(3, 4\), for each environment one fraction"):
            env.read_actions(np.ones(shape))
    with pytest.raises(InputError, match="expected 12 numbers, one for each host of each environment"):
        env.read_actions([["a"] * 4] * 3)
    env.step(env.read_actions(np.ones((3, 4))))
    assert [engine.num_steps for engine in batch.engines] == [1, 1, 1]


@pytest.mark.parametrize("name", SHARED)
def test_scenarios_that_do_not_fit_together(name: str) -> None:
    others: dict[str, Any] = {"interval_s": 0.05, "min_fraction": 0.1, "features": ("backlog",), "reward": "queue", "deployment": "hosts"}
    with pytest.raises(InputError, match=rf"environment 1: {name}=.*: expected .*, as in environment 0"):
        BatchEnv([SCENARIO, dataclasses.replace(SCENARIO, **{name: others[name]})], [0, 1])


def test_fabrics_that_do_not_fit_together() -> None:
    for other in (Scenario(topology="star", features=FEATURES), dataclasses.replace(SCENARIO, topology_parameters={"num_left": 3})):
        with pytest.raises(InputError, match=r"environment 1: topology .*: expected the hosts and links of environment 0, dumbbell of 4"):
            BatchEnv([SCENARIO, other], [0, 1])


def test_wrong_numbers() -> None:
    with pytest.raises(InputError, match="no scenarios"):
        BatchEnv([], [])
    with pytest.raises(InputError, match="1 seeds for 2 scenarios"):
        BatchEnv([SCENARIO] * 2, [1])
    env = BatchEnv([SCENARIO] * 2, [1, 2], make_batch([SCENARIO] * 2))
    with pytest.raises(InputError, match="3 seeds: expected one for each of 2"):
        env.reset([1, 2, 3])


def test_seeds_differ_and_repeat() -> None:
    assert make_seeds(1, 3)[:2] == make_seeds(1, 2)
    assert len({*make_seeds(1, 100), *make_seeds(2, 100)}) == 200
