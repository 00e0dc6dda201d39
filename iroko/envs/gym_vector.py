"""Gymnasium's vector environment: many fabrics at once."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

import iroko
from iroko.engines.side_by_side import ON_FAILURE
from iroko.envs.autoreset import AUTORESETS, read_autoreset_mode
from iroko.envs.common import check_seed, check_seeds, make_seeds
from iroko.envs.core import BatchEnv
from iroko.envs.gym_infos import RESET_MASK, masked, read_mask
from iroko.envs.info import Columns
from iroko.envs.observation import Observation
from iroko.envs.render import RENDER_FPS, RGB_ARRAY, Frame, Screen, check_render_mode
from iroko.envs.slots import make_side_by_side
from iroko.errors import ClosedError, InputError
from iroko.metrics import Booleans
from iroko.registry import check_name, show
from iroko.scenario import Scenario
from iroko.snapshot import Floats

if TYPE_CHECKING:
    from iroko.engines.base import Batch

iroko.register_envs()


class IrokoVectorEnv(VectorEnv[Observation, npt.NDArray[np.float32], npt.NDArray[Any]]):
    """Steps many fabrics at once, each as `iroko.envs.environment.IrokoEnv` describes it: in one simulator, or guests side by side.

    `autoreset_mode` is one of `gymnasium.vector.AutoresetMode` or its value:

    - `NextStep`: after the end of an episode the next step of that environment starts the next episode, takes no action and gives no
      reward. All wrappers of Gymnasium support this mode.
    - `SameStep`: the step that ends an episode returns the first observation of the next one; the infos hold the last observation in
      `final_obs` and its info in `final_info`.
    - `Disabled`: the caller resets the environments whose episode has ended, with `reset(options={"reset_mask": mask})`.

    The infos have the keys of `iroko.envs.environment.IrokoEnv`. Each is an array of shape `(num_envs,)`, or `(num_envs, num_hosts)` for
    `host_rewards`, beside a mask of shape `(num_envs,)` under the same name with `_` before it: whose values they are.

    With `render_mode="rgb_array"` `render` returns one frame for each environment.

    `gymnasium.make_vec("iroko/FatTree-v0", num_envs=16, k=4, ...)` takes the arguments of `gymnasium.make`. `engine` is `sim`, the
    default, or `guest`; each guest wants a processor core and up to 400 MB of memory.

    When one guest fails, all are closed and the error names its environment. With `on_failure="replace"` only its own episode ends: it is
    truncated with the last observation, a reward of 0 and the error's text under `engine_error` in the infos, and the next one begins
    on a new guest. Where that one fails before the end of its first episode, all are closed.

    Attributes:
        autoreset_mode: how an episode follows another; also in `metadata`.
        core: the batch, with its members, snapshot and clocks.
    """

    def __init__(
        self,
        scenarios: Sequence[Scenario],
        seeds: Sequence[int],
        batch: "Batch | None" = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        engine: str = "sim",
        on_failure: str = "end",
    ) -> None:
        """Make the spaces; engines are opened at the first `reset`.

        Args:
            scenarios, seeds, batch: as `iroko.envs.core.BatchEnv` takes them.
            autoreset_mode: `NextStep`, `SameStep` or `Disabled`.
            render_mode: `rgb_array` or None.
            max_episode_steps: truncates episodes that are longer, as `gymnasium.wrappers.TimeLimit` does; None or -1: none.
            engine: `sim`, one simulator of all, or the name of another, of which each environment has its own.
            on_failure: when one of several engines fails, `end` all, or `replace` it and go on; one simulator of all fails as a whole.

        Raises:
            InputError: the scenarios do not fit together.
            UnknownArgumentError: an unknown mode.
        """
        self.autoreset_mode = read_autoreset_mode(autoreset_mode)
        self.render_mode = check_render_mode(render_mode, (RGB_ARRAY,))
        self.metadata = {"render_modes": [RGB_ARRAY], "render_fps": RENDER_FPS, "autoreset_mode": self.autoreset_mode}
        check_name("on_failure", on_failure, ON_FAILURE)
        beside = None if engine == "sim" else make_side_by_side(engine, scenarios, seeds, on_failure)
        self.core = BatchEnv(scenarios, seeds, batch, None if max_episode_steps == -1 else max_episode_steps, beside)
        self.num_envs = self.core.num_envs
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._ended = np.zeros(self.num_envs, dtype=bool)
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
        mask = read_mask(options, self.num_envs)
        if seed is None:
            seed = [None] * self.num_envs
        elif isinstance(seed, (int, np.integer)):
            seed = list(make_seeds(check_seed(seed), self.num_envs))
        if mask.all():
            observations, columns = self.core.reset(seed)
        else:
            observations, columns = self._reset_some(mask, seed)
        self._ended[mask] = False
        return observations, masked(columns, mask)

    def _reset_some(self, mask: Booleans, seeds: Sequence[int | None]) -> tuple[Observation, Columns]:
        if not self.core.has_begun:
            raise ClosedError("reset_mask before the first reset: reset all environments first")
        if not isinstance(seeds, Sequence) or len(seeds) != self.num_envs:
            raise InputError(f"seed={show(seeds)}: expected a whole number, or one for each of {self.num_envs} environments")
        chosen = check_seeds(seeds, self.num_envs)
        indices, observations = np.flatnonzero(mask), self.core.last.copy()
        observations[indices], columns = self.core.restart(indices, [chosen[index] for index in indices.tolist()])
        return observations, columns

    def step(self, actions: npt.ArrayLike) -> tuple[Observation, Floats, Booleans, Booleans, dict[str, Any]]:
        """One interval in every environment; `actions` has shape `(num_envs, num_hosts)`.

        Raises:
            InputError: an action is out of range or of the wrong shape; nothing has started then.
            EngineError: an engine failed and is not replaced; all environments are closed then.
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
        result = AUTORESETS[self.autoreset_mode](self.core, outcome, self._ended)
        self._ended = result[2] | result[3]
        return result

    def render(self) -> tuple[Frame, ...]:
        """A frame of each environment, see `iroko.envs.render`.

        Raises:
            InputError: the vector environment has no render mode.
            ClosedError: there was no `reset` yet, or the vector environment was closed.
        """
        return tuple(screen.frame(member.snapshot) for screen, member in zip(self._screens, self.core.members, strict=True))

    def close_extras(self, **kwargs: Any) -> None:
        """Close the engines; `close` calls this, once."""
        for screen in self._screens:
            screen.close()
        self.core.close()
