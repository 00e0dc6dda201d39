"""Several environments as Stable-Baselines3 wants them: engines side by side, or all in one simulator."""

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from iroko.engines.open import default_engine
from iroko.engines.side_by_side import ON_FAILURE, SideBySide
from iroko.envs.common import check_num_envs, make_seeds
from iroko.envs.core import BatchEnv
from iroko.envs.environment import IrokoEnv
from iroko.envs.observation import Observation
from iroko.envs.render import Frame
from iroko.envs.sb3_vector import BatchVecEnv, CoreVecEnv
from iroko.envs.slots import check_number
from iroko.errors import ClosedError, InputError
from iroko.registry import check_name
from iroko.scenario import Scenario


class IrokoVecEnv(CoreVecEnv):
    """Environments whose engines run side by side.

    When one environment fails, all are closed and the error names it. With `on_failure="replace"` the others go on when its
    engine has failed, such as a guest that was killed: its episode is truncated there, with the last observation that it gave, a reward
    of 0 and its last info with `engine_error` beside `terminal_observation` and `TimeLimit.truncated`, and its next episode begins on a
    new engine. Where that one fails before the end of an episode too, all are closed.
    """

    envs: list[IrokoEnv]

    def __init__(self, envs: Sequence[IrokoEnv], on_failure: str = "end") -> None:
        """Take over the environments; from now on they are stepped here.

        Args:
            on_failure: what becomes of the others when one's engine fails: `end` or `replace`; see the class.

        Raises:
            InputError: there is none, one is listed twice, they do not fit together, or `on_failure` is neither.
        """
        check_name("on_failure", on_failure, ON_FAILURE)
        if not envs:
            raise InputError("IrokoVecEnv of no environments: expected at least one")
        if len({id(env) for env in envs}) < len(envs):
            raise InputError("IrokoVecEnv with the same environment twice: expected different ones")
        first = envs[0]
        for index, env in enumerate(envs):
            if env.observation_space != first.observation_space or env.action_space != first.action_space:
                raise InputError(f"environment {index}: expected the spaces of environment 0; they must have one topology and features")
        slots = [env.hand_over() for env in envs]
        core = BatchEnv([env.scenario for env in envs], [0] * len(envs), side_by_side=SideBySide(slots, on_failure))
        core.adopt([env.member for env in envs])
        super().__init__(core, list(envs))

    def reset(self) -> Observation:
        self._expect_open()
        observations = super().reset()
        self._show()
        return observations

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        self._expect_open()
        super().step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        self._expect_open()
        results = super().step_wait()
        self._show()
        return results

    def _expect_open(self) -> None:
        if self.core.is_closed:
            raise ClosedError("the vector environment is closed: make a new one")

    def _show(self) -> None:
        for env in self.envs:
            env.show()

    def get_images(self) -> Sequence[Frame | None]:
        """A frame of each environment; `render` tiles them."""
        return [env.render() for env in self.envs]


def make_vector(
    scenario: Scenario | Sequence[Scenario], num_envs: int, engine: str | None = None, seed: int = 0, on_failure: str = "end"
) -> IrokoVecEnv | BatchVecEnv:
    """Several environments, each with a seed of its own drawn from `seed`: in one simulator, or each with an engine of its own.

    Args:
        scenario: of all, or one for each.
        num_envs: 1 or more; each guest wants a processor core and up to 400 MB of memory.
        engine: name of the engine; None: the machine's default.
        on_failure: when the engine of one fails, `end` all, or `replace` it and go on, see `IrokoVecEnv`; the one simulator of all fails
            as a whole.

    Raises:
        InputError: `num_envs` is below 1 or not the number of scenarios, scenarios do not fit together, or the engine is `mininet`,
            of which a machine runs one at a time.
    """
    check_num_envs(num_envs)
    scenarios = [scenario] * num_envs if isinstance(scenario, Scenario) else list(scenario)
    if len(scenarios) != num_envs:
        raise InputError(f"{len(scenarios)} scenarios for num_envs={num_envs}: expected one for all, or one for each")
    check_number(engine, num_envs)
    check_name("on_failure", on_failure, ON_FAILURE)
    seeds = make_seeds(seed, num_envs)
    if (engine or default_engine()) == "sim":
        return BatchVecEnv(scenarios, seeds)
    return IrokoVecEnv([IrokoEnv(one, engine=engine, seed=each) for one, each in zip(scenarios, seeds, strict=True)], on_failure)
