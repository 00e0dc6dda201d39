"""The entry points of the environments that `iroko.register_envs` registers with Gymnasium."""

from typing import Any

from iroko.env import IrokoEnv
from iroko.env_common import split_arguments


def _make(name: str, topology: str, arguments: dict[str, Any]) -> IrokoEnv:
    scenario, own = split_arguments(name, topology, arguments, {"engine", "seed", "render_mode"})
    return IrokoEnv(scenario, **own)


def make_dumbbell(**arguments: Any) -> IrokoEnv:
    """`iroko/Dumbbell-v0`: the arguments of `topologies.dumbbell`, the fields of `Scenario`, `engine` and `seed`."""
    return _make("iroko/Dumbbell-v0", "dumbbell", arguments)


def make_fattree(**arguments: Any) -> IrokoEnv:
    """`iroko/FatTree-v0`: the arguments of `topologies.fattree`, the fields of `Scenario`, `engine` and `seed`."""
    return _make("iroko/FatTree-v0", "fattree", arguments)
