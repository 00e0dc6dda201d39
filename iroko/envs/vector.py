"""Several environments as Stable-Baselines3 wants them: engines side by side, or all in one simulator.

A guest runs in a process of its own, so stepping several is: send to all, then read from all. The simulator steps all in one call.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from iroko.engines.base import Clock
from iroko.engines.open import default_engine
from iroko.envs.common import check_num_envs, make_seeds
from iroko.envs.environment import IrokoEnv
from iroko.envs.info import without_reward
from iroko.envs.observation import Observation
from iroko.envs.render import Frame
from iroko.envs.sb3_vector import BatchVecEnv
from iroko.errors import ClosedError, EngineError, InputError, IrokoError
from iroko.registry import check_name, show
from iroko.scenario import Scenario

ON_FAILURE = ("end", "replace")


class IrokoVecEnv(VecEnv):
    """Steps all its environments at once and resets each when its episode ends.

    As Stable-Baselines3 expects, the info of an episode's last step has `terminal_observation` and `TimeLimit.truncated`, and the
    observation returned with it is the first of the next episode.

    When one environment fails, all are closed and the error says which it was. With `on_failure="replace"` the others go on when its
    engine has failed, such as a guest that was killed: its episode is truncated there, with the last observation that it gave, a reward
    of 0 and its last info with `engine_error` beside `terminal_observation` and `TimeLimit.truncated`, and its next episode begins on a
    new engine. Where that one fails before the end of an episode too, all are closed.
    """

    def __init__(self, envs: Sequence[IrokoEnv], on_failure: str = "end") -> None:
        """Take over the environments.

        Args:
            on_failure: what becomes of the others when one's engine fails: `end` or `replace`; see the class.

        Raises:
            InputError: there is none, one stands twice, their spaces differ, or `on_failure` is neither.
        """
        self._replaces = check_name("on_failure", on_failure, ON_FAILURE) == "replace"
        if not envs:
            raise InputError("IrokoVecEnv of no environments: expected at least one")
        if len({id(env) for env in envs}) < len(envs):
            raise InputError("IrokoVecEnv with the same environment twice: expected different ones")
        self.envs = list(envs)
        first = self.envs[0]
        for index, env in enumerate(self.envs):
            if env.observation_space != first.observation_space or env.action_space != first.action_space:
                raise InputError(f"environment {index}: expected the spaces of environment 0; they must have one topology and features")
        self._closed = False
        self._last = np.zeros((len(self.envs), *(first.observation_space.shape or ())), dtype=np.float32)
        self._infos: list[dict[str, Any]] = []
        self._failures: dict[int, EngineError] = {}
        self._unproven: set[int] = set()
        super().__init__(len(self.envs), first.observation_space, first.action_space)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Give every environment a seed for the next `reset`, derived from one (`iroko.seeds`); None: go on with their generators."""
        self._seeds = [None] * self.num_envs if seed is None else list(make_seeds(seed, self.num_envs))
        return self._seeds

    def reset(self) -> Observation:
        """Start an episode in every environment.

        Returns:
            Shape `(num_envs, observation size)`.
        """
        self._expect_open()
        observations = []
        for index, env in enumerate(self.envs):
            with self._closing_all(index):
                observation, self.reset_infos[index] = env.reset(seed=self._seeds[index], options=self._options[index] or None)
                observations.append(observation)
        self._reset_seeds()
        self._reset_options()
        self._infos = [dict(info) for info in self.reset_infos]
        self._last = np.stack(observations)
        return self._last.copy()

    def step_async(self, actions: npt.NDArray[Any]) -> None:
        """Let the interval start everywhere; `actions` has shape `(num_envs, num_hosts)`.

        Raises:
            InputError: the number of actions is wrong, or one of them is.
        """
        self._expect_open()
        try:
            count = len(actions)
        except TypeError as error:
            raise InputError(f"action {show(actions)}: expected one for each of {self.num_envs} environments") from error
        if count != self.num_envs:
            raise InputError(f"{count} actions: expected one for each of {self.num_envs} environments")
        for index, env in enumerate(self.envs):
            with self._closing_all(index):
                try:
                    env.begin_step(actions[index])
                except EngineError as error:
                    self._take_failure(index, error)

    def step_wait(self) -> VecEnvStepReturn:
        """Wait for all; then reset those whose episode is over.

        Returns:
            Observations `(num_envs, size)`, rewards and ends of episodes `(num_envs,)`, and one info for each environment.
        """
        self._expect_open()
        results: list[tuple[Observation, float, bool, bool, dict[str, Any]]] = []
        for index, env in enumerate(self.envs):
            with self._closing_all(index):
                try:
                    if index not in self._failures:
                        results.append(env.finish_step())
                        continue
                except EngineError as error:
                    self._take_failure(index, error)
            info = without_reward(self._infos[index]) | {"engine_error": str(self._failures[index])}
            results.append((self._last[index].copy(), 0.0, False, True, info))
        self._infos = [dict(result[4]) for result in results]
        observations, infos = [], []
        for index, (observation, _, terminated, truncated, info) in enumerate(results):
            info["TimeLimit.truncated"] = truncated and not terminated
            if terminated or truncated:
                info["terminal_observation"] = observation
                with self._closing_all(index):
                    observation, self.reset_infos[index] = self._restart(index)
                    self._infos[index] = dict(self.reset_infos[index])
            observations.append(observation)
            infos.append(info)
        self._last = np.stack(observations)
        rewards = np.array([result[1] for result in results], dtype=np.float32)
        dones = np.array([result[2] or result[3] for result in results])
        return self._last.copy(), rewards, dones, infos

    def _take_failure(self, index: int, error: EngineError) -> None:
        """Note that an environment's episode ends here, or raise the error where that ends all."""
        if not self._replaces or index in self._unproven:
            raise error
        self._failures[index] = error

    def _restart(self, index: int) -> tuple[Observation, dict[str, Any]]:
        """Begin the next episode, on a new engine where the last one has failed or fails now."""
        if index not in self._failures:
            self._unproven.discard(index)
            try:
                return self.envs[index].reset()
            except EngineError as error:
                self._take_failure(index, error)
        del self._failures[index]
        self._unproven.add(index)
        self.envs[index] = self.envs[index].successor()
        return self.envs[index].reset()

    def close(self) -> None:
        """Close every environment, also when closing one of them fails; safe twice."""
        self._closed = True
        failures = []
        for env in self.envs:
            try:
                env.close()
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def get_images(self) -> list[Frame | None]:
        """A frame of each environment; `render` tiles them."""
        return [env.render() for env in self.envs]

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.envs[index], attr_name) for index in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        for index in self._get_indices(indices):
            setattr(self.envs[index], attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any) -> list[Any]:
        return [getattr(self.envs[index], method_name)(*method_args, **method_kwargs) for index in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]], indices: VecEnvIndices = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]

    @property
    def clocks(self) -> list[Clock]:
        """How each environment's time ran.

        Raises:
            ClosedError: their engines are not open.
        """
        return [env.engine.clock for env in self.envs]

    def _expect_open(self) -> None:
        if self._closed:
            raise ClosedError("the vector environment is closed: make a new one")

    @contextmanager
    def _closing_all(self, index: int) -> Iterator[None]:
        """Whatever goes wrong in one environment ends all: the others are in the middle of a step."""
        try:
            yield
        except BaseException as error:
            try:
                self.close()
            except Exception as failure:
                error.add_note(f"closing the other environments failed too: {failure}")
            if isinstance(error, IrokoError):
                raise type(error)(f"environment {index}: {error}") from error
            error.add_note(f"in environment {index} of {self.num_envs}")
            raise


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
    if engine == "mininet" and num_envs > 1:
        raise InputError(f"num_envs={num_envs} with engine mininet: expected 1; several fabrics would share this machine's processors")
    check_name("on_failure", on_failure, ON_FAILURE)
    seeds = make_seeds(seed, num_envs)
    if (engine or default_engine()) == "sim":
        return BatchVecEnv(scenarios, seeds)
    return IrokoVecEnv([IrokoEnv(one, engine=engine, seed=each) for one, each in zip(scenarios, seeds, strict=True)], on_failure)
