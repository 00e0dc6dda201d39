"""The places of environments' engines, which are opened by name at the first reset, or given open."""

from collections.abc import Sequence
from functools import partial

from iroko.engines.base import Engine
from iroko.engines.open import default_engine, open_engine
from iroko.engines.side_by_side import SideBySide, Slot
from iroko.envs.common import check_engine, check_scenarios, check_seeds
from iroko.errors import InputError
from iroko.scenario import Scenario, share_fabrics
from iroko.seeds import engine_seed
from iroko.topology import Topology


def make_slot(engine: str | Engine | None, topology: Topology, seed: int) -> Slot:
    """Make the place of an environment's engine.

    Args:
        engine: a name, None for the machine's default, or an open engine, which its owner closes.
        seed: of the environment; that of the engine is derived from it.

    Raises:
        InputError: an engine of another topology, or of an unknown name.
    """
    name, given = check_engine(engine, topology)
    return Slot(None if given is not None else partial(_open, name, topology), engine_seed(seed), given)


def _open(name: str | None, topology: Topology, seed: int) -> Engine:
    return open_engine(name or default_engine(), topology, seed)


def make_side_by_side(engine: str, scenarios: Sequence[Scenario], seeds: Sequence[int], on_failure: str) -> SideBySide:
    """Make the places of an engine for each scenario.

    Raises:
        InputError: as for `make_slot` and `check_number`, or there is no scenario, or not one seed for each.
    """
    check_scenarios(scenarios)
    check_number(engine, len(scenarios))
    parts = zip(share_fabrics(scenarios), check_seeds(seeds, len(scenarios)), strict=True)
    return SideBySide([make_slot(engine, topology, seed or 0) for topology, seed in parts], on_failure)


def check_number(engine: str | None, num_envs: int) -> None:
    """Refuse more engines than one machine runs.

    Raises:
        InputError: there are several of `mininet`.
    """
    if engine == "mininet" and num_envs > 1:
        raise InputError(f"num_envs={num_envs} with engine mininet: expected 1; several fabrics would share this machine's processors")
