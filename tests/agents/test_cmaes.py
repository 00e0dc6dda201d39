"""CMA-ES over per-flow policies: a search that goes on as if it had never stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iroko.agent import make_agent
from iroko.agents import cmaes
from iroko.engines.open import default_engine
from iroko.errors import InputError
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import read_policy
from iroko.policy.words import FEATURE_NAMES
from iroko.run.evaluate import evaluate
from iroko.run.train import train
from iroko.rundir.config import make_config
from tests.small_trials import ENDLESS, FINITE, SCENARIO, make_trials


def make(seed: int = 1, **settings: Any) -> Any:
    return make_agent("cmaes", SCENARIO, SCENARIO.fabric, seed, **{"population": 4, "guard": 4.0} | settings)


@pytest.fixture
def small_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cmaes, "draw_trials", lambda rng: [replace(ENDLESS, seed=int(rng.integers(1000))), FINITE])


def test_the_search_starts_at_the_policy_that_is_close_to_dctcp() -> None:
    start, like = make().policy, dctcp_like(4096)
    assert (start.output, start.skip, start.output_bias, start.hidden[0]) == (like.output, like.skip, like.output_bias, like.hidden[0])
    assert start.hidden[1:] != like.hidden[1:] and start.card.guard == 4096
    found = make_trials().run(FINITE, [start, like])
    assert np.array_equal(found[0].slowdowns, found[1].slowdowns)


def test_a_training_that_was_broken_off_gives_the_same_bytes(small_trials: None, tmp_path: Path) -> None:
    """Also with another number of policies side by side, and with TensorBoard."""
    whole, parts = make(), make()
    train(whole, SCENARIO, "sim", 144, 16, 1, None, tmp_path / "whole", tmp_path / "logs")
    seen = []

    def stop(progress: Any) -> None:
        seen.append(progress.num_steps)
        if progress.num_steps >= 72:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(parts, SCENARIO, "sim", 144, 3, 1, stop, tmp_path / "parts")
    assert seen == list(range(8, 73, 8))
    parts = make()
    curve = train(parts, SCENARIO, "sim", 144, 3, 1, None, tmp_path / "parts")
    assert curve["step"].tolist() == [step for step in range(8, 145, 8) for _ in range(4)]
    for agent, name in ((whole, "one"), (parts, "two")):
        agent.save(tmp_path / name)
    for file in ("policy.json", "weights.pt", "agent.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    assert list((tmp_path / "logs").iterdir())
    assert whole.policy != make().policy
    other = make(seed=2)
    train(other, SCENARIO, "sim", 8, 16, 2)
    assert other.policy.hidden != whole.policy.hidden


def test_a_saved_agent_is_scored_under_its_policy(small_trials: None, tmp_path: Path) -> None:
    agent = make()
    train(agent, SCENARIO, "sim", 40, 16, 1)
    agent.save(tmp_path)
    loaded = make()
    loaded.load(tmp_path)
    assert read_policy(tmp_path / "policy.json") == agent.policy == loaded.policy
    records = [evaluate(one, SCENARIO, "sim", 1, 1).flows["completion_s"].to_numpy() for one in (agent, loaded)]
    assert np.array_equal(records[0], records[1])
    # A policy that hardly sends shows that it is the agent's own that decides.
    slow = make()
    slow._mean = np.r_[np.zeros(20), -16.0, -4.0, -4.0]
    assert evaluate(slow, SCENARIO, "sim", 1, 1).flows["completion_s"].mean() > records[0].mean() * 1.2


def test_a_model_of_other_settings_or_with_broken_weights_is_refused(tmp_path: Path) -> None:
    make().save(tmp_path)
    with pytest.raises(InputError, match="settings"):
        make(guard=2.0).load(tmp_path)
    (tmp_path / "weights.pt").write_bytes(b"x")
    with pytest.raises(InputError, match="is broken"):
        make().load(tmp_path)


@pytest.mark.parametrize(("settings", "said"), [
    ({"population": 3}, "population=3"), ({"guard": 0.5}, "guard=0.5"), ({"guard": 65.0}, "guard=65"), ({"sigma": 0.0}, "sigma=0"),
    ({"round_trips": 1}, "round_trips=1"), ({"objective": "slowdwn"}, "slowdown"), ({"trials": "all"}, "random"),
])  # fmt: skip
def test_settings_out_of_range(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make(**settings)


def test_each_deployment_has_its_own_learners() -> None:
    topology = SCENARIO.fabric
    with pytest.raises(InputError, match="--agent cmaes"):
        make_agent("ppo", SCENARIO, topology)
    with pytest.raises(InputError, match="--deployment flows"):
        make_agent("cmaes", replace(SCENARIO, deployment="central"), topology)
    with pytest.raises(InputError, match="train_engine='guest'"):
        train(make(), SCENARIO, "guest", 8, 1, 1)


def test_a_run_of_flows_learns_in_the_simulator_and_is_scored_as_any_other() -> None:
    config = make_config({"environment": {"deployment": "flows"}, "run": {"agents": "cmaes"}})
    assert config.train_engine == "sim" and config.engine == default_engine()


def test_a_policy_without_round_trip_times_has_no_weight_on_them(small_trials: None) -> None:
    agent = make(round_trips=False)
    train(agent, SCENARIO, "sim", 16, 16, 1)
    hidden, skip = np.array(agent.policy.hidden), np.array(agent.policy.skip)
    blind = [FEATURE_NAMES.index(name) for name in ("relative_delay", "delay", "own_queue", "rtt_change")]
    assert not hidden[:, blind].any() and not skip[blind].any()
    assert skip[FEATURE_NAMES.index("window")] != 0 and hidden[1:, FEATURE_NAMES.index("window")].all()
