"""The entry points of the environments that `iroko.register_envs` registers with Gymnasium."""

from dataclasses import dataclass, field
from typing import Any

from iroko.envs.common import split_arguments
from iroko.envs.environment import IrokoEnv
from iroko.envs.render import RENDER_FPS, RENDER_MODES


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


make_dumbbell = Maker("iroko/Dumbbell-v0", "dumbbell")
make_fattree = Maker("iroko/FatTree-v0", "fattree")
