"""The entry points of the environments that `iroko.register_envs` registers with Gymnasium."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from iroko.envs.common import check_num_envs, make_seeds, split_arguments
from iroko.envs.environment import IrokoEnv
from iroko.envs.render import RENDER_FPS, RENDER_MODES

if TYPE_CHECKING:
    from iroko.envs.gym_vector import IrokoVectorEnv


@dataclass(frozen=True)
class Maker:
    """Makes environments of one topology; takes the topology's arguments, the fields of `Scenario`, `engine`, `seed` and `render_mode`.

    Attributes:
        name: the environment's id.
        topology: the name of its topology.
        metadata: where Gymnasium looks up the render modes before it calls this; it adds `rgb_array_list` to them.
    """

    name: str
    topology: str
    metadata: dict[str, Any] = field(default_factory=lambda: {"render_modes": list(RENDER_MODES), "render_fps": RENDER_FPS})

    def __call__(self, **arguments: Any) -> IrokoEnv:
        scenario, own = split_arguments(self.name, self.topology, arguments, {"engine", "seed", "render_mode"})
        return IrokoEnv(scenario, **own)


@dataclass(frozen=True)
class VectorMaker:
    """Makes vector environments of one topology, for `gymnasium.make_vec`; each environment has a seed drawn from `seed`.

    It takes the arguments of `Maker` but `render_mode="human"`, and those of `iroko.envs.gym_vector.IrokoVectorEnv` by name.
    """

    name: str
    topology: str

    def __call__(self, num_envs: int = 1, **arguments: Any) -> "IrokoVectorEnv":
        from iroko.envs.gym_vector import IrokoVectorEnv

        scenario, own = split_arguments(self.name, self.topology, arguments, {"engine", "seed", *VECTOR_OPTIONS})
        check_num_envs(num_envs)
        options = {key: own[key] for key in VECTOR_OPTIONS if key in own}
        seeds = make_seeds(own.get("seed", 0), num_envs)
        return IrokoVectorEnv([scenario] * num_envs, seeds, engine=own.get("engine") or "sim", **options)


VECTOR_OPTIONS = ("autoreset_mode", "render_mode", "max_episode_steps", "on_failure")
make_dumbbell = Maker("iroko/Dumbbell-v0", "dumbbell")
make_fattree = Maker("iroko/FatTree-v0", "fattree")
make_dumbbells = VectorMaker("iroko/Dumbbell-v0", "dumbbell")
make_fattrees = VectorMaker("iroko/FatTree-v0", "fattree")
