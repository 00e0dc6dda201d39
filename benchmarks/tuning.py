"""How the learners' settings were found: `python -m benchmarks.tuning AGENT [--set KEY=VALUE ...] [--on NAME] [--seeds 100,101]`.

Trains in the simulator at the settings of 2018 (10 Mbit/s, queues of 500 packets, steps of 0.5 s), on patterns and seeds other than those
that are scored, and prints the reward of each step beside those of baselines. The figures in the learners' files are from one or two
seeds of these scenarios, before a training was cut into sections: expect them to come out near, not equal.
"""

import argparse
import time
from typing import Any

import numpy as np

from iroko.agent import make_agent
from iroko.run.evaluate import evaluate
from iroko.run.train import train
from iroko.rundir.config import DEFAULT_ENVS, DEFAULT_STEPS, read_setting
from iroko.scenario import Scenario

_COMMON: dict[str, Any] = {"interval_s": 0.5, "episode_s": 20.0}
SCENARIOS = {
    "dumbbell": Scenario(**_COMMON, traffic="stride"),
    "fattree": Scenario(**_COMMON, topology="fattree", traffic="stride", traffic_parameters={"step": 7}),
    "permutation": Scenario(**_COMMON, topology="fattree", traffic="permutation"),
}
BASELINES = ("nv", "dctcp", "maxmin")
EPISODES = 4


def train_and_score(name: str, scenario: Scenario, seed: int, settings: dict[str, object], steps: int) -> float:
    """The mean reward of a step, in the simulator, after a training of this seed; a baseline is scored as it is."""
    agent = make_agent(name, scenario, scenario.fabric, seed, **settings)
    if agent.learns:
        train(agent, scenario, "sim", steps, DEFAULT_ENVS["sim"], seed)
    return float(evaluate(agent, scenario, "sim", EPISODES, seed).steps["reward"].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("agent", metavar="AGENT")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="one of the agent's settings; again for more")
    parser.add_argument("--on", action="append", choices=sorted(SCENARIOS), help="default: dumbbell and fattree")
    parser.add_argument("--seeds", default="100,101", help="of the trainings, with commas between")
    parser.add_argument("--steps", type=int, default=DEFAULT_STEPS, help="of each training")
    options = parser.parse_args()
    settings = {key: value for text in options.set for key, value in read_setting(f"agent.{text}")["agent"].items()}
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for on in options.on or ("dumbbell", "fattree"):
        for baseline in BASELINES:
            print(f"{on:12} {baseline:10} {train_and_score(baseline, SCENARIOS[on], seeds[0], {}, 0):8.3f}", flush=True)
        rewards = []
        for seed in seeds:
            started = time.process_time()
            rewards.append(train_and_score(options.agent, SCENARIOS[on], seed, settings, options.steps))
            print(f"{on:12} {options.agent:10} {rewards[-1]:8.3f}  seed {seed}, {time.process_time() - started:.0f} s of CPU", flush=True)
        print(
            f"{on:12} {options.agent:10} {np.mean(rewards):8.3f}  mean, least {min(rewards):.3f}, greatest {max(rewards):.3f}", flush=True
        )


if __name__ == "__main__":
    main()
