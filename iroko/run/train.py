"""Training an agent on several networks side by side, in sections from whose ends it can go on as if it had never stopped.

A section is some whole episodes on engines of its own, drawn from a seed of its own. A checkpoint is written at its end. So a training
that was broken off and goes on is, section for section, the training in one go: where the engine repeats, so does the agent.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from iroko.agent import Agent, Progress, blamed_on
from iroko.engines.base import Clock
from iroko.engines.open import default_engine
from iroko.errors import ClosedError, InputError
from iroko.scenario import FLOWS, Scenario
from iroko.seeds import training_section_seed
from iroko.system.safe_folder import SafeFolder, check_folder, named

if TYPE_CHECKING:
    from iroko.envs.flow_trials import Trials
    from iroko.envs.sb3_vector import BatchVecEnv
    from iroko.envs.vector import IrokoVecEnv

CURVE = "curve.csv"
CURVE_COLUMNS = {"step": "int64", "episode_reward": "float64", "wall_s": "float64"}
SECTION_STEPS = {"sim": 10_000, "guest": 2_500, "mininet": 500}
"""About how many environment steps a section has: what a stop loses, some ten seconds to a minute of training."""
SECTION_TRIALS = 50
"""Simulations of a section with deployment `flows`, or what a generation has, if that is more: some seconds of processor time."""


def train(
    agent: Agent,
    scenario: Scenario,
    engine: str | None,
    num_steps: int,
    num_envs: int,
    seed: int,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_folder: Path | None = None,
    log_folder: Path | None = None,
    warn: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Train until the agent has learned from `num_steps` environment steps in all.

    An agent goes on from its own number of steps, an untrained one from the checkpoint if there is one. Equal arguments and seeds
    give an equal agent, as far as the engine repeats, however often the training was broken off.

    Args:
        engine: its name; None: the machine's default.
        num_envs: networks side by side, each with an engine of its own.
        seed: of the traffic and the engines; the agent has its own.
        on_progress: called after every step.
        checkpoint_folder: the agent and its learning curve are read from here, and written here at the end of each section; None:
            nowhere.
        log_folder: for TensorBoard; None: no logs.
        warn: told at the end, also at an early one, what to be wary of, a line each.

    Returns:
        The learning curve, one row for each episode: `step` (environment steps done at its end), `episode_reward`, and `wall_s`
        (real time since the start; a resumed curve counts on).

    Raises:
        InputError: the agent does not learn, or `num_steps` is below 1, or the checkpoint is broken or of another scenario.
        EngineError: an engine failed; all are closed then.
    """
    if not agent.learns:
        raise InputError(f"agent {agent.name} does not learn: train one that does, and use it as a baseline")
    if num_steps < 1:
        raise InputError(f"num_steps={num_steps}: expected 1 or more steps of training")
    curve = _Curve()
    if checkpoint_folder is not None and agent.num_steps_done == 0 and load_checkpoint(agent, checkpoint_folder):
        curve = _Curve.read(checkpoint_folder)
    section_steps = _section_steps(scenario, engine or default_engine(), num_envs)
    clock = Clock()
    try:
        while agent.num_steps_done < num_steps:
            first_step = agent.num_steps_done
            # Each section draws other traffic than the ones before it.
            note = _Note(curve, num_steps, clock, on_progress)
            env = note.env = _make_env(scenario, num_envs, engine, training_section_seed(seed, first_step))
            try:
                with blamed_on(agent, "train"):
                    agent.train(env, num_steps, note, log_folder, pause_at=first_step + section_steps)
            except InputError:
                if note.failure is not None:  # the caller's own, not the agent's
                    raise note.failure from None
                raise
            finally:
                clocks = note.clocks()
                env.close()
                clock = Clock.together([clock, *clocks])  # whole only now
            if checkpoint_folder is not None:
                save_checkpoint(agent, curve.table(), checkpoint_folder)
    finally:
        if warn is not None:
            for line in clock.warnings:
                warn(line)
    return curve.table()


def _make_env(scenario: Scenario, num_envs: int, engine: str | None, seed: int) -> Any:
    """Make the environment from which an agent of the scenario's deployment learns."""
    if scenario.deployment == FLOWS:
        from iroko.envs.flow_trials import Trials

        if engine not in (None, "sim"):
            raise InputError(f"train_engine={engine!r} with deployment {FLOWS}: expected 'sim', where many policies run side by side")
        return Trials(scenario, num_envs, seed)
    from iroko.envs.vector import make_vector

    return make_vector(scenario, num_envs, engine, seed)


def _section_steps(scenario: Scenario, engine: str, num_envs: int) -> int:
    """Whole episodes of all environments, at least one of each; of flows some generations."""
    if scenario.deployment == FLOWS:
        return SECTION_TRIALS
    episodes = num_envs * scenario.num_steps
    return max(1, round(SECTION_STEPS[engine] / episodes)) * episodes


class _Note:
    """What is called after each step of a section: it fills the curve and tells the progress."""

    env: "IrokoVecEnv | BatchVecEnv | Trials"

    def __init__(self, curve: "_Curve", num_steps: int, before: Clock, on_progress: Callable[[Progress], None] | None) -> None:
        self._curve, self._num_steps, self._before, self._on_progress = curve, num_steps, before, on_progress
        self.failure: Exception | None = None

    def clocks(self) -> list[Clock]:
        """Of this section's engines; none where they are not open."""
        try:
            return self.env.clocks
        except ClosedError:
            return []

    def __call__(self, steps_done: int, episode_rewards: list[float]) -> None:
        self._curve.add(steps_done, episode_rewards)
        if self._on_progress is not None:
            clocks, total = [self._before, *self.env.clocks], max(self._num_steps, steps_done)
            virtual_s, real_s = sum(clock.virtual_s for clock in clocks), sum(clock.real_s for clock in clocks)
            try:
                self._on_progress(Progress(steps_done, total, self._curve.last_reward, virtual_s, real_s))
            except Exception as error:
                self.failure = error
                raise


def save_checkpoint(agent: Agent, curve: pd.DataFrame, folder: Path) -> None:
    """Write the agent and its curve so that the folder always holds one whole checkpoint, also when the machine stops half-way.

    The new one is written beside the old, and takes its place when it is complete.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    new, old = f"{folder.name}.new", f"{folder.name}.old"
    with SafeFolder(folder.parent) as parent:
        # Removed, not written through: where a link is of that name, it goes.
        for rest in (new, old):
            parent.remove(rest)
        with named(parent):
            agent.save(parent.view / new, to_go_on=True)
            curve.to_csv(parent.view / new / CURVE, index=False)
        if _is_filled(folder):
            parent.rename(folder.name, old)
        elif folder.is_dir():
            folder.rmdir()
        parent.rename(new, folder.name)
        parent.remove(old)


def load_checkpoint(agent: Agent, folder: Path) -> bool:
    """Let the agent go on from a checkpoint.

    Returns:
        Whether there was one.

    Raises:
        InputError: it is broken, or of another agent or scenario, or holds links.
    """
    for place in (folder, *(folder.with_name(f"{folder.name}.{kind}") for kind in ("new", "old"))):
        check_folder(place, itself=True)
    old = folder.with_name(f"{folder.name}.old")
    if old.is_dir() and not _is_filled(folder):  # the machine stopped between the two renames of `save_checkpoint`
        if folder.is_dir():
            folder.rmdir()
        old.rename(folder)
    if not _is_filled(folder):
        return False
    agent.load(folder)
    return True


def _is_filled(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


class _Curve:
    """Rows of the learning curve, and the clock that they are timed by."""

    def __init__(self, rows: list[tuple[int, float, float]] | None = None) -> None:
        self._rows = rows or []
        self._started_s = time.monotonic() - (self._rows[-1][2] if self._rows else 0.0)
        self.last_reward: float | None = self._rows[-1][1] if self._rows else None

    @classmethod
    def read(cls, folder: Path) -> "_Curve":
        path = folder / CURVE
        if not path.exists():
            return cls()
        try:
            table = pd.read_csv(path).astype(CURVE_COLUMNS)[list(CURVE_COLUMNS)]
        except (ValueError, KeyError, OSError) as error:
            raise InputError(f"learning curve {path} is broken ({error}): remove {folder} and train again") from error
        return cls(list(table.itertuples(index=False, name=None)))

    def add(self, step: int, episode_rewards: list[float]) -> None:
        if not episode_rewards:
            return
        wall_s = time.monotonic() - self._started_s
        self._rows += [(step, reward, wall_s) for reward in episode_rewards]
        self.last_reward = float(np.mean(episode_rewards))

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self._rows, columns=list(CURVE_COLUMNS)).astype(CURVE_COLUMNS)
