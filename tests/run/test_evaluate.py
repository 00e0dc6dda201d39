"""Scoring: the same flows for every scheme, tables that say what the engine measured, and an engine that is always closed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import iroko.run.evaluate
from iroko.agent import Progress, make_agent
from iroko.errors import EngineError, InputError
from iroko.run.evaluate import Records, evaluate
from iroko.rundir.record_size import FLOW_COLUMNS, HOST_COLUMNS, PORT_COLUMNS
from iroko.scenario import Scenario
from iroko.topology import Topology
from tests.fake_engine import FakeEngine, fake_opener

SCENARIO = Scenario(episode_s=1.0, traffic="random", topology_parameters={"num_left": 3, "num_right": 3})


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    engines: list[FakeEngine] = []
    monkeypatch.setattr(iroko.run.evaluate, "open_engine", fake_opener(engines))
    return engines


def score(name: str, scenario: Scenario = SCENARIO, episodes: int = 2, seed: int = 5) -> Records:
    return evaluate(make_agent(name, scenario, scenario.fabric, 0), scenario, "guest", episodes, seed)


def test_every_scheme_sees_the_same_flows_each_over_its_transport(opened: list[FakeEngine]) -> None:
    records = [score(name) for name in ("nv", "dctcp", "static", "maxmin")]
    resets = [engine.resets for engine in opened]
    assert [[flows for flows, _, _ in each] for each in resets] == [[flows for flows, _, _ in resets[0]]] * 4
    assert [[seed for _, _, seed in each] for each in resets] == [[seed for _, _, seed in resets[0]]] * 4
    assert resets[0][0][0] != resets[0][1][0]
    assert [each[0][1] for each in resets] == ["nv", "dctcp", "udp", "udp"]
    assert [record.transport for record in records] == ["nv", "dctcp", "udp", "udp"]
    assert [record.scheme for record in records] == ["nv", "dctcp", "static", "maxmin"]
    for other in records[1:]:
        columns = ["episode", "flow", "source", "destination", "start_s", "size_bytes"]
        pd.testing.assert_frame_equal(records[0].flows[columns], other.flows[columns])


def test_a_learned_agent_runs_over_the_scenario_s_transport(opened: list[FakeEngine]) -> None:
    score("ppo", Scenario(episode_s=1.0, transport="cubic"), episodes=1)
    assert opened[0].resets[0][1] == "cubic"


def test_an_episode_does_not_depend_on_how_many_there_are(opened: list[FakeEngine]) -> None:
    score("static", episodes=3, seed=5)
    score("static", episodes=2, seed=5)
    assert opened[0].resets[:2] == opened[1].resets


def test_steps_hold_what_the_engine_measured(opened: list[FakeEngine]) -> None:
    steps = score("static").steps
    assert len(steps) == 20
    assert steps["episode"].tolist() == [0] * 10 + [1] * 10
    assert steps["step"].tolist() == [*range(10), *range(10)]
    assert steps["time_s"].tolist() == pytest.approx([0.1 * (step + 1) for step in range(10)] * 2)
    assert set(steps["scheme"]) == {"static"} and set(steps["interval_s"]) == {0.1}
    assert steps["reward"].tolist() == pytest.approx((steps["reward_bandwidth"] + steps["reward_queue"]).tolist())
    topology = SCENARIO.fabric
    sizes = dict.fromkeys(HOST_COLUMNS, 6) | dict.fromkeys(PORT_COLUMNS, topology.num_ports)
    for name, size in sizes.items():
        assert {len(value) for value in steps[name]} == {size}, name
    assert steps["limits_bps"].iloc[0].tolist() == [5e6] * 6
    received = np.array([value.sum() for value in steps["host_received_bytes"]])
    assert steps["goodput_bps"].tolist() == pytest.approx((received * 80).tolist())
    assert [value.sum() for value in steps["flow_bytes"]] == received.tolist()
    # The reward by hand: application bytes over 125,000, less 8 / 2 = 4 for each full queue of the 8 switch ports.
    ports = list(topology.switch_ports)
    queues = np.array([((value[ports] / 757_000) ** 2).sum() for value in steps["backlog_mean_bytes"]])
    assert len(ports) == 8
    assert steps["reward"].tolist() == pytest.approx((received / 125_000 - 4 * queues).tolist())


def test_flows_hold_sizes_and_completions_and_leave_out_what_is_not_there(opened: list[FakeEngine]) -> None:
    finite = Scenario(episode_s=2.0, traffic_parameters={"size_bytes": 200_000})
    flows = score("static", finite, episodes=1).flows
    # 200,000 bytes with their headers at 5 Mbit/s take 0.33 s; the model's ticks are 10 ms.
    assert flows["delivered_bytes"].tolist() == pytest.approx([200_000] * 2, abs=5)
    assert flows["completion_s"].tolist() == pytest.approx([0.33, 0.33], abs=0.02)
    assert flows["size_bytes"].tolist() == [200_000] * 2
    endless = score("static", Scenario(episode_s=1.0), episodes=2).flows
    assert endless["size_bytes"].isna().all() and endless["completion_s"].isna().all()
    assert endless["episode"].tolist() == [0, 0, 1, 1] and endless["flow"].tolist() == [0, 1, 0, 1]
    for table in (flows, endless):
        assert (str(table["size_bytes"].dtype), str(table["completion_s"].dtype)) == ("Int64", "Float64")
    assert endless["delivered_bytes"].tolist() == pytest.approx([5e6 / 8 * 1472 / 1514] * 4, rel=0.02)


def test_an_episode_ends_with_its_flows_and_counts_as_whole(opened: list[FakeEngine]) -> None:
    scenario = Scenario(episode_s=2.0, traffic_parameters={"size_bytes": 200_000})
    seen: list[Progress] = []
    agent = make_agent("static", scenario, scenario.fabric)
    records = evaluate(agent, scenario, "guest", 2, 0, seen.append)
    assert len(records.steps) == 8
    assert [progress.num_steps for progress in seen] == [1, 2, 3, 20, 21, 22, 23, 40]
    assert {progress.total_steps for progress in seen} == {40}
    assert seen[2].episode_reward is None
    assert seen[3].episode_reward == pytest.approx(records.steps["reward"][:4].sum())


def test_equal_seeds_give_equal_files_and_another_seed_does_not(opened: list[FakeEngine], tmp_path: Path) -> None:
    contents = []
    for seed in (5, 5, 6):
        records = score("random", seed=seed)
        records.steps.to_parquet(tmp_path / "steps.parquet")
        records.flows.to_parquet(tmp_path / "flows.parquet")
        contents.append(((tmp_path / "steps.parquet").read_bytes(), (tmp_path / "flows.parquet").read_bytes()))
        read = pd.read_parquet(tmp_path / "steps.parquet")
        for name in (*HOST_COLUMNS, *PORT_COLUMNS, *FLOW_COLUMNS):
            assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(read[name], records.steps[name], strict=True)), name
    assert contents[0] == contents[1]
    assert contents[0][0] != contents[2][0] and contents[0][1] != contents[2][1]


def test_the_clock_and_the_description_are_the_engine_s(opened: list[FakeEngine]) -> None:
    records = score("static")
    assert records.engine == {"engine": "fake"}
    assert records.clock == opened[0].clock and records.clock is not opened[0].clock


def test_the_engine_is_closed_after_scoring_and_after_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    engines: list[FakeEngine] = []
    fail_at: list[int | None] = [None]

    def open_fake(name: str, topology: Topology, seed: int = 0) -> FakeEngine:
        engines.append(FakeEngine(topology, fail_at=fail_at[0]))
        return engines[-1]

    monkeypatch.setattr(iroko.run.evaluate, "open_engine", open_fake)
    score("static")
    fail_at[0] = 3
    with pytest.raises(EngineError, match="step 3"):
        score("static")
    assert [engine.num_closes for engine in engines] == [1, 1]

    def interrupt(progress: Progress) -> None:
        raise KeyboardInterrupt

    fail_at[0] = None
    with pytest.raises(KeyboardInterrupt):
        evaluate(make_agent("static", SCENARIO, SCENARIO.fabric), SCENARIO, "guest", 1, 0, interrupt)
    assert [engine.num_closes for engine in engines] == [1, 1, 1]


@pytest.mark.parametrize(("episodes", "seed", "message"), [(0, 0, "episodes=0"), (1, -1, "seed=-1")])
def test_nothing_to_score_is_an_error_before_an_engine_opens(episodes: int, seed: int, message: str, opened: list[FakeEngine]) -> None:
    with pytest.raises(InputError, match=message):
        score("static", episodes=episodes, seed=seed)
    assert opened == []
