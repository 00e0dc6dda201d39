"""The Gymnasium environment: an agent sets every host's sending rate and sees what the network made of it."""

from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt

import iroko
from iroko.arrays import FabricArrays
from iroko.engines.base import Engine
from iroko.engines.side_by_side import SideBySide, Slot
from iroko.envs.action import read_action
from iroko.envs.common import check_options, check_scenario, check_seed
from iroko.envs.core import BatchEnv
from iroko.envs.info import to_row
from iroko.envs.observation import Observation
from iroko.envs.phase import CLOSED, HANDED_OVER, NEW, OVER, READY, STEPPING, expect_phase
from iroko.envs.render import HUMAN, Frame, Screen, check_render_mode, render_metadata
from iroko.envs.slots import make_slot
from iroko.errors import ClosedError
from iroko.flows import Flow
from iroko.scenario import Scenario
from iroko.snapshot import Snapshot

iroko.register_envs()


class IrokoEnv(gymnasium.Env[Observation, npt.NDArray[np.float32]]):
    """A datacenter fabric whose hosts send as fast as the agent lets them.

    ## Description
    Hosts send flows to each other through a fabric of switches. At each step the agent sets a limit for every host, one interval
    passes, and the agent sees what was measured in that same interval. It has to use the links without filling the queues.

    ## Action space
    `Box(min_fraction, 1, (num_hosts,), float32)`: for each host its limit as a fraction of its link rate, over all its flows
    together. 1 is the link rate and limits nothing: that is how a TCP runs by itself. A value out of range, NaN, or a wrong shape
    is an `InputError`.

    ## Observation space
    `Box(low, 1, (size,), float32)`: the scenario's features one after the other, each with one value for each switch port, host
    or pair of hosts. `env.unwrapped.observer.names` says what each value is.

    | feature | for each | unit | min | max | default |
    |---|---|---|---|---|---|
    | `backlog` | switch port | mean backlog / queue size | 0 | 1 | yes |
    | `backlog_change` | switch port | (backlog - backlog a step ago) / queue size | -1 | 1 | yes |
    | `utilisation` | switch port | sent / link rate | 0 | 1 | yes |
    | `drops` | switch port | packets dropped / offered | 0 | 1 | yes |
    | `marks` | switch port | packets ECN-marked / sent | 0 | 1 | no |
    | `limits` | host | limit in force / link rate | 0 | 1 | yes |
    | `sent` | host | sent / link rate | 0 | 1 | no |
    | `received` | host | application bytes received / link rate | 0 | 1 | yes |
    | `pairs` | ordered pair of hosts | 1 if the first delivered to the second, else 0 | 0 | 1 | no |

    With `deployment="hosts"` it is `Box(low, 1, (num_hosts, size), float32)`: for each host what it can know by itself, see
    `iroko.envs.host_observation`. `iroko.envs.hosts.HostsEnv` is the same with an agent for each host.

    ## Reward
    Named by the scenario, from measurements only; see `iroko.reward`. By default `iroko2018`: the sum over hosts of received/link
    rate, less the sum over the P switch ports of (P/2)(backlog/queue)^2.

    ## Starting state
    The traffic pattern draws the episode's flows from a generator whose seed comes from the environment's, see `iroko.seeds`. The
    network is empty, no limit is in force.

    ## Episode end
    Terminated when all flows have been delivered, which endless flows never are; truncated after `episode_s`.

    ## Info
    | key | is |
    |---|---|
    | `time_s` | time since the start of the episode |
    | `goodput_bps` | rate of the application bytes that arrived, of all hosts together |
    | `queue_mean_bytes`, `queue_peak_bytes` | mean over the switch ports of their mean backlog; highest backlog of any |
    | `drops`, `marks` | packets dropped and ECN-marked at switch ports |
    | `jain` | Jain's index of the rates of the flows that were under way for more than half of the interval; 1 with fewer than two |
    | `reward_<term>` | each term of the reward, such as `reward_queue`; their sum is the reward |
    | `host_rewards` | with `deployment="hosts"` the reward of each host, an array of shape `(num_hosts,)`, see `iroko.envs.host_reward` |

    All are numbers of the last interval, and the keys are the same after `reset`, where the interval is empty and rewards are 0.
    `env.unwrapped.snapshot` has the measurements of every port, host and flow.

    ## Rendering
    `render_mode="rgb_array"` or `"human"`: the fabric with the load of every port and the queue of every switch port, see
    `iroko.envs.render`.

    ## Arguments
    `gymnasium.make("iroko/Dumbbell-v0", ...)` and `"iroko/FatTree-v0"` take the parameters of the topology (`num_left=2`, `k=4`,
    `rate_bps="10M"`, ...), the other fields of `Scenario` (`traffic="stride"`, `reward="joint_queue"`, ...), `engine` and `seed`.
    `gymnasium.make_vec` takes the same and gives `iroko.envs.gym_vector.IrokoVectorEnv`.

    Attributes:
        scenario, topology: what is run.
        observer: the layout of the observation.
        member: the environment's place in the batch that steps it, by itself one of one.
    """

    metadata: ClassVar[dict[str, Any]] = render_metadata()  # type: ignore[misc]

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
            scenario: None: the default one, a dumbbell.
            engine: a name, None for the machine's default, or an open engine of the same topology, which its owner closes.
            seed: of the first episode when `reset` is given none, and of the engine.
            render_mode: None, `rgb_array` or `human`.

        Raises:
            InputError: an engine of another topology or of an unknown name, or a seed below 0.
            UnknownArgumentError: an unknown render mode.
            UnsupportedError: `human` on a machine without a display.
        """
        self.render_mode = check_render_mode(render_mode)
        scenario = Scenario() if scenario is None else check_scenario(scenario)
        seed = check_seed(seed)
        self._screen = Screen(self.render_mode, scenario, scenario.fabric)
        core = BatchEnv([scenario], [seed], side_by_side=SideBySide([make_slot(engine, scenario.fabric, seed)]))
        self.member = core.members[0]
        self.scenario, self.topology, self.observer = scenario, self.member.topology, core.observer
        self.observation_space, self.action_space = core.observation_space, core.action_space
        self._fabric = FabricArrays.of(scenario.fabric)
        self._np_random_seed = seed
        self._phase = NEW

    @property
    def _np_random(self) -> np.random.Generator:
        """Gymnasium's name for the generator of the episodes."""
        return self.member.np_random

    @_np_random.setter
    def _np_random(self, generator: np.random.Generator) -> None:
        self.member.np_random = generator

    @property
    def flows(self) -> list[Flow]:
        """The present episode's flows."""
        return self.member.flows

    @property
    def engine(self) -> Engine:
        """The engine, for its clock and description.

        Raises:
            ClosedError: it is not open.
        """
        if (engine := self.member.engine) is None:
            raise ClosedError(f"the environment is {self.phase}: its engine is open between reset and close")
        return engine

    @property
    def phase(self) -> str:
        """Where in its life the environment is: `new`, `ready`, `stepping`, `over`, `closed` or `handed over`."""
        return CLOSED if self.member.core.is_closed else self._phase

    @property
    def snapshot(self) -> Snapshot:
        """What was measured in the last interval.

        Raises:
            ClosedError: there was no `reset` yet.
        """
        return self.member.snapshot

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict[str, Any]]:
        """Start an episode with newly drawn flows.

        Args:
            seed: of the flows and the engine; None: go on with the generator, whose first seed is the constructor's.
            options: none are known.

        Raises:
            UnknownArgumentError: `options` holds something.
            InputError: the seed is no whole number from 0 up.
            ClosedError: the environment was closed, or is between `begin_step` and `finish_step`.
            UnsupportedError: the engine cannot run here, or lacks the transport.
        """
        expect_phase(self.phase, "reset", NEW, READY, OVER, HANDED_OVER)
        check_options(options)
        super().reset(seed=None if seed is None else check_seed(seed))
        observation, info = self.member.reset()
        self._phase = HANDED_OVER if self._phase == HANDED_OVER else READY
        self.show()
        return observation, info

    def begin_step(self, action: npt.ArrayLike) -> None:
        """Set the limits and let the interval start: the first half of `step`, so that several environments run side by side.

        Raises:
            InputError: the action is out of range or of the wrong shape; nothing has started then.
            ClosedError: there is no episode under way.
        """
        expect_phase(self.phase, "begin_step", READY)
        limits_bps = read_action(action, self._fabric, self.scenario.min_fraction)
        self.member.core.begin_step(limits_bps[None])
        self._phase = STEPPING

    def finish_step(self) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Wait until the interval is over: the second half of `step`.

        Raises:
            EngineError: the engine failed; the environment is closed then.
            ClosedError: no step was begun.
        """
        expect_phase(self.phase, "finish_step", STEPPING)
        outcome = self.member.core.finish_step()
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        self._phase = OVER if terminated or truncated else READY
        self.show()
        return outcome.observations[0], float(outcome.rewards[0]), terminated, truncated, to_row(outcome.info, 0)

    def step(self, action: npt.ArrayLike) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One interval: `begin_step`, then `finish_step`."""
        self.begin_step(action)
        return self.finish_step()

    def show(self) -> None:
        """Show the last interval in the window of `render_mode="human"`; every other mode has none."""
        if self.render_mode == HUMAN:
            self._screen.update(self.snapshot)

    def render(self) -> Frame | None:
        """A frame of the last interval with `render_mode="rgb_array"`, None beside the window of `"human"`; see `iroko.envs.render`.

        Raises:
            InputError: the environment has no render mode.
            ClosedError: there was no `reset` yet, or the environment was closed.
        """
        return self._screen.render(self.snapshot)

    def close(self) -> None:
        """Close the engine, unless it was given, and the window; safe twice."""
        self._phase = CLOSED
        self._screen.close()
        self.member.core.close()

    def hand_over(self) -> Slot:
        """Leave the steps to a vector environment, and give it the engine's place."""
        self._phase = HANDED_OVER
        return self.member.core.slots[self.member.index]

    def __getstate__(self) -> dict[str, Any]:
        """What `copy` and `pickle` take.

        Raises:
            InputError: the environment has an engine.
        """
        self.member.core.__getstate__()
        return self.__dict__
