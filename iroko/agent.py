"""What an agent is, and the way to make one by name.

An agent gives every host's limit for the next interval. Each file of `agents/` holds a function of its name,
`NAME(scenario, topology, seed=..., **settings)`, that returns one. Those that learn add `train`, `save` and `load`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.flows import LEARNED, Flow
from iroko.registry import check_name, in_users_code, list_names, load, resolve, show
from iroko.scenario import Scenario, check_parameters
from iroko.topology import Topology
from iroko.user_files import is_path, name_of, place_of

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv

    from iroko.policy.format import Policy

Action = npt.NDArray[np.float32]
TrainCallback = Callable[[int, list[float]], None]
"""Called after each step with the number of environment steps done so far and the summed rewards of the episodes that just ended."""

TCP_NAMES = (
    "bbr", "bic", "cdg", "cubic", "dctcp", "highspeed", "htcp", "hybla", "illinois", "lp", "nv", "reno", "scalable", "vegas", "veno",
    "westwood", "yeah",
)  # fmt: skip
"""The congestion controls of Linux's TCP by the names that the kernel gives them. Whether a kernel has one, its engine says."""


@dataclass(frozen=True)
class Progress:
    """How far a training or an evaluation has come.

    Attributes:
        num_steps, total_steps: environment steps done and to do.
        episode_reward: of the episodes that ended last, on the mean; None: none has ended yet.
        virtual_s, real_s: time that has passed in the networks, and the real time that they took, summed over them.
    """

    num_steps: int
    total_steps: int
    episode_reward: float | None
    virtual_s: float
    real_s: float


class Agent(ABC):
    """A scheme that sets every host's limit.

    Attributes:
        name: what the user calls it; it is the scheme's name in tables and figures.
        learns: whether it has `train`, `save` and `load`.
        transport: the transport that it runs over; None: the scenario's.
        num_steps_done: environment steps that it has learned from.
    """

    learns: bool = False

    def __init__(self, name: str, transport: str | None = None) -> None:
        self.name = name
        self.transport = transport

    @property
    def num_steps_done(self) -> int:
        return 0

    @property
    def policy(self) -> "Policy | None":
        """What decides in each flow over the transport `iroko`; None: the scenario's."""
        return None

    def start(self, topology: Topology, flows: Sequence[Flow]) -> None:
        """Take note that a scored episode begins, with these flows; most agents have no use for them."""
        return

    @abstractmethod
    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        """The limits for the next interval as fractions of the link rates, shape `(num_hosts,)`; for learners without exploration."""

    def train(
        self,
        vector_env: "VecEnv",
        num_steps: int,
        callback: TrainCallback | None = None,
        log_folder: Path | None = None,
        pause_at: int | None = None,
    ) -> None:
        """Go on learning until `num_steps` environment steps have been done in all, over all environments together.

        Args:
            callback: called after every step.
            log_folder: where TensorBoard logs are written; None: nowhere.
            pause_at: number of steps at whose next update this call ends already; what falls over the training falls over `num_steps`.

        Raises:
            InputError: the agent does not learn, or the environment has other spaces than the agent.
        """
        raise self._not_a_learner()

    def save(self, folder: Path, to_go_on: bool = False) -> None:
        """Write into a folder what `load` needs to act.

        Args:
            to_go_on: also all that it needs to go on learning as if it had not stopped.
        """
        raise self._not_a_learner()

    def load(self, folder: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the files are missing or broken, or they are of another agent, topology or observation.
        """
        raise self._not_a_learner()

    def _not_a_learner(self) -> InputError:
        return InputError(f"agent {self.name} does not learn: it has nothing to train, save or load; use it as a baseline")


@contextmanager
def blamed_on(agent: Agent, doing: str) -> Iterator[None]:
    """Let an error say which agent it comes from: what the agent's code raises, and an action that the environment refuses.

    Args:
        doing: what the agent was asked for.
    """
    try:
        with in_users_code(f"agent {agent.name}: {doing}"):
            yield
    except InputError as error:
        if str(error).startswith("agent "):
            raise
        raise InputError(f"agent {agent.name}: {error}") from error


def agent_names() -> list[str]:
    """Every name that `make_agent` knows."""
    return sorted({*list_names("agents"), *TCP_NAMES, LEARNED})


def resolve_agent(reference: str, kind: str = "agent") -> str:
    """The name of an agent or TCP, or the absolute path of a user's file; see `iroko.registry.resolve`.

    Args:
        kind: what it is in a user's words, for the error message.

    Raises:
        InputError: no scheme has this name; the message has the nearest.
    """
    if is_path(reference):
        if name_of(reference) in ("none", *TCP_NAMES, LEARNED):
            raise InputError(f"agent {reference}: {name_of(reference)!r} is the name of another scheme: rename the file and its function")
        return resolve("agents", "agent", reference)
    check_name(kind, reference, [name for name in agent_names() if name != "tcp"])
    return reference if reference in (*TCP_NAMES, LEARNED) else resolve("agents", "agent", reference)


def make_agent(name: str, scenario: Scenario, topology: Topology, seed: int = 0, **settings: Any) -> Agent:
    """Make an agent: by the name of a file in `agents/` or of a congestion control of TCP (`iroko` the learned one), or by a path.

    Args:
        seed: of all that it draws.
        settings: keyword arguments of its function.

    Raises:
        InputError: no agent has this name (the message has the nearest), or a setting is unknown or wrong.
    """
    reference, name = name, name_of(name)
    if not is_path(reference):
        check_name("agent", reference, agent_names())
    if is_path(reference) or reference in list_names("agents"):
        function = load("agents", "agent", reference)
        checked = check_parameters(f"agent {name}", function, settings | {"seed": seed})
    else:
        function = load("agents", "agent", "tcp")
        checked = check_parameters(f"agent {name}", function, settings | {"seed": seed, "congestion_control": name})
    with in_users_code(f"agent {name}"):
        agent = function(scenario, topology, **checked)
    if not isinstance(agent, Agent):
        raise InputError(f"agent {name}: {place_of('agents', reference)} gave {show(agent)}: expected an Agent")
    return agent
