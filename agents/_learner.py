"""What all learners share: Stable-Baselines3 inside the protocol of `iroko.agent`."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from stable_baselines3 import A2C
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor, VecNormalize

from iroko.agent import Action, Agent, TrainCallback
from iroko.envs.deployment import Deployment
from iroko.errors import InputError
from iroko.scenario import Scenario
from iroko.seeds import learner_seed
from iroko.topology import Topology
from iroko.wrappers import CompressPenalties, UnitActions, clipped_mean, keep_mean_in_range, start_low, to_fractions, unit_box

from ._logs import make_logger
from ._models import FORMAT, broken_weights, check_card, read_replay, read_weights, write_model
from ._replay_buffer import Replay, give_replay, take_replay
from ._settings import check_settings
from ._wrappers import Relay, RewardScale, Spaces

MakeAlgorithm = Callable[[VecEnv], BaseAlgorithm]


class Learner(Agent):
    """An algorithm of Stable-Baselines3 as an agent. Training uses the processor only, and one thread: the guests want the others.

    Saved are the networks, the optimizers' states, what has been counted and the scale of the rewards; to go on also the replay buffer.
    """

    learns = True

    def __init__(
        self,
        name: str,
        scenario: Scenario,
        topology: Topology,
        seed: int,
        settings: dict[str, Any],
        make_algorithm: MakeAlgorithm,
    ) -> None:
        """Make the untrained agent.

        Args:
            settings: of the algorithm, kept with the model; `gamma` also discounts in the scale of the rewards.
            make_algorithm: builds the algorithm for a vector environment whose actions go from -1 to 1.

        Raises:
            InputError: a setting is out of range.
        """
        super().__init__(name)
        check_settings(name, settings)
        torch.set_num_threads(1)
        self._deployment = Deployment.of(scenario, topology)
        self._min_fraction = scenario.min_fraction
        self._seed = seed
        self._settings = settings
        self._make_algorithm = make_algorithm
        self._card = {"format": FORMAT, "agent": name, **self._deployment.card}
        self._rewards = RewardScale(mean=0.0, var=1.0, count=1e-4)
        self._replay: Replay | None = None
        self._algorithm = self._build(DummyVecEnv([lambda: Spaces(self._deployment.space, unit_box(self._deployment.num_limits))]))

    @property
    def num_steps_done(self) -> int:
        # Stable-Baselines3 counts decisions.
        return int(self._algorithm.num_timesteps) // self._deployment.num_policies

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        decisions = observation.reshape(self._deployment.num_policies, -1)
        if isinstance(self._algorithm, OnPolicyAlgorithm):
            with torch.no_grad():
                batch, _ = self._algorithm.policy.obs_to_tensor(decisions)
                drawn = cast(torch.distributions.Normal, self._algorithm.policy.get_distribution(batch).distribution)
                assert isinstance(drawn, torch.distributions.Normal)
                action = clipped_mean(drawn.mean, drawn.stddev).numpy()
        else:
            action, _ = self._algorithm.policy.predict(decisions, deterministic=True)
        return to_fractions(action.reshape(-1), self._min_fraction)

    def train(
        self,
        vector_env: VecEnv,
        num_steps: int,
        callback: TrainCallback | None = None,
        log_folder: Path | None = None,
        pause_at: int | None = None,
    ) -> None:
        if not self._deployment.fits(vector_env):
            raise InputError(f"agent {self.name} cannot train here: expected the topology, features and deployment that it was made for")
        remaining = min(num_steps, pause_at or num_steps) - self.num_steps_done
        if remaining <= 0:
            return
        rows = self._deployment.rows(VecMonitor(vector_env))
        env = VecNormalize(
            CompressPenalties(UnitActions(rows, self._min_fraction)), norm_obs=False, clip_reward=np.inf,
            gamma=self._settings.get("gamma", 1.0),
        )  # fmt: skip
        self._rewards.give_to(env.ret_rms)
        state = self._state()
        self._algorithm = self._build(env)
        self._restore(state)
        give_replay(self._algorithm, self._replay)
        _spread_schedules(self._algorithm, num_steps * self._deployment.num_policies)
        self._algorithm.set_logger(make_logger(log_folder))
        num_policies = self._deployment.num_policies
        relay = Relay(callback, env, self._rewards, num_policies)
        try:
            self._algorithm.learn(remaining * num_policies, callback=relay, log_interval=1, reset_num_timesteps=False)
        finally:
            self._algorithm.logger.close()
            self._replay = take_replay(self._algorithm)

    def save(self, folder: Path, to_go_on: bool = False) -> None:
        card = self._card | {"settings": self._settings, "num_steps_done": self.num_steps_done}
        write_model(folder, card, self._state(), self._replay if to_go_on else None)

    def load(self, folder: Path) -> None:
        check_card(folder, self._card)
        stored, replay = read_weights(folder), read_replay(folder)
        before = copy.deepcopy(self._state())
        try:
            self._restore(torch.load(stored, map_location="cpu", weights_only=True))
            self._replay = None if replay is None else torch.load(replay, map_location="cpu", weights_only=True)
        except Exception as error:  # torch has no one error for a file that is cut off or holds something else
            self._restore(before)
            raise broken_weights(folder, error) from error

    def _build(self, env: VecEnv) -> BaseAlgorithm:
        # Stable-Baselines3 draws from the global generators. Its own seeding would also overwrite the environments' seeds.
        seed = learner_seed(self._seed, self.num_steps_done if hasattr(self, "_algorithm") else 0)
        set_random_seed(seed)
        env.action_space.seed(seed)
        algorithm = self._make_algorithm(env)
        start_low(algorithm)
        if isinstance(algorithm, A2C) or (self._deployment.num_policies > 1 and isinstance(algorithm, OnPolicyAlgorithm)):
            keep_mean_in_range(algorithm)
        return algorithm

    def _state(self) -> dict[str, Any]:
        _, variables = self._algorithm._get_torch_save_params()
        return {
            "modules": self._algorithm.get_parameters(),
            "variables": {name: getattr(self._algorithm, name).detach().clone() for name in variables},
            "num_steps_done": self.num_steps_done,
            "num_updates": int(getattr(self._algorithm, "_n_updates", 0)),
            "rewards": vars(self._rewards).copy(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._algorithm.set_parameters(state["modules"], exact_match=True)
        for name, value in state["variables"].items():
            getattr(self._algorithm, name).data.copy_(value)
        self._algorithm.num_timesteps = int(state["num_steps_done"]) * self._deployment.num_policies
        if hasattr(self._algorithm, "_n_updates"):
            self._algorithm._n_updates = int(state["num_updates"])
        self._rewards = RewardScale(**{key: float(value) for key, value in state["rewards"].items()})


def _spread_schedules(algorithm: BaseAlgorithm, num_decisions: int) -> None:
    """Let what falls over a training fall over all of it, of which a call of `learn` may be a part."""

    def update(num_timesteps: int, total_timesteps: int) -> None:
        BaseAlgorithm._update_current_progress_remaining(algorithm, num_timesteps, num_decisions)

    algorithm._update_current_progress_remaining = update  # type: ignore[method-assign]
