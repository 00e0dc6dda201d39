"""Policies of all kinds in one table: equal behaviour gives equal numbers, whatever the object."""

from typing import Any

import numpy as np
import pytest

import iroko
from iroko.agent import make_agent
from iroko.errors import InputError
from iroko.run.compare import Compared

SCENARIO = iroko.Scenario(topology="dumbbell", traffic="pairs", interval_s=0.05, episode_s=0.3)


class Half:
    """Gives every host half of its link."""

    def act(self, observation: Any) -> Any:
        return np.full(4, 0.5)


class Stable:
    """As a model of Stable-Baselines3."""

    def __init__(self) -> None:
        self.states: list[Any] = []

    def predict(self, observation: Any, state: Any = None, episode_start: Any = None, deterministic: bool = False) -> tuple[Any, Any]:
        assert deterministic and observation.dtype == np.float32
        self.states.append(state)
        return np.full(4, 0.5, dtype=np.float32), (state or 0) + 1


@pytest.fixture(scope="module")
def compared() -> Compared:
    return iroko.compare({"half": Half(), "stable": Stable(), "nv": "nv", "maxmin": "maxmin"}, SCENARIO)


def test_one_row_for_each_scheme_and_episode(compared: Compared) -> None:
    frame = compared.frame
    assert list(frame)[:3] == ["scheme", "seed", "episode"] and frame["scheme"].drop_duplicates().tolist() == [
        "half",
        "stable",
        "nv",
        "maxmin",
    ]
    assert frame.groupby("scheme")["episode"].apply(list).map(tuple).unique().tolist() == [(0, 1)]


def test_equal_actions_have_equal_scores_and_others_do_not(compared: Compared) -> None:
    half, stable, nv, _ = compared.scores
    assert half.measures == stable.measures != nv.measures


def test_a_baseline_scores_as_in_a_run_of_the_same_seed(compared: Compared) -> None:
    from iroko.analysis.scores import mean_scores, measure_episodes
    from iroko.run.evaluate import evaluate

    topology = SCENARIO.fabric
    records = evaluate(make_agent("nv", SCENARIO, topology, 1), SCENARIO, "sim", 2, 1)
    (score,) = mean_scores(measure_episodes(topology, records.steps, records.flows, 1))
    assert score == compared.scores[2]


def test_the_table_is_that_of_the_main_command(compared: Compared) -> None:
    text = str(compared)
    assert "dumbbell, pairs in sim: 2 episodes of 0.3 s" in text and all(name in text for name in ("half", "stable", "nv", "maxmin"))
    line = next(line for line in text.splitlines() if line.strip().startswith("maxmin"))
    assert "*" not in line  # the oracle


def test_a_state_lives_for_one_episode() -> None:
    model = Stable()
    result = iroko.compare([model, "nv"], SCENARIO, episodes=2)
    assert result.frame["scheme"].drop_duplicates().tolist() == ["Stable", "nv"]
    assert model.states == [None, 1, 2, 3, 4, 5] * 2


def test_finite_flows_have_their_completions() -> None:
    scenario = iroko.Scenario(
        topology="dumbbell", traffic="pairs", traffic_parameters={"size_bytes": 20_000}, interval_s=0.05, episode_s=0.3
    )
    result = iroko.compare(["nv", "dctcp"], scenario, episodes=1)
    assert [score.total.flows for score in result.completions] == [2, 2] and "slowdown by flow size" in str(result)
    assert all(slowdown >= 1 for score in result.completions for slowdown in score.total.slowdown)


def test_policies_of_one_class_are_numbered() -> None:
    frame = iroko.compare([Half(), Half()], SCENARIO, episodes=1).frame
    assert frame["scheme"].tolist() == ["Half-1", "Half-2"]


@pytest.mark.parametrize(("schemes", "words"), [
    ([], "expected at least one"), (["ppo"], "train it and pass the object"),
    ([object()], "expected a name, or an object with predict or act"), (["nv", "nv"], "listed twice"), (["nw"], "did you mean 'nv'|nv"),
])  # fmt: skip
def test_what_cannot_be_compared_is_one_clear_error(schemes: list[Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        iroko.compare(schemes, SCENARIO)


def test_an_action_of_the_wrong_shape_names_the_policy() -> None:
    class Wrong:
        def act(self, observation: Any) -> Any:
            return np.ones(3)

    with pytest.raises(InputError, match="agent wrong"):
        iroko.compare({"wrong": Wrong()}, SCENARIO)


def test_a_model_of_stable_baselines3_is_compared_as_it_is() -> None:
    stable_baselines3 = pytest.importorskip("stable_baselines3")
    import gymnasium

    env = gymnasium.make("iroko/Dumbbell-v0", interval_s=0.05, episode_s=0.3)
    model = stable_baselines3.PPO("MlpPolicy", env, n_steps=12, batch_size=12, device="cpu").learn(12)
    env.close()
    frame = iroko.compare([model, "dctcp"], SCENARIO, episodes=1).frame
    assert frame["scheme"].tolist() == ["PPO", "dctcp"] and np.isfinite(frame["reward"]).all()
