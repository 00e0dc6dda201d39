"""How much memory the records of scored episodes take, and what is refused."""

import tracemalloc

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.flows import Flow
from iroko.run.evaluate import _Tables, evaluate
from iroko.rundir.config import make_config
from iroko.rundir.record_size import MAX_RECORDS_BYTES, check_records, records_bytes
from iroko.scenario import Scenario
from iroko.topologies.dumbbell import dumbbell
from tests.fake_engine import make_snapshot

MANY_FLOWS = {"topology": {"name": "star", "num_hosts": 101}, "traffic": {"name": "random", "flows_per_host": 990}}


def test_a_hundred_thousand_flows_in_twenty_thousand_steps_are_refused_before_the_run() -> None:
    # 16 GB of flow_bytes alone.
    table = MANY_FLOWS | {"environment": {"interval_s": 0.001, "episode_s": 20.0}, "run": {"engine": "sim", "episodes": 1}}
    with pytest.raises(InputError, match="20,000 steps on 101 hosts and 202 ports with 99,990 flows: their records"):
        make_config(table)
    table["environment"] = {"interval_s": 0.1, "episode_s": 20.0}
    assert make_config(table).episodes == 1


def test_the_rows_of_many_flows_in_many_episodes_count_too() -> None:
    table = MANY_FLOWS | {"environment": {"interval_s": 1.0, "episode_s": 1.0}, "run": {"engine": "sim", "episodes": 2000}}
    with pytest.raises(InputError, match="records would be more than 16 GB"):
        make_config(table)


def test_the_limit_is_exact() -> None:
    scenario = Scenario(interval_s=0.1, episode_s=20.0)
    topology = scenario.fabric
    one = records_bytes(1, 200, topology.num_hosts, topology.num_ports, len(scenario.make_flows(topology, np.random.default_rng(0))))
    most = int(MAX_RECORDS_BYTES // one)
    check_records(scenario, most)
    with pytest.raises(InputError, match=f"episodes={most + 1} of 200 steps"):
        check_records(scenario, most + 1)


def test_evaluate_refuses_it_before_an_engine_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    from iroko.agent import make_agent

    monkeypatch.setattr("iroko.run.evaluate.open_engine", lambda *_: pytest.fail("an engine was opened"))
    scenario = Scenario(interval_s=0.001, episode_s=1000.0)
    with pytest.raises(InputError, match="records would be more than 16 GB"):
        evaluate(make_agent("static", scenario, scenario.fabric), scenario, "sim", 100, seed=1)


@pytest.mark.parametrize("num_flows", [4, 1000])
def test_the_estimate_is_near_the_memory_that_python_takes(num_flows: int) -> None:
    topology, num_steps = dumbbell(), 500
    snapshot = make_snapshot(topology, num_flows)
    flows = [Flow("h0", "h2", index / 7, index + 1000) for index in range(num_flows)]
    tables = _Tables("nv", "nv")
    tracemalloc.start()
    for step in range(num_steps):
        info = {"reward_terms": {"bandwidth": step + 0.5, "queue": step + 1.5}, "goodput_bps": step + 2.5}
        tables.add_step(0, step, step + 3.5, info, snapshot)
    tables.add_flows(0, flows, [10**6 + index for index in range(num_flows)], snapshot)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Part of the estimate is for the data frames that are made of the rows.
    assert 0.7 < taken / records_bytes(1, num_steps, topology.num_hosts, topology.num_ports, num_flows) < 1.0
