"""Training: progress, the learning curve, checkpoints, and engines that are closed whatever happens."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import iroko.envs.slots
from iroko.agent import Progress, make_agent
from iroko.errors import EngineError, InputError
from iroko.run.train import CURVE, load_checkpoint, save_checkpoint, train
from iroko.scenario import Scenario
from iroko.topology import Topology
from tests.fake_engine import FakeEngine, fake_opener

SCENARIO = Scenario(episode_s=2.0, interval_s=0.1)
TOPOLOGY = SCENARIO.fabric
OBSERVATION = np.zeros(32, dtype=np.float32)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    engines: list[FakeEngine] = []
    monkeypatch.setattr(iroko.envs.slots, "open_engine", fake_opener(engines))
    return engines


def ppo(seed: int = 0) -> Any:
    return make_agent("ppo", SCENARIO, TOPOLOGY, seed)


def test_training_reports_every_step_and_returns_the_learning_curve(opened: list[FakeEngine]) -> None:
    seen: list[Progress] = []
    curve = train(ppo(), SCENARIO, "guest", 256, 2, 0, seen.append)
    assert [progress.num_steps for progress in seen] == list(range(2, 257, 2))
    assert {progress.total_steps for progress in seen} == {256}
    assert seen[0].episode_reward is None and seen[-1].episode_reward is not None
    # Two environments with episodes of 20 steps end an episode each at every 40th step.
    assert curve.columns.tolist() == ["step", "episode_reward", "wall_s"]
    assert curve["step"].tolist() == [step for step in range(40, 257, 40) for _ in range(2)]
    assert curve["wall_s"].is_monotonic_increasing
    assert seen[-1].episode_reward == pytest.approx(curve["episode_reward"].iloc[-2:].mean())
    assert [engine.num_closes for engine in opened] == [1, 1]


def test_equal_seeds_give_equal_curves_and_agents(opened: list[FakeEngine]) -> None:
    agents, curves = [], []
    for _ in range(2):
        agents.append(ppo(4))
        curves.append(train(agents[-1], SCENARIO, "guest", 256, 2, 7).drop(columns="wall_s"))
    pd.testing.assert_frame_equal(curves[0], curves[1])
    assert np.array_equal(agents[0].act(OBSERVATION), agents[1].act(OBSERVATION))
    # Each environment draws by its own seed, and both trainings by the same.
    seeds = [[seed for _, _, seed in engine.resets] for engine in opened]
    assert seeds[0] == seeds[2] and seeds[1] == seeds[3] and seeds[0] != seeds[1]


def test_the_seed_decides_the_traffic(opened: list[FakeEngine]) -> None:
    for seed in (1, 2):
        train(ppo(), SCENARIO, "guest", 128, 1, seed)
    assert opened[0].resets[0][2] != opened[1].resets[0][2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_training_that_is_broken_off_closes_its_engines_and_leaves_a_checkpoint(
    error: type[BaseException], opened: list[FakeEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.run.train.SECTION_STEPS", {"guest": 128})

    def stop(progress: Progress) -> None:
        if progress.num_steps >= 150:
            raise error

    with pytest.raises(error):
        train(ppo(), SCENARIO, "guest", 512, 1, 0, stop, tmp_path / "checkpoint")
    assert [engine.num_closes for engine in opened] == [1, 1]
    resumed = ppo()
    assert load_checkpoint(resumed, tmp_path / "checkpoint")
    assert resumed.num_steps_done == 128  # a section of six episodes, of 120 steps, ends with an update


def test_an_engine_that_fails_ends_the_training_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[FakeEngine] = []

    def open_failing(name: str, topology: Topology, seed: int = 0) -> FakeEngine:
        engines.append(FakeEngine(topology, fail_at=30))
        return engines[-1]

    monkeypatch.setattr(iroko.envs.slots, "open_engine", open_failing)
    with pytest.raises(EngineError, match="told to fail at step 30"):
        train(ppo(), SCENARIO, "guest", 256, 2, 0)
    assert len(engines) == 2 and all(engine.num_closes for engine in engines)


def test_a_resumed_training_goes_on_from_its_checkpoint_with_other_traffic(opened: list[FakeEngine], tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    first = train(ppo(), SCENARIO, "guest", 128, 1, 0, None, folder)
    seen: list[Progress] = []
    agent = ppo()
    whole = train(agent, SCENARIO, "guest", 256, 1, 0, seen.append, folder)
    assert seen[0].num_steps == 129 and agent.num_steps_done == 256
    pd.testing.assert_frame_equal(whole.iloc[: len(first)], first)
    assert whole["step"].is_monotonic_increasing and whole["wall_s"].is_monotonic_increasing
    # The first training ended with step 128, in the middle of an episode, which the second does not take up.
    assert whole["step"].tolist() == [20, 40, 60, 80, 100, 120, 148, 168, 188, 208, 228, 248]
    assert opened[0].resets[0][2] != opened[1].resets[0][2]


def test_a_training_that_is_done_opens_nothing(opened: list[FakeEngine], tmp_path: Path) -> None:
    curve = train(ppo(), SCENARIO, "guest", 128, 1, 0, None, tmp_path / "checkpoint")
    opened.clear()
    again = train(ppo(), SCENARIO, "guest", 128, 1, 0, None, tmp_path / "checkpoint")
    assert opened == []
    pd.testing.assert_frame_equal(curve, again)


def test_a_section_is_whole_episodes_and_ends_with_a_checkpoint(
    opened: list[FakeEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.run.train.SECTION_STEPS", {"guest": 70})
    steps: list[int] = []
    monkeypatch.setattr("iroko.run.train.save_checkpoint", lambda agent, *rest: steps.append(agent.num_steps_done))
    train(ppo(), SCENARIO, "guest", 300, 2, 0, None, tmp_path / "checkpoint")
    # Two environments of 20 steps: 80 steps a section, which goes on to the next update, every 128 steps.
    assert steps == [128, 256, 384]
    assert [engine.num_closes for engine in opened] == [1] * 6
    seeds = [engine.resets[0][2] for engine in opened]
    assert len(set(seeds)) == 6


class _Killed(BaseException):
    pass


@pytest.mark.parametrize(
    ("name", "deployment"),
    [("ppo", "central"), ("ppo", "hosts"), ("a2c", "central"), ("reinforce", "central"), ("ddpg", "central"), ("ddpg", "hosts"),
     ("td3", "central"), ("sac", "central"), ("ars", "central"), ("ars", "hosts")],
)  # fmt: skip
def test_a_training_that_was_killed_ends_with_the_same_agent(
    name: str, deployment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.run.train.SECTION_STEPS", {"sim": 160})
    scenario = Scenario(episode_s=2.0, interval_s=0.1, deployment=deployment)

    def learn(folder: Path, stop_at: int = 1 << 60) -> tuple[Any, pd.DataFrame]:
        def stop(progress: Progress) -> None:
            if progress.num_steps >= stop_at:
                raise _Killed
            # Time goes on over all sections.
            assert folder.name != "whole" or progress.virtual_s == pytest.approx(progress.num_steps * 0.1)

        agent = make_agent(name, scenario, TOPOLOGY, 3)
        return agent, train(agent, scenario, "sim", 400, 4, 5, stop, folder)

    whole, curve = learn(tmp_path / "whole")
    for stop_at in (20, 300):
        with pytest.raises(_Killed):
            learn(tmp_path / "broken", stop_at)
    resumed, again = learn(tmp_path / "broken")
    columns = ["step", "episode_reward"]
    pd.testing.assert_frame_equal(curve[columns], again[columns], check_exact=True)
    assert resumed.num_steps_done == whole.num_steps_done
    whole.save(tmp_path / "model")
    resumed.save(tmp_path / "other")
    stored = [torch.load(tmp_path / path / "weights.pt", weights_only=True) for path in ("model", "other")]
    assert _flat(stored[0]) == _flat(stored[1])


def _flat(state: Any) -> Any:
    """A stored state as plain values, which compare exactly."""
    if isinstance(state, dict):
        return {key: _flat(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [_flat(value) for value in state]
    return state.tolist() if isinstance(state, torch.Tensor) else state


def test_a_checkpoint_survives_a_machine_that_stops_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "checkpoint"
    agent = ppo(1)
    curve = pd.DataFrame({"step": [20], "episode_reward": [1.5], "wall_s": [0.1]})
    save_checkpoint(agent, curve, folder)
    expected = agent.act(OBSERVATION)
    # While the new one is written, and between the two renames.
    (tmp_path / "checkpoint.new").mkdir()
    folder.rename(tmp_path / "checkpoint.old")
    resumed = ppo(2)
    assert load_checkpoint(resumed, folder)
    assert np.array_equal(resumed.act(OBSERVATION), expected)
    save_checkpoint(agent, curve, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint"]


def test_an_empty_or_missing_checkpoint_is_none(tmp_path: Path) -> None:
    assert not load_checkpoint(ppo(), tmp_path / "missing")
    assert not load_checkpoint(ppo(), tmp_path)


def test_a_broken_curve_is_an_error(opened: list[FakeEngine], tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    train(ppo(), SCENARIO, "guest", 128, 1, 0, None, folder)
    (folder / CURVE).write_text("step,episode_reward\n1,2\n")
    with pytest.raises(InputError, match=r"curve\.csv is broken"):
        train(ppo(), SCENARIO, "guest", 256, 1, 0, None, folder)
    assert len(opened) == 1


def test_tensorboard_logs_are_written_where_asked_and_nowhere_else(
    opened: list[FakeEngine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    train(ppo(), SCENARIO, "guest", 256, 1, 0, None, None, tmp_path / "logs")
    assert [path.name.startswith("events.out") for path in (tmp_path / "logs").iterdir()] == [True]
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(("agent", "steps", "message"), [("nv", 10, "agent nv does not learn"), ("ppo", 0, "num_steps=0")])
def test_what_cannot_be_trained_is_an_error_before_anything_starts(agent: str, steps: int, message: str, opened: list[FakeEngine]) -> None:
    with pytest.raises(InputError, match=message):
        train(make_agent(agent, SCENARIO, TOPOLOGY), SCENARIO, "guest", steps, 1, 0)
    assert opened == []
