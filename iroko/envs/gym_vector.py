"""Many environments in one simulator as a Gymnasium vector environment."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

import iroko
from iroko.envs.batch import BatchEnv, BatchStep
from iroko.envs.common import check_num_envs, check_seed, make_seeds, split_arguments
from iroko.envs.info import Columns
from iroko.envs.observation import Observation
from iroko.envs.render import RENDER_FPS, RGB_ARRAY, Frame, Screen, check_render_mode
from iroko.errors import ClosedError, InputError, UnknownArgumentError
from iroko.metrics import Booleans
from iroko.registry import check_name, show
from iroko.scenario import Scenario
from iroko.snapshot import Floats

if TYPE_CHECKING:
    from iroko.engines.base import Batch

iroko.register_envs()

OPTIONS = ("autoreset_mode", "render_mode", "max_episode_steps")
"""The arguments of the constructor that `gymnasium.make_vec` passes on."""
RESET_MASK = "reset_mask"
"""The option of `reset` that names the environments to reset."""


class IrokoVectorEnv(VectorEnv[Observation, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """Steps many fabrics at once, each as `iroko.envs.environment.IrokoEnv` describes it, in one simulator on all cores.

    `autoreset_mode` is one of `gymnasium.vector.AutoresetMode` or its value:

    - `NextStep`: after the end of an episode the next step of that environment starts the next episode, takes no action and gives no
      reward. All wrappers of Gymnasium support this mode.
    - `SameStep`: the step that ends an episode returns the first observation of the next one; the infos hold the last observation in
      `final_obs` and its info in `final_info`.
    - `Disabled`: the caller resets the environments whose episode has ended, with `reset(options={"reset_mask": mask})`.

    The infos have the keys of `iroko.envs.environment.IrokoEnv`. Each is an array of shape `(num_envs,)`, or `(num_envs, num_hosts)` for
    `host_rewards`, beside a mask of shape `(num_envs,)` under the same name with `_` before it: whose values they are.

    With `render_mode="rgb_array"` `render` returns one frame for each environment.

    `gymnasium.make_vec("iroko/FatTree-v0", num_envs=16, k=4, ...)` takes the arguments of `gymnasium.make`. The simulator is the only
    engine that can do this; `vectorization_mode="sync"` steps environments of any engine one after the other.

    Attributes:
        autoreset_mode: how an episode follows another; also in `metadata`.
        core: what this shares with the vector environment of Stable-Baselines3: members, snapshot, clocks.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        seeds: Sequence[int],
        batch: "Batch | None" = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
    ) -> None:
        """Make the spaces; the simulator is opened at the first `reset`.

        Args:
            scenarios, seeds, batch: as `iroko.envs.batch.BatchEnv` takes them.
            autoreset_mode: `NextStep`, `SameStep` or `Disabled`.
            render_mode: `rgb_array` or None.
            max_episode_steps: truncates episodes that are longer, as `gymnasium.wrappers.TimeLimit` does; None or -1: none.

        Raises:
            InputError: the scenarios do not fit together.
            UnknownArgumentError: an unknown mode.
        """
        wanted = autoreset_mode.value if isinstance(autoreset_mode, AutoresetMode) else autoreset_mode
        check_name("autoreset_mode", wanted, [mode.value for mode in AutoresetMode], UnknownArgumentError)
        self.autoreset_mode = AutoresetMode(wanted)
        self.render_mode = check_render_mode(render_mode, (RGB_ARRAY,))
        self.metadata = {"render_modes": [RGB_ARRAY], "render_fps": RENDER_FPS, "autoreset_mode": self.autoreset_mode}
        self.core = BatchEnv(scenarios, seeds, batch, None if max_episode_steps == -1 else max_episode_steps)
        self.num_envs = self.core.num_envs
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._ended = np.zeros(self.num_envs, dtype=bool)
        self._last: Observation | None = None
        self._screens = [Screen(self.render_mode, member.scenario, member.topology) for member in self.core.members]

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode in every environment, or in some.

        Args:
            seed: one from which `iroko.seeds` derives that of each environment, or one for each; None: go on with their generators.
            options: `{"reset_mask": mask}` with truth values of shape `(num_envs,)` resets these environments only. The others keep their
                observation, and have no info.

        Raises:
            UnknownArgumentError: another option.
            InputError: a mask of another shape or without an environment, or the number of seeds is wrong.
            ClosedError: the vector environment was closed, or a part was reset before the whole.
        """
        mask = self._read_mask(options)
        if seed is None:
            seed = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seed = list(make_seeds(check_seed(seed), self.num_envs))
        if mask.all():
            observations, columns = self.core.reset(seed)
        else:
            observations, columns = self._reset_some(mask, seed)
        self._ended[mask] = False
        self._last = observations.copy()
        return observations, _masked(columns, mask)

    def _reset_some(self, mask: Booleans, seeds: Sequence[int | None]) -> tuple[Observation, Columns]:
        if self._last is None:
            raise ClosedError("reset_mask before the first reset: reset all environments first")
        if not isinstance(seeds, Sequence) or len(seeds) != self.num_envs:
            raise InputError(f"seed={show(seeds)}: expected a whole number, or one for each of {self.num_envs} environments")
        indices, observations = np.flatnonzero(mask), self._last.copy()
        observations[indices], columns = self.core.restart(indices, [_check(seeds[index]) for index in indices.tolist()])
        return observations, columns

    def _read_mask(self, options: dict[str, Any] | None) -> Booleans:
        """The environments to reset, shape `(num_envs,)`."""
        if not options:
            return np.ones(self.num_envs, dtype=bool)
        if not isinstance(options, Mapping):
            raise InputError(f"options={show(options)}: expected a dictionary")
        for key in options:
            if key != RESET_MASK:
                raise UnknownArgumentError(
                    f"options={show(options)}: expected {RESET_MASK!r} only; scenarios are set when the vector environment is made"
                )
        mask = options[RESET_MASK]
        if not isinstance(mask, np.ndarray) or mask.shape != (self.num_envs,) or mask.dtype != bool or not mask.any():
            raise InputError(
                f"options={{{RESET_MASK!r}: {show(mask)}}}: expected a numpy array of {self.num_envs} truth values, at least one True"
            )
        return mask

    def step(self, actions: npt.ArrayLike) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """One interval in every environment; `actions` has shape `(num_envs, num_hosts)`.

        Raises:
            InputError: an action is out of range or of the wrong shape; nothing has started then.
            EngineError: the simulator failed; all environments are closed then.
            ClosedError: there was no `reset` yet, the vector environment was closed, or an episode has ended and `autoreset_mode` is
                `Disabled`.
        """
        limits_bps = self.core.read_actions(actions)
        if self.autoreset_mode is AutoresetMode.DISABLED and self._ended.any():
            raise ClosedError(
                f"step after the end of the episode of environment {', '.join(map(str, np.flatnonzero(self._ended)))}: reset it with "
                f"options={{{RESET_MASK!r}: mask}}, or use another autoreset_mode"
            )
        outcome = self.core.step(limits_bps)
        if self.autoreset_mode is AutoresetMode.SAME_STEP:
            results = self._restart_now(outcome)
        elif self.autoreset_mode is AutoresetMode.NEXT_STEP:
            results = self._restart_later(outcome)
        else:
            self._ended = outcome.terminated | outcome.truncated
            results = outcome.observations, outcome.rewards, outcome.terminated, outcome.truncated, _masked(outcome.info)
        self._last = results[0].copy()
        return results

    def _restart_later(self, outcome: BatchStep) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """Start the next episodes of those environments whose episode had ended before this step."""
        observations, rewards, columns = outcome.observations, outcome.rewards, outcome.info
        stepped = ~self._ended
        if self._ended.any():
            restarted = np.flatnonzero(self._ended)
            observations[restarted], first = self.core.restart(restarted)
            rewards[restarted] = 0
            columns = _choose(stepped, columns, first)
        terminated, truncated = outcome.terminated & stepped, outcome.truncated & stepped
        self._ended = terminated | truncated
        return observations, rewards, terminated, truncated, _masked(columns)

    def _restart_now(self, outcome: BatchStep) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """Start the next episodes of those environments whose episode ended in this step."""
        observations, columns = outcome.observations, outcome.info
        ended = outcome.terminated | outcome.truncated
        infos: dict[str, Any] = {}
        if ended.any():
            last = np.full(self.num_envs, None, dtype=object)
            for index in np.flatnonzero(ended).tolist():
                last[index] = observations[index].copy()
            infos = _masked({"final_obs": last, "final_info": _masked(columns, ended)}, ended)
            observations[ended], first = self.core.restart(np.flatnonzero(ended))
            columns = _choose(ended, first, columns)
        return observations, outcome.rewards, outcome.terminated, outcome.truncated, infos | _masked(columns)

    def render(self) -> tuple[Frame, ...]:
        """A frame of each environment, see `iroko.envs.render`.

        Raises:
            InputError: the vector environment has no render mode.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        return tuple(screen.frame(member.snapshot) for screen, member in zip(self._screens, self.core.members, strict=True))

    def close_extras(self, **kwargs: Any) -> None:
        """Close the simulator; `close` calls this, once."""
        for screen in self._screens:
            screen.close()
        self.core.close()


def _check(seed: int | None) -> int | None:
    return None if seed is None else check_seed(seed)


def _choose(counts: Booleans, values: Columns, others: Columns) -> Columns:
    """For each environment that counts its row of `values`, else that of `others`."""
    return {key: np.where(_wide(counts, value), value, others[key]) for key, value in values.items()}


def _masked(values: Mapping[str, Any], counts: Booleans | None = None) -> dict[str, Any]:
    """Gymnasium's infos: for each key its values and a mask of the environments that have one, by default all; others' numbers are 0."""
    infos: dict[str, Any] = {}
    for key, value in values.items():
        is_numbers = isinstance(value, np.ndarray) and value.dtype != object
        infos[key] = np.where(_wide(counts, value), value, value.dtype.type(0)) if is_numbers and counts is not None else value
        infos[f"_{key}"] = np.ones(len(value), dtype=bool) if counts is None else counts.copy()
    return infos


def _wide(counts: Booleans, values: npt.NDArray[Any]) -> Booleans:
    """The mask with as many axes as the values."""
    return counts.reshape(-1, *[1] * (values.ndim - 1))


def _make(name: str, topology: str, num_envs: int, arguments: dict[str, Any]) -> IrokoVectorEnv:
    scenario, own = split_arguments(name, topology, arguments, {"engine", "seed", *OPTIONS})
    if own.get("engine", "sim") not in ("sim", None):
        raise InputError(
            f"engine={own['engine']!r}: expected 'sim', which alone steps many environments at once; "
            "with vectorization_mode='sync' they are stepped one after the other, on any engine"
        )
    check_num_envs(num_envs)
    options = {key: own[key] for key in OPTIONS if key in own}
    return IrokoVectorEnv([scenario] * num_envs, make_seeds(own.get("seed", 0), num_envs), **options)


def make_dumbbell(num_envs: int = 1, **arguments: Any) -> IrokoVectorEnv:
    """Several of `iroko/Dumbbell-v0` in one simulator, with the arguments of the one; each has a seed drawn from `seed`."""
    return _make("iroko/Dumbbell-v0", "dumbbell", num_envs, arguments)


def make_fattree(num_envs: int = 1, **arguments: Any) -> IrokoVectorEnv:
    """Several of `iroko/FatTree-v0` in one simulator, with the arguments of the one; each has a seed drawn from `seed`."""
    return _make("iroko/FatTree-v0", "fattree", num_envs, arguments)
