"""Run folders with measurements made up by hand, for the tests of what reads them."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from iroko.analysis.score_table import print_table
from iroko.analysis.scores import score_schemes
from iroko.rundir.config import RunConfig, make_config
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import COMPLETE
from iroko.rundir.reader import RunData, read_run

INTERVAL_S = 0.5


def make_frames(
    config: RunConfig,
    scheme: str,
    num_steps: int = 4,
    load: float = 0.5,
    backlog_bytes: float = 1000.0,
    drops: int = 0,
    complete_s: Callable[[int, int], float] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every flow delivers `load` of its receiver's link, and every port on a flow's path holds `backlog_bytes`.

    Step and episode raise the reward by 1 and 10, which starts at 0. `complete_s` gives the completion time of each flow of each
    episode, NaN for one that did not finish; None: none did.
    """
    topology = config.scenario.fabric
    flows = config.scenario.make_flows(topology, np.random.default_rng(0))
    sent = int(load * topology.host_rates_bps[0] * INTERVAL_S / 8)
    steps: list[dict[str, Any]] = []
    for episode in range(config.episodes):
        for step in range(num_steps):
            port_bytes, backlogs = np.zeros(topology.num_ports, np.int64), np.zeros(topology.num_ports)
            received, own = np.zeros(topology.num_hosts, np.int64), np.zeros(topology.num_hosts, np.int64)
            for flow in flows:
                path = list(topology.static_path(flow.source, flow.destination))
                port_bytes[path] += sent
                backlogs[path] = backlog_bytes
                received[topology.host_index[flow.destination]] += sent
                own[topology.host_index[flow.source]] += sent
            port_drops = np.zeros(topology.num_ports, np.int64)
            port_drops[topology.switch_ports[0]] = drops
            steps.append({
                "scheme": scheme, "episode": episode, "step": step, "time_s": (step + 1) * INTERVAL_S, "interval_s": INTERVAL_S,
                "reward": float(10 * episode + step), "reward_bandwidth": float(10 * episode + step), "reward_queue": 0.0,
                "goodput_bps": received.sum() * 8 / INTERVAL_S, "limits_bps": np.array(topology.host_rates_bps),
                "host_sent_bytes": own, "host_received_bytes": received, "port_bytes": port_bytes,
                "port_packets": port_bytes // 1514, "port_drops": port_drops, "port_marks": 2 * port_drops,
                "backlog_bytes": backlogs.astype(np.int64), "backlog_mean_bytes": backlogs,
                "backlog_peak_bytes": backlogs.astype(np.int64), "flow_bytes": np.full(len(flows), sent),
            })  # fmt: skip
    rows = [
        {
            "scheme": scheme, "episode": episode, "flow": index, "source": flow.source, "destination": flow.destination,
            "start_s": flow.start_s, "size_bytes": flow.size_bytes, "delivered_bytes": sent * num_steps, "completion_s": np.nan,
        }
        for episode in range(config.episodes)
        for index, flow in enumerate(flows)
    ]  # fmt: skip
    if complete_s is not None:
        for row in rows:
            row["completion_s"] = complete_s(row["episode"], row["flow"])
    return pd.DataFrame(steps), pd.DataFrame(rows).astype({"size_bytes": "Int64"})


def make_run_config(**run: Any) -> RunConfig:
    """A short run on the dumbbell, which needs no engine."""
    topology = run.pop("topology", {"name": "dumbbell"})
    defaults = {"engine": "guest", "agents": ["ppo"], "baselines": ["nv", "maxmin"]}
    return make_config({"topology": topology, "environment": {"interval_s": INTERVAL_S, "episode_s": 2}, "run": defaults | run})


def make_run(path: Path, learning: bool = True, gain_in_training: float | None = None, **run: Any) -> RunData:
    """A complete run folder, in which the schemes differ in load and backlog.

    Args:
        gain_in_training: what each step's reward is higher by on the engine of the training, for all but the last scheme, which that
            engine does not have; None: nothing is scored there.
    """
    config = make_run_config(**run)
    folder = RunFolder(path, config)
    for number, scheme in enumerate(config.schemes):
        folder.write_scores(scheme, *make_frames(config, scheme, load=0.5 - 0.1 * number, backlog_bytes=1000.0 * (number + 1)))
    for number, scheme in enumerate(config.schemes[:-1] if gain_in_training is not None else ()):
        steps, flows = make_frames(config, scheme, load=0.5, backlog_bytes=500.0 * (number + 1))
        folder.write_scores(scheme, steps.assign(reward=steps["reward"] + gain_in_training), flows, config.train_engine)
    if learning:
        folder.write_learning(pd.DataFrame({"agent": "ppo", "step": [20, 40, 60], "reward": [-1.0, 0.5, 1.0]}))
    folder.join_scores()
    folder.mark(COMPLETE)
    folder.close()
    return read_run(path)


def printed(run: RunData, width: int = 80) -> str:
    """The table of a run as a terminal of this width shows it."""
    console = Console(width=width, record=True, file=io.StringIO())
    print_table(run, score_schemes(run), console)
    return console.export_text()
