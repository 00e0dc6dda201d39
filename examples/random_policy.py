"""How do random rate limits score on a fat-tree?

A random policy is the floor that a learned one has to beat. This is the plain Gymnasium loop: one environment, one episode.

    python examples/random_policy.py
"""

import gymnasium

import iroko  # noqa: F401  registers the environments


def main(num_steps: int = 100) -> float:
    """Play one episode and return the mean reward per step."""
    # 16 hosts, 20 switches, links of 10 Mbit/s; each host sends to the host four places further.
    # Leave out `engine` to run on the Linux guest kernel instead of the simulator.
    env = gymnasium.make("iroko/FatTree-v0", k=4, rate_bps="10M", traffic="stride", engine="sim")
    env.action_space.seed(1)
    env.reset(seed=1)  # equal seeds give equal episodes, packet for packet

    rewards, goodputs_bps, queues_bytes = [], [], []
    for _ in range(num_steps):
        action = env.action_space.sample()  # shape (num_hosts,): each host's limit, as a fraction of its link rate
        _, reward, terminated, truncated, info = env.step(action)
        rewards.append(float(reward))
        goodputs_bps.append(info["goodput_bps"])
        queues_bytes.append(info["queue_mean_bytes"])
        if terminated or truncated:
            break
    env.close()

    count = len(rewards)
    mean_reward = sum(rewards) / count
    print(f"{count} steps of random limits: reward {mean_reward:.2f} per step, goodput {sum(goodputs_bps) / count / 1e6:.1f} Mbit/s, "
          f"mean queue {sum(queues_bytes) / count / 1e3:.1f} kB")  # fmt: skip
    return mean_reward


if __name__ == "__main__":
    main()
