"""Scoring a scheme: every measurement of some episodes, in two tables."""

import dataclasses
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from iroko.agent import Agent, Progress, blamed_on
from iroko.engines.base import Clock, Engine
from iroko.engines.open import open_engine
from iroko.envs.environment import IrokoEnv
from iroko.envs.info import TERM
from iroko.errors import InputError
from iroko.flows import Flow
from iroko.policy.choice import check_policy
from iroko.policy.format import Policy, write_policy
from iroko.rundir.record_size import FLOW_COLUMNS, HOST_COLUMNS, PORT_COLUMNS, TRANSPORT, check_records
from iroko.scenario import Scenario
from iroko.seeds import scored_episode_seed, scoring_engine_seed
from iroko.snapshot import Snapshot


@dataclass(frozen=True)
class Records:
    """What a scheme did in its scored episodes.

    Attributes:
        scheme: its name.
        transport: what it ran over.
        steps: one row for each step. Columns: `scheme`, `episode`, `step` (from 0), `time_s`, `interval_s`, `reward`, one
            `reward_TERM` for each term of the reward, `goodput_bps` (application bytes that arrived, all hosts), and the
            snapshot's arrays as lists: `HOST_COLUMNS` of num_hosts, `PORT_COLUMNS` of num_ports, `FLOW_COLUMNS` of num_flows.
        flows: one row for each flow of each episode: `scheme`, `episode`, `flow`, `source`, `destination`, `start_s`,
            `size_bytes` (missing: endless), `delivered_bytes`, `completion_s` (missing: not finished), and `transport` where flows
            run over one of their own.
        clock: how the engine's time ran against real time.
        engine: what the engine says of itself.
    """

    scheme: str
    transport: str
    steps: pd.DataFrame
    flows: pd.DataFrame
    clock: Clock
    engine: dict[str, str]


def evaluate(
    agent: Agent,
    scenario: Scenario,
    engine_name: str,
    episodes: int,
    seed: int,
    on_step: Callable[[Progress], None] | None = None,
) -> Records:
    """Run a scheme in an engine of its own, opened and closed here.

    All schemes that are scored with one seed see the same flows; the seed of each episode is derived from it, see `iroko.seeds`. A
    scheme with a transport of its own runs over that one, the others over the scenario's.

    Args:
        on_step: called after every step.

    Raises:
        InputError: `episodes` is below 1, the seed below 0, or the memory cannot hold the records.
        UnsupportedError: the engine cannot run here, or lacks the transport.
        EngineError: the engine failed; it is closed then.
    """
    if episodes < 1:
        raise InputError(f"episodes={episodes}: expected 1 or more")
    if seed < 0:
        raise InputError(f"seed={seed}: expected 0 or more")
    check_records(scenario, episodes)
    scenario = dataclasses.replace(scenario, transport=agent.transport or scenario.transport)
    with ExitStack() as stack:
        if (policy := agent.policy) is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="iroko-policy-")))
            scenario = _with_policy(scenario, policy, folder / "policy.json")
        engine = open_engine(engine_name, scenario.fabric, scoring_engine_seed(seed))
        stack.callback(engine.close)
        tables = _Tables(agent.name, scenario.transport)
        env = IrokoEnv(scenario, engine=engine)
        for episode in range(episodes):
            _run_episode(agent, env, engine, episode, episodes, scored_episode_seed(seed, episode), tables, on_step)
        description = dict(engine.describe())
    return Records(
        scheme=agent.name,
        transport=scenario.transport,
        steps=pd.DataFrame(tables.steps),
        flows=_flow_table(tables.flows, scenario.transport),
        clock=dataclasses.replace(engine.clock),  # whole only now
        engine=description,
    )


def _with_policy(scenario: Scenario, policy: Policy, path: Path) -> Scenario:
    """The scenario with an agent's policy, which a scenario names by a file."""
    write_policy(policy, path)
    return dataclasses.replace(scenario, policy=str(path), policy_sha256=check_policy(str(path), ""))


@dataclass
class _Tables:
    """Rows as they come."""

    scheme: str
    transport: str
    steps: list[dict[str, Any]] = field(default_factory=list)
    flows: list[dict[str, Any]] = field(default_factory=list)
    last_reward: float | None = None

    def add_step(self, episode: int, step: int, reward: float, info: dict[str, Any], snapshot: Snapshot) -> None:
        row: dict[str, Any] = {"scheme": self.scheme, "episode": episode, "step": step}
        row |= {"time_s": snapshot.time_s, "interval_s": snapshot.interval_s, "reward": reward}
        row |= {key: value for key, value in info.items() if key.startswith(TERM)}
        row["goodput_bps"] = info["goodput_bps"]
        for name in (*HOST_COLUMNS, *PORT_COLUMNS, *FLOW_COLUMNS):
            row[name] = getattr(snapshot, name).copy()
        self.steps.append(row)

    def add_flows(self, episode: int, flows: list[Flow], delivered_bytes: list[int], last: Snapshot) -> None:
        for index, flow in enumerate(flows):
            self.flows.append({
                "scheme": self.scheme, "episode": episode, "flow": index, "source": flow.source, "destination": flow.destination,
                "start_s": float(flow.start_s), "size_bytes": flow.size_bytes, "delivered_bytes": delivered_bytes[index],
                "completion_s": float(last.flow_completion_s[index]), TRANSPORT: flow.transport or self.transport,
            })  # fmt: skip


def _run_episode(
    agent: Agent,
    env: IrokoEnv,
    engine: Engine,
    episode: int,
    episodes: int,
    seed: int,
    tables: _Tables,
    on_step: Callable[[Progress], None] | None,
) -> None:
    observation, _ = env.reset(seed=seed)
    with blamed_on(agent, "start"):
        agent.start(env.topology, env.flows)
    delivered_bytes = env.snapshot.flow_bytes.copy()
    total_reward, step, over = 0.0, 0, False
    per_episode = env.scenario.num_steps
    while not over:
        with blamed_on(agent, f"act in step {step} of episode {episode}"):
            env.begin_step(agent.act(observation))
        observation, reward, terminated, truncated, info = env.finish_step()
        over = terminated or truncated
        tables.add_step(episode, step, reward, info, env.snapshot)
        delivered_bytes = delivered_bytes + env.snapshot.flow_bytes
        total_reward += reward
        step += 1
        if over:
            tables.last_reward = total_reward
        if on_step is not None:
            # An episode whose flows are all done before its end counts as whole.
            done = episode * per_episode + (per_episode if over else step)
            clock = engine.clock
            on_step(Progress(done, episodes * per_episode, tables.last_reward, clock.virtual_s, clock.real_s))
    tables.add_flows(episode, env.flows, delivered_bytes.tolist(), env.snapshot)


def _flow_table(rows: list[dict[str, Any]], transport: str) -> pd.DataFrame:
    names = ["scheme", "episode", "flow", "source", "destination", "start_s", "size_bytes", "delivered_bytes", "completion_s"]
    if any(row[TRANSPORT] != transport for row in rows):
        names.append(TRANSPORT)
    table = pd.DataFrame(rows, columns=names)
    # Nullable types, so that an endless flow's size and an unfinished flow's time are missing values in every format.
    types = {"episode": "int64", "flow": "int64", "start_s": "float64", "size_bytes": "Int64", "delivered_bytes": "int64"}
    table["completion_s"] = table["completion_s"].astype("Float64")
    return table.astype(types)
