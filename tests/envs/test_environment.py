"""The environment on a test double of the engine."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import stable_baselines3.common.env_checker
from gymnasium.utils.env_checker import check_env, data_equivalence

import iroko
import iroko.envs.slots
from iroko.envs.environment import IrokoEnv
from iroko.errors import ClosedError, EngineError, InputError, UnknownArgumentError
from iroko.reward import REWARDS
from iroko.scenario import FEATURES, Scenario
from tests.fake_engine import FakeEngine, fake_opener

SCENARIO = Scenario(episode_s=1.0, traffic="permutation")
ROOT = Path(__file__).parents[2]
IDS = ("iroko/Dumbbell-v0", "iroko/FatTree-v0")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    """The engines that environments open by name, which are test doubles."""
    engines: list[FakeEngine] = []
    monkeypatch.setattr(iroko.envs.slots, "open_engine", fake_opener(engines))
    monkeypatch.setattr(iroko.envs.slots, "default_engine", lambda: "guest")
    return engines


def make_env(scenario: Scenario = SCENARIO, fail_at: int | None = None) -> IrokoEnv:
    return IrokoEnv(scenario, engine=FakeEngine(scenario.fabric, fail_at))


def rollout(env: gymnasium.Env[Any, Any], seed: int, num_steps: int = 10) -> list[Any]:
    env.action_space.seed(seed)
    results: list[Any] = [env.reset(seed=seed)]
    return results + [env.step(env.action_space.sample()) for _ in range(num_steps)]


# Both checkers advise actions from 0 or -1 to 1; the least share of a link is above 0, since a shaper has no rate of 0.
advice = pytest.mark.filterwarnings("ignore:.*symmetric and normalized.*:UserWarning")


@advice
@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("features", [None, FEATURES])
def test_gymnasiums_checker(opened: list[FakeEngine], name: str, features: tuple[str, ...] | None) -> None:
    arguments: dict[str, Any] = {} if features is None else {"features": features}
    env = gymnasium.make(name, episode_s=1.0, traffic="random", **arguments)
    check_env(env.unwrapped)
    env.close()
    # The checker makes one more for each render mode.
    assert len(opened) >= 2 and all(engine.num_closes >= 1 for engine in opened)


@advice
@pytest.mark.parametrize("name", IDS)
def test_stable_baselines_checker(opened: list[FakeEngine], name: str) -> None:
    env = gymnasium.make(name, episode_s=1.0)
    stable_baselines3.common.env_checker.check_env(env.unwrapped)
    env.close()
    assert opened[0].num_steps > 0


@pytest.mark.parametrize("name", IDS)
def test_equal_seeds_give_equal_episodes_and_others_do_not(opened: list[FakeEngine], name: str) -> None:
    first, second, other = (gymnasium.make(name, traffic="random", episode_s=1.0) for _ in range(3))
    result = rollout(first, 5)
    assert data_equivalence(result, rollout(second, 5), exact=True)
    assert not data_equivalence(result, rollout(other, 6), exact=True)
    assert opened[0].resets == opened[1].resets
    assert opened[0].resets[0][2] != opened[2].resets[0][2]


def test_the_constructors_seed_is_that_of_the_first_episode(opened: list[FakeEngine]) -> None:
    given, constructed, other = IrokoEnv(SCENARIO), IrokoEnv(SCENARIO, seed=7), IrokoEnv(SCENARIO, seed=8)
    given.reset(seed=7)
    constructed.reset()
    other.reset()
    assert opened[0].resets == opened[1].resets != opened[2].resets
    # The generator goes on: the second episode differs from the first, alike in both.
    given.reset()
    constructed.reset()
    assert opened[0].resets == opened[1].resets
    assert opened[0].resets[0] != opened[0].resets[1]


def test_actions_become_limits_and_the_interval_is_the_scenarios(opened: list[FakeEngine]) -> None:
    env = IrokoEnv(dataclasses.replace(SCENARIO, interval_s=0.05))
    env.reset()
    assert (env.snapshot.limits_bps == 10e6).all()
    env.step(np.array([0.05, 0.5, 0.25, 1], dtype=np.float32))
    assert env.snapshot.limits_bps == pytest.approx([0.5e6, 5e6, 2.5e6, 10e6])
    assert env.snapshot.interval_s == 0.05


def test_the_transport_reaches_the_engine(opened: list[FakeEngine]) -> None:
    IrokoEnv(dataclasses.replace(SCENARIO, transport="dctcp")).reset()
    assert opened[0].resets[0][1] == "dctcp"


@pytest.mark.parametrize("reward", sorted(REWARDS))
def test_the_reward_is_the_sum_of_its_terms(reward: str) -> None:
    env = make_env(dataclasses.replace(SCENARIO, reward=reward))
    env.reset()
    _, value, _, _, info = env.step(np.ones(4))
    assert value == pytest.approx(sum(value for key, value in info.items() if key.startswith("reward_")))
    assert isinstance(value, float)


def test_rewards_and_measures_of_two_senders_on_one_link() -> None:
    # h0 and h1 send through the one link of 10 Mbit/s to h2 and h3. At half a link each it is full and no queue grows.
    env = make_env(Scenario(episode_s=1.0, traffic="pairs"))
    env.reset()
    for _ in range(5):
        _, value, _, _, info = env.step([0.5, 0.5, 1, 1])
    payload = 1472 / 1514
    assert info["goodput_bps"] == pytest.approx(10e6 * payload, rel=1e-4)
    assert info["reward_bandwidth"] == pytest.approx(payload, rel=1e-4) and info["reward_queue"] == 0
    assert value == pytest.approx(payload, rel=1e-4)
    assert info["jain"] == pytest.approx(1)
    assert info["queue_mean_bytes"] == info["queue_peak_bytes"] == info["drops"] == info["marks"] == 0
    assert info["time_s"] == pytest.approx(0.5)
    # At full rate the queue takes 10 Mbit/s too much: 125,000 bytes in 0.1 s. The other switch ports stay empty.
    _, worse, _, _, info = env.step(np.ones(4))
    assert info["queue_peak_bytes"] == pytest.approx(125_000, rel=1e-6)
    assert 0 < info["queue_mean_bytes"] * 6 < 125_000
    assert info["marks"] > 0
    assert worse < value


def test_an_episode_is_truncated_at_its_end() -> None:
    env = make_env()
    env.reset()
    ends = [env.step(np.ones(4))[2:4] for _ in range(10)]
    assert ends == [(False, False)] * 9 + [(False, True)]
    with pytest.raises(ClosedError, match="after the end of the episode: call reset"):
        env.step(np.ones(4))
    env.reset()
    env.step(np.ones(4))


def test_an_episode_is_terminated_when_its_flows_are_done() -> None:
    # 100 kB and headers at 5 Mbit/s each, over one link, take 0.165 s: done in the second interval.
    env = make_env(Scenario(traffic="pairs", traffic_parameters={"size_bytes": 100_000}))
    env.reset()
    assert env.step([0.5] * 4)[2:4] == (False, False)
    assert env.step([0.5] * 4)[2:4] == (True, False)
    assert env.snapshot.all_done


def test_two_halves_make_a_step() -> None:
    whole, halves = make_env(), make_env()
    assert data_equivalence(whole.reset(seed=1), halves.reset(seed=1), exact=True)
    halves.begin_step(np.ones(4))
    assert data_equivalence(whole.step(np.ones(4)), halves.finish_step(), exact=True)


def test_calls_out_of_order() -> None:
    env = make_env()
    calls: list[Callable[[], Any]] = [lambda: env.step(np.ones(4)), env.finish_step]
    for call in calls:
        with pytest.raises(ClosedError, match="before reset"):
            call()
    with pytest.raises(ClosedError, match="no snapshot yet"):
        _ = env.snapshot
    env.reset()
    with pytest.raises(ClosedError, match="before begin_step"):
        env.finish_step()
    env.begin_step(np.ones(4))
    with pytest.raises(ClosedError, match="in the middle of a step"):
        env.begin_step(np.ones(4))
    env.close()
    env.close()
    for call in [env.reset, *calls]:
        with pytest.raises(ClosedError, match="after close"):
            call()
    with pytest.raises(ClosedError, match="closed"):
        _ = env.engine


def test_a_bad_action_starts_nothing_and_the_episode_goes_on() -> None:
    env = make_env()
    env.reset()
    with pytest.raises(InputError, match="host h1"):
        env.step([1, 2, 1, 1])
    env.step(np.ones(4))
    assert env.engine.num_steps == 1  # type: ignore[attr-defined]


def test_spaces_need_no_engine(opened: list[FakeEngine]) -> None:
    env = IrokoEnv(SCENARIO)
    assert env.action_space.shape == (4,)
    assert env.observation_space.shape == (4 * 6 + 2 * 4,)
    env.close()
    assert opened == []


def test_an_opened_engine_is_closed_and_a_given_one_is_not(opened: list[FakeEngine]) -> None:
    env = IrokoEnv(SCENARIO)
    env.reset()
    env.reset()
    env.close()
    env.close()
    assert len(opened) == 1 and opened[0].num_closes == 1
    engine = FakeEngine(SCENARIO.fabric)
    for _ in range(2):
        given = IrokoEnv(SCENARIO, engine=engine)
        given.reset()
        given.close()
    assert engine.num_closes == 0


def test_an_engine_of_another_topology() -> None:
    with pytest.raises(InputError, match=r"engine of topology fattree: expected .* dumbbell"):
        IrokoEnv(SCENARIO, engine=FakeEngine(Scenario(topology="fattree").fabric))


def test_a_failing_engine_closes_the_environment(opened: list[FakeEngine]) -> None:
    env = IrokoEnv(SCENARIO)
    env.reset()
    opened[0].fail_at = 2
    env.step(np.ones(4))
    with pytest.raises(EngineError, match="told to fail"):
        env.step(np.ones(4))
    assert opened[0].num_closes == 1
    with pytest.raises(ClosedError, match="after close"):
        env.step(np.ones(4))


def test_bad_arguments() -> None:
    with pytest.raises(UnknownArgumentError, match="render_mode='ansi': expected None or one of human, rgb_array"):
        IrokoEnv(SCENARIO, render_mode="ansi")
    with pytest.raises(InputError, match="expected none"):
        make_env().reset(options={"transport": "nv"})
    with pytest.raises(InputError, match=r"unexpected keyword argument 'trafic'\. Did you mean 'traffic'"):
        gymnasium.make("iroko/FatTree-v0", trafic="stride")
    with pytest.raises(InputError, match="num_left"):
        gymnasium.make("iroko/FatTree-v0", num_left=3)
    with pytest.raises(InputError, match="k=3"):
        gymnasium.make("iroko/FatTree-v0", k=3)


def test_arguments_of_make_reach_the_scenario() -> None:
    env = gymnasium.make("iroko/Dumbbell-v0", num_left=3, rate_bps="1G", traffic="incast", reward="queue", seed=3).unwrapped
    assert isinstance(env, IrokoEnv)
    assert env.topology.num_hosts == 5
    assert env.topology.host_rates_bps == (1e9,) * 5
    assert (env.scenario.traffic, env.scenario.reward) == ("incast", "queue")
    assert gymnasium.make("iroko/FatTree-v0", k=2).unwrapped.action_space.shape == (2,)


def test_info_is_the_same_kind_at_every_step() -> None:
    env = make_env()
    _, info = env.reset()
    for _ in range(3):
        later = env.step(np.ones(4))[4]
        assert {key: type(value) for key, value in info.items()} == {key: type(value) for key, value in later.items()}


def run_python(code: str) -> str:
    """What the code prints in a new interpreter, where a warning is an error."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_iroko_loads_nothing_heavy() -> None:
    # The guest imports it, where each module costs.
    heavy = ["gymnasium", "torch", "pandas", "networkx", "numpy"]
    assert run_python(f"import sys, iroko; print([name for name in {heavy} if name in sys.modules])") == "[]"


@pytest.mark.parametrize(
    "imports",
    [
        "import gymnasium, iroko",
        "import iroko, gymnasium",
        "import iroko.envs.environment, gymnasium",
        "from iroko import Scenario; import gymnasium.spaces, gymnasium",
    ],
)
def test_ids_are_registered_by_importing(imports: str) -> None:
    assert run_python(f"{imports}; print(gymnasium.spec('iroko/FatTree-v0').id)") == "iroko/FatTree-v0"


def test_lazy_attributes() -> None:
    assert iroko.Scenario is Scenario
    assert iroko.IrokoEnv is IrokoEnv
    assert set(iroko.__all__) <= set(dir(iroko))
    with pytest.raises(AttributeError, match="no attribute 'Senario'"):
        _ = iroko.Senario
