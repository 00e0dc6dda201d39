"""Can hosts avoid queues if each sees nothing but its own flows?

`HostsEnv` is a PettingZoo environment: every host is an agent. Here each runs AIMD on its own rate limit: it backs off when fewer
bytes arrive than it sends, and probes for more otherwise.

    python examples/hosts_pettingzoo.py
"""

import numpy as np

from iroko.envs.host_observation import HOST_VIEW
from iroko.envs.hosts import HostsEnv
from iroko.scenario import Scenario

LIMIT, SENT, DELIVERED = (HOST_VIEW.index(name) for name in ("limit", "sent", "delivered"))


def aimd(observation: np.ndarray, min_fraction: float) -> np.ndarray:
    """The next limit of one host, as a fraction of its link rate, from its own observation, shape `(21,)`."""
    limit, sent, delivered = observation[[LIMIT, SENT, DELIVERED]]
    # Frames carry headers, so a little less is delivered than is sent even where nothing waits.
    is_congested = delivered < 0.9 * sent
    return np.array([np.clip(0.7 * limit if is_congested else limit + 0.02, min_fraction, 1)], dtype=np.float32)


def main(num_steps: int = 100) -> tuple[float, float]:
    """Play one episode and return goodput in bit/s and the mean queue in bytes over its second half."""
    scenario = Scenario(topology="dumbbell", traffic="pairs", interval_s=0.1, episode_s=num_steps * 0.1)
    env = HostsEnv(scenario, engine="sim", seed=1)
    observations, _ = env.reset(seed=1)
    goodputs_bps, queues_bytes = [], []
    while env.agents:  # empty once the episode has ended
        actions = {host: aimd(observations[host], scenario.min_fraction) for host in env.agents}
        observations, _, _, _, infos = env.step(actions)
        info = next(iter(infos.values()))  # each host's info is that of the whole fabric
        goodputs_bps.append(info["goodput_bps"])
        queues_bytes.append(info["queue_mean_bytes"])
    env.close()
    half = len(goodputs_bps) // 2
    goodput_bps, queue_bytes = float(np.mean(goodputs_bps[half:])), float(np.mean(queues_bytes[half:]))
    print(f"AIMD at every host: goodput {goodput_bps / 1e6:.1f} Mbit/s, mean queue {queue_bytes / 1e3:.1f} kB")
    return goodput_bps, queue_bytes


if __name__ == "__main__":
    main()
