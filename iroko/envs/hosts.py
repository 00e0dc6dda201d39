"""The fabric as a PettingZoo environment: every host is an agent that sees itself only and sets its own limit."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv

from iroko.engines.base import Engine
from iroko.envs.environment import IrokoEnv
from iroko.envs.info import HOST_REWARDS
from iroko.envs.observation import Observation
from iroko.envs.render import Frame, render_metadata
from iroko.errors import ClosedError, InputError
from iroko.registry import check_name, show
from iroko.scenario import HOSTS, Scenario
from iroko.snapshot import Floats

HostAction = npt.NDArray[np.float32]


class HostsEnv(ParallelEnv[str, Observation, HostAction]):  # type: ignore[misc]
    """A datacenter fabric in which each host decides for itself, all at once in each step.

    ## Agents
    The hosts, by their names, in the topology's order. All live until the episode ends, and end with it.

    ## Action space
    For each host `Box(min_fraction, 1, (1,), float32)`: its limit as a fraction of its link rate, over all its flows together.

    ## Observation space
    For each host `Box(low, 1, (21,), float32)`: what it can know of its own flows in the last three steps, see
    `iroko.envs.host_observation`. All hosts have the same spaces, in every fabric, so one policy serves them all.

    ## Reward
    For each host its own part of the scenario's reward, see `iroko.envs.host_reward`.

    ## Episode end, info
    As in `iroko.envs.environment.IrokoEnv`. Each host's info is that of the whole fabric, with `reward`, the common reward of the step,
    in the place of `host_rewards`.

    `iroko.envs.deployment` says how the main job trains one policy for all hosts: `python -m iroko.run --deployment hosts`.

    Attributes:
        possible_agents: all hosts.
        agents: the hosts while an episode is under way, none before and after.
        env: the environment of the whole fabric; `env.snapshot` has all measurements.
    """

    metadata: ClassVar[dict[str, Any]] = {"name": "iroko_hosts_v0"} | render_metadata()

    def __init__(
        self,
        scenario: Scenario | None = None,
        *,
        engine: str | Engine | None = None,
        seed: int = 0,
        render_mode: str | None = None,
    ) -> None:
        """Make the spaces; the engine is opened at the first `reset`.

        Args:
            scenario, engine, seed, render_mode: as `iroko.envs.environment.IrokoEnv` takes them; the scenario's deployment is `hosts` in
            any case.

        Raises:
            InputError: an engine of another topology.
            UnknownArgumentError: an unknown render mode.
            UnsupportedError: the render mode is `human`, and this machine has no display.
        """
        scenario = dataclasses.replace(scenario or Scenario(), deployment=HOSTS)
        self.env = IrokoEnv(scenario, engine=engine, seed=seed, render_mode=render_mode)
        self.render_mode = render_mode
        self.possible_agents = list(self.env.topology.hosts)
        self.agents: list[str] = []
        low, high = self.env.observer.low[0], self.env.observer.high[0]
        # Spaces of their own, since each has its own generator.
        self.observation_spaces = {host: Box(low, high, dtype=np.float32) for host in self.possible_agents}
        least = np.float32(scenario.min_fraction)
        self.action_spaces = {host: Box(least, np.float32(1), (1,), np.float32) for host in self.possible_agents}

    def observation_space(self, agent: str) -> Box:
        """Of a host; always the same object."""
        return self.observation_spaces[check_name("host", agent, self.observation_spaces)]

    def action_space(self, agent: str) -> Box:
        """Of a host; always the same object."""
        return self.action_spaces[check_name("host", agent, self.action_spaces)]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Observation], dict[str, dict[str, Any]]]:
        """Start an episode with newly drawn flows; see `IrokoEnv.reset`.

        Args:
            seed: of the flows and the engine; None: go on with the generator.
            options: have no effect; PettingZoo's API wants any to be taken.

        Returns:
            For each host its first observation, and its info.
        """
        observations, info = self.env.reset(seed=seed)
        del info[HOST_REWARDS]
        info["reward"] = 0.0
        self.agents = list(self.possible_agents)
        return self._of_each(observations), {host: dict(info) for host in self.agents}

    def step(
        self, actions: Mapping[str, npt.ArrayLike]
    ) -> tuple[dict[str, Observation], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One interval under the limits that all hosts set.

        Args:
            actions: for each host one number, or an array of one.

        Returns:
            For each host its observation, its reward, whether the episode was terminated, whether it was truncated, and its info.

        Raises:
            InputError: a host has no action, an unknown one has, or one is out of range or of the wrong shape; nothing has started then.
            EngineError: the engine failed; the environment is closed then.
            ClosedError: there is no episode under way.
        """
        if not self.agents:
            raise ClosedError("step without an episode: call reset first; an environment that was closed has to be made anew")
        observations, reward, terminated, truncated, info = self.env.step(self._limits(actions))
        rewards: Floats = info.pop(HOST_REWARDS)
        hosts, info = self.agents, info | {"reward": reward}
        if terminated or truncated:
            self.agents = []
        return (
            self._of_each(observations),
            dict(zip(hosts, rewards.tolist(), strict=True)),
            dict.fromkeys(hosts, terminated),
            dict.fromkeys(hosts, truncated),
            {host: dict(info) for host in hosts},
        )

    def _limits(self, actions: Mapping[str, npt.ArrayLike]) -> Floats:
        fractions = np.empty(len(self.possible_agents))
        if not isinstance(actions, Mapping):
            raise InputError(f"actions {show(actions)}: expected a dictionary with one for each of {len(fractions)} hosts")
        for host in actions:
            check_name("host", host, self.possible_agents)
        for index, host in enumerate(self.possible_agents):
            if host not in actions:
                raise InputError(f"actions without one for host {host}: expected one for each of {len(fractions)} hosts")
            try:
                action = np.asarray(actions[host])
            except Exception:  # as in `read_action`
                action = np.empty(0)
            if action.shape not in ((1,), ()) or action.dtype.kind not in "fiu":
                raise InputError(f"action {show(actions[host])} for host {host}: expected one number, an array of shape (1,)")
            fractions[index] = action.item()
        return fractions

    def _of_each(self, observations: Observation) -> dict[str, Observation]:
        return dict(zip(self.possible_agents, observations, strict=True))

    def render(self) -> Frame | None:
        """The whole fabric; see `IrokoEnv.render`."""
        return self.env.render()

    def close(self) -> None:
        """Close the engine, unless it was given; safe twice."""
        self.agents = []
        self.env.close()
