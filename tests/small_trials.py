"""Small trials of per-flow policies, for tests of what learns from them."""

from iroko.agents._flow_tasks import dumbbell
from iroko.envs.flow_trials import Trials, scenario_trial
from iroko.scenario import Scenario

SCENARIO = Scenario(deployment="flows", topology_parameters={"rate_bps": 1e9, "delay_s": 5e-5}, traffic="pairs",
                    traffic_parameters={"size_bytes": 50_000}, interval_s=0.01, episode_s=0.01)  # fmt: skip
ENDLESS = dumbbell(2, 1e9, 2e-6, 10, 0.01, [0.0, 0.001], 7)
FINITE = scenario_trial(SCENARIO, 3)


def make_trials(num_envs: int = 16) -> Trials:
    return Trials(SCENARIO, num_envs, 1)
