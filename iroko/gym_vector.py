"""Many environments in one simulator as a Gymnasium vector environment."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

import iroko
from iroko.batch_env import BatchEnv, BatchStep
from iroko.env_common import check_num_envs, make_seeds, split_arguments
from iroko.errors import InputError
from iroko.info import Columns
from iroko.metrics import Booleans
from iroko.names import check_name
from iroko.observation import Observation
from iroko.scenario import Scenario
from iroko.snapshot import Floats

if TYPE_CHECKING:
    from iroko.engine import Batch

iroko.register_envs()


class IrokoVectorEnv(VectorEnv[Observation, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """Steps many fabrics at once, each as `iroko.env.IrokoEnv` describes it, in one simulator on all cores.

    When an episode has ended, the next step of that environment starts the next one, takes no action and gives no reward; all
    wrappers of Gymnasium can deal with this (`AutoresetMode.NEXT_STEP`). With `autoreset_mode="SameStep"` the step that ends an
    episode gives the first observation of the next, and the infos hold the last one in `final_obs` and its measures in `final_info`.

    Infos are arrays of shape `(num_envs,)`, each with a mask of the same name with `_` before it that says whose values they are;
    `reward_terms` is a dictionary of such arrays.

    `gymnasium.make_vec("iroko/FatTree-v0", num_envs=16, k=4, ...)` takes the arguments of `gymnasium.make`. The simulator is the only
    engine that can do this; `vectorization_mode="sync"` steps environments of any engine one after the other.

    Attributes:
        core: what this shares with the vector environment of Stable-Baselines3: members, snapshot, clocks.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        seeds: Sequence[int],
        batch: "Batch | None" = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
    ) -> None:
        """Make the spaces; the simulator is opened at the first `reset`.

        Args:
            scenarios, seeds, batch: as `iroko.batch_env.BatchEnv` takes them.
            autoreset_mode: `NextStep` or `SameStep`.

        Raises:
            InputError: the scenarios do not fit together, or another mode.
        """
        modes = {mode.value: mode for mode in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP)}
        wanted = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        check_name("autoreset_mode", wanted, modes)
        self.metadata = {"render_modes": [], "autoreset_mode": modes[wanted]}
        self.core = BatchEnv(scenarios, seeds, batch)
        self.num_envs = self.core.num_envs
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._ended = np.zeros(self.num_envs, dtype=bool)

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode in every environment.

        Args:
            seed: one from which `iroko.seeds` derives that of each environment, or one for each; None: go on with their generators.
            options: none are known.

        Raises:
            InputError: `options` holds something, or the number of seeds is wrong.
            ClosedError: the vector environment was closed.
        """
        if options:
            raise InputError(f"options={options!r}: expected none; scenarios are set when the vector environment is made")
        if seed is None:
            seed = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seed = list(make_seeds(int(seed), self.num_envs))
        observations, columns = self.core.reset(seed)
        self._ended[:] = False
        return observations, _infos(columns, {}, np.zeros(self.num_envs, dtype=bool))

    def step(self, actions: npt.ArrayLike) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """One interval in every environment; `actions` has shape `(num_envs, num_hosts)`.

        Raises:
            InputError: an action is out of range or of the wrong shape; nothing has started then.
            EngineError: the simulator failed; all environments are closed then.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        outcome = self.core.step(self.core.read_actions(actions))
        if self.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
            return self._restart_now(outcome)
        return self._restart_later(outcome)

    def _restart_later(self, outcome: BatchStep) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """Start the next episodes of those environments whose episode had ended before this step."""
        observations, rewards, columns = outcome.observations, outcome.rewards, outcome.measures
        stepped = ~self._ended
        if self._ended.any():
            restarted = np.flatnonzero(self._ended)
            observations[restarted], first = self.core.restart(restarted)
            rewards[restarted] = 0
            columns = {key: np.where(stepped, values, first[key]) for key, values in columns.items()}
        terminated, truncated = outcome.terminated & stepped, outcome.truncated & stepped
        self._ended = terminated | truncated
        return observations, rewards, terminated, truncated, _infos(columns, outcome.terms, stepped)

    def _restart_now(self, outcome: BatchStep) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """Start the next episodes of those environments whose episode ended in this step."""
        observations, columns = outcome.observations, outcome.measures
        ended = outcome.terminated | outcome.truncated
        infos: dict[str, Any] = {}
        if ended.any():
            last = np.full(self.num_envs, None, dtype=object)
            for index in np.flatnonzero(ended).tolist():
                last[index] = observations[index].copy()
            final = _masked(columns, ended) | _masked({"reward_terms": _masked(outcome.terms, ended)}, ended)
            infos = _masked({"final_obs": last, "final_info": final}, ended)
            observations[ended], first = self.core.restart(np.flatnonzero(ended))
            columns = {key: np.where(ended, first[key], values) for key, values in columns.items()}
        return observations, outcome.rewards, outcome.terminated, outcome.truncated, infos | _infos(columns, outcome.terms, ~ended)

    def close_extras(self, **kwargs: Any) -> None:
        """Close the simulator; `close` calls this, once."""
        self.core.close()


def _infos(columns: Columns, terms: Columns, stepped: Booleans) -> dict[str, Any]:
    """Measures of all environments, and terms of the reward of those that were stepped, if any was."""
    infos = _masked(columns, np.ones(len(stepped), dtype=bool))
    return infos | _masked({"reward_terms": _masked(terms, stepped)}, stepped) if stepped.any() else infos


def _masked(values: Mapping[str, Any], counts: Booleans) -> dict[str, Any]:
    """Gymnasium's infos: for each key its values and a mask of the environments that have one; numbers of the others are 0."""
    everywhere, infos = bool(counts.all()), {}
    for key, value in values.items():
        is_numbers = isinstance(value, np.ndarray) and value.dtype != object
        infos[key] = np.where(counts, value, value.dtype.type(0)) if is_numbers and not everywhere else value
        infos[f"_{key}"] = counts.copy()
    return infos


def _make(name: str, topology: str, num_envs: int, arguments: dict[str, Any]) -> IrokoVectorEnv:
    scenario, own = split_arguments(name, topology, arguments, {"engine", "seed", "render_mode", "autoreset_mode"})
    if own.get("render_mode") is not None:
        raise InputError(f"render_mode={own['render_mode']!r}: expected None; draw a run with iroko.plots instead")
    if own.get("engine", "sim") not in ("sim", None):
        raise InputError(
            f"engine={own['engine']!r}: expected 'sim', which alone steps many environments at once; "
            "with vectorization_mode='sync' they are stepped one after the other, on any engine"
        )
    check_num_envs(num_envs)
    mode = own.get("autoreset_mode", AutoresetMode.NEXT_STEP)
    return IrokoVectorEnv([scenario] * num_envs, make_seeds(own.get("seed", 0), num_envs), autoreset_mode=mode)


def make_dumbbell(num_envs: int = 1, **arguments: Any) -> IrokoVectorEnv:
    """Several of `iroko/Dumbbell-v0` in one simulator, with the arguments of the one; each has a seed drawn from `seed`."""
    return _make("iroko/Dumbbell-v0", "dumbbell", num_envs, arguments)


def make_fattree(num_envs: int = 1, **arguments: Any) -> IrokoVectorEnv:
    """Several of `iroko/FatTree-v0` in one simulator, with the arguments of the one; each has a seed drawn from `seed`."""
    return _make("iroko/FatTree-v0", "fattree", num_envs, arguments)
