"""What all learners share: Stable-Baselines3 inside the protocol of `iroko.agent`, and models as files without pickle.

A learner sees the environment through three wrappers. Actions go from -1 to 1, in proportion to the fractions from `min_fraction`
to 1. Rewards below 0 are compressed to -log(1 - reward): with the default reward one full queue of a fat-tree costs as much as 40
hosts earn, and without the compression such steps drown all others in the statistics and in the critic's loss. Then they are
divided by the running standard deviation of the discounted return, as far as the algorithm wants it. Scores are never compressed.
"""

import copy
import io
import json
import math
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
import numpy.typing as npt
import torch
from gymnasium.spaces import Box
from stable_baselines3 import TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecEnvWrapper, VecMonitor, VecNormalize
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from iroko.agent import Action, Agent, TrainCallback
from iroko.errors import InputError
from iroko.observation import Observer
from iroko.scenario import Scenario
from iroko.topology import Topology
from iroko.vector import IrokoVecEnv

CARD, WEIGHTS = "agent.json", "weights.pt"
FORMAT = 1
"""Of the saved files; a change that older code cannot read raises it."""
NET = (64, 64)
"""Hidden layers of every network: the observation is a vector of some hundred values at most, mostly near linear in effect."""
BUFFER_STEPS = 50_000
"""What a replay buffer holds: all of a usual training."""
START_ACTION = -1.3
"""Where an untrained policy's mean lies: below the least rate, so that with its noise about one host in five sends more. A start
with full queues teaches nothing, since a little more or less sent changes nothing there; from an idle network upward every host's
rate shows in the reward. TCP's slow start does the same."""

START_TANH = -0.95
"""The same for the actors that end in a tanh, which is flat at -1 itself."""

PULL, PULL_FROM = 0.1, 1.5
"""Of `keep_from_saturating`; at 1.5 the tanh is 0.9, and its slope a fifth."""

MakeAlgorithm = Callable[[VecEnv], BaseAlgorithm]


def falling(start: float, end_share: float = 0.1) -> Callable[[float], float]:
    """A learning rate that falls in a line from `start` to `end_share` of it over the training."""
    return lambda remaining: start * (end_share + (1 - end_share) * remaining)


def policy_noise(env: VecEnv, std: float) -> NormalActionNoise:
    """Independent normal noise on every host's action."""
    assert env.action_space.shape is not None
    return NormalActionNoise(np.zeros(env.action_space.shape), np.full(env.action_space.shape, std))


def replay_settings(env: VecEnv, rollout_steps: int, gradient_steps: int, batch_steps: int) -> dict[str, Any]:
    """What the algorithms that learn from replay have in common.

    Learning starts at once: until then Stable-Baselines3 would act evenly at random over the whole range, which fills every queue.
    """
    return {
        "buffer_size": BUFFER_STEPS,
        "batch_size": batch_steps,
        "learning_starts": 0,
        "train_freq": (max(1, rollout_steps // env.num_envs), "step"),
        "gradient_steps": gradient_steps,
    }


def keep_from_saturating(algorithm: TD3) -> None:
    """Pull the actor's outputs back before their tanh grows flat.

    A young critic says that more is better, and the actor follows to where its tanh has no slope left: from there it never comes
    back, although the critic learns. So the gradient of (`PULL` / 2) (|x| - `PULL_FROM`)^2 is added for each output x before the
    tanh that lies beyond `PULL_FROM`. A deterministic actor has no entropy that would hold it back.
    """

    def add_pull(layer: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
        if output.requires_grad:
            values = output.detach()
            pull = PULL / len(values) * torch.sign(values) * torch.relu(values.abs() - PULL_FROM)
            output.register_hook(lambda gradient: gradient + pull)  # type: ignore[no-untyped-call]

    _last_layer(algorithm.actor).register_forward_hook(add_pull)


def check_settings(name: str, settings: dict[str, Any]) -> None:
    """Refuse settings that no algorithm can work with.

    Raises:
        InputError: a discount outside 0 to 1, or another setting that is not above 0; the message names it.
    """
    for key, value in settings.items():
        if key in ("gamma", "gae_lambda", "tau"):
            if not 0 <= value <= 1:
                raise InputError(f"{key}={value:g} of agent {name}: expected 0 <= {key} <= 1")
        elif isinstance(value, (int, float)) and key != "log_std" and not value > 0:
            raise InputError(f"{key}={value:g} of agent {name}: expected {key} > 0")


def clipped_mean(mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """The mean of a normal variable clipped to -1 and 1, elementwise.

    The environment clips what the policy draws, so near a bound the hosts sent less, or more, in training than the policy's own
    mean says. Scoring that mean instead would shift the rates by what training never saw, and a few percent too much fill a queue.
    """
    low, high = (-1 - mean) / std, (1 - mean) / std
    below, above = torch.special.ndtr(low), torch.special.ndtr(-high)
    densities = (torch.exp(-low * low / 2) - torch.exp(-high * high / 2)) / math.sqrt(2 * math.pi)
    clipped: torch.Tensor = above - below + mean * (1 - below - above) + std * densities
    return clipped


class Learner(Agent):
    """An algorithm of Stable-Baselines3 as an agent. Training uses the processor only, and one thread: the guests want the others.

    Saved are the networks, the optimizers' states, the steps done and the scale of the rewards: the same two files serve for
    scoring and for going on. A replay buffer is not stored; an algorithm with one refills it when training goes on.
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
        observer = Observer(topology, scenario.features)
        self._observation_space = Box(observer.low, observer.high, dtype=np.float32)
        self._min_fraction = scenario.min_fraction
        self._seed = seed
        self._settings = settings
        self._make_algorithm = make_algorithm
        self._card = {
            "format": FORMAT,
            "agent": name,
            "topology": topology.name,
            "hosts": list(topology.hosts),
            "features": list(scenario.features),
            "observation_size": observer.size,
            "action_size": topology.num_hosts,
            "min_fraction": scenario.min_fraction,
        }
        self._rewards = _RewardScale(mean=0.0, var=1.0, count=1e-4)
        self._algorithm = self._build(DummyVecEnv([lambda: _Spaces(self._observation_space, _unit_box(topology.num_hosts))]))

    @property
    def num_steps_done(self) -> int:
        return int(self._algorithm.num_timesteps)

    def act(self, observation: npt.NDArray[np.float32]) -> Action:
        if isinstance(self._algorithm, OnPolicyAlgorithm):
            with torch.no_grad():
                batch, _ = self._algorithm.policy.obs_to_tensor(observation)
                drawn = cast(torch.distributions.Normal, self._algorithm.policy.get_distribution(batch).distribution)
                assert isinstance(drawn, torch.distributions.Normal)
                action = clipped_mean(drawn.mean, drawn.stddev)[0].numpy()
        else:
            action, _ = self._algorithm.policy.predict(observation, deterministic=True)
        return _to_fractions(action, self._min_fraction)

    def train(self, vector_env: IrokoVecEnv, num_steps: int, callback: TrainCallback | None = None, log_folder: Path | None = None) -> None:
        if vector_env.observation_space != self._observation_space or vector_env.action_space.shape != (self._card["action_size"],):
            raise InputError(f"agent {self.name} cannot train here: expected the topology and features that it was made for")
        remaining = num_steps - self.num_steps_done
        if remaining <= 0:
            return
        env = VecNormalize(
            _Learned(VecMonitor(vector_env), self._min_fraction), norm_obs=False, clip_reward=np.inf, gamma=self._settings["gamma"]
        )
        self._rewards.give_to(env.ret_rms)
        state = self._state()
        self._algorithm = self._build(env)
        self._restore(state)
        self._algorithm.set_logger(_make_logger(log_folder))
        relay = _Relay(callback, env, self._rewards)
        try:
            self._algorithm.learn(remaining, callback=relay, log_interval=1, reset_num_timesteps=False)
        finally:
            self._algorithm.logger.close()

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        card = self._card | {"settings": self._settings, "num_steps_done": self.num_steps_done, "iroko": _iroko_version()}
        (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        torch.save(self._state(), folder / WEIGHTS)

    def load(self, folder: Path) -> None:
        card = _read_card(folder)
        for key, mine in self._card.items():
            if card.get(key) != mine:
                found, expected = _shorten(card.get(key)), _shorten(mine)
                raise InputError(f"model {folder} has {key}={found}, this run has {expected}: score it with the scenario it was trained in")
        path = folder / WEIGHTS
        try:
            stored = io.BytesIO(path.read_bytes())
        except OSError as error:
            raise InputError(f"model {path}: {error.strerror or error}; give a folder that a run has written") from error
        before = copy.deepcopy(self._state())
        try:
            self._restore(torch.load(stored, map_location="cpu", weights_only=True))
        except Exception as error:  # torch has no one error for a file that is cut off or holds something else
            self._restore(before)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise InputError(f"model {path} is broken ({reason[:100]}): train again") from error

    def _build(self, env: VecEnv) -> BaseAlgorithm:
        # Stable-Baselines3 draws from the global generators. Its own seeding would also overwrite the environments' seeds.
        seed = self._seed if not hasattr(self, "_algorithm") else (self._seed + self.num_steps_done) % (1 << 32)
        set_random_seed(seed)
        env.action_space.seed(seed)
        algorithm = self._make_algorithm(env)
        _start_low(algorithm)
        return algorithm

    def _state(self) -> dict[str, Any]:
        _, variables = self._algorithm._get_torch_save_params()
        return {
            "modules": self._algorithm.get_parameters(),
            "variables": {name: getattr(self._algorithm, name).detach().clone() for name in variables},
            "num_steps_done": self.num_steps_done,
            "rewards": vars(self._rewards).copy(),
        }

    def _restore(self, state: dict[str, Any]) -> None:
        self._algorithm.set_parameters(state["modules"], exact_match=True)
        for name, value in state["variables"].items():
            getattr(self._algorithm, name).data.copy_(value)
        self._algorithm.num_timesteps = int(state["num_steps_done"])
        self._rewards = _RewardScale(**{key: float(value) for key, value in state["rewards"].items()})


class _RewardScale:
    """The running statistics of the discounted return, by which rewards are divided."""

    def __init__(self, mean: float, var: float, count: float) -> None:
        self.mean, self.var, self.count = mean, var, count

    def give_to(self, statistics: RunningMeanStd) -> None:
        """Let running statistics go on from these."""
        statistics.mean, statistics.var = np.array(self.mean), np.array(self.var)
        statistics.count = self.count


class _Learned(VecEnvWrapper):
    """Actions from -1 to 1, and penalties compressed."""

    def __init__(self, venv: VecEnv, min_fraction: float) -> None:
        assert venv.action_space.shape is not None
        super().__init__(venv, action_space=_unit_box(venv.action_space.shape[0]))
        self._min_fraction = min_fraction

    def reset(self) -> Any:
        return self.venv.reset()

    def step_async(self, actions: npt.NDArray[np.float32]) -> None:
        self.venv.step_async(_to_fractions(actions, self._min_fraction))

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, dones, infos = self.venv.step_wait()
        return observations, np.where(rewards < 0, -np.log1p(np.maximum(-rewards, 0)), rewards), dones, infos


class _Spaces(gymnasium.Env[npt.NDArray[np.float32], npt.NDArray[np.float32]]):
    """Spaces without an environment behind them: enough to build networks for. It is never reset or stepped."""

    def __init__(self, observation_space: Box, action_space: Box) -> None:
        self.observation_space, self.action_space = cast(Any, observation_space), cast(Any, action_space)


class _Relay(BaseCallback):
    """Tells the caller of each step, and keeps the scale of the rewards where it is saved from."""

    def __init__(self, callback: TrainCallback | None, env: VecNormalize, rewards: _RewardScale) -> None:
        super().__init__()
        self._callback, self._env, self._rewards = callback, env, rewards

    def _on_step(self) -> bool:
        statistics = self._env.ret_rms
        self._rewards.mean, self._rewards.var = float(statistics.mean), float(statistics.var)
        self._rewards.count = float(statistics.count)
        if self._callback is not None:
            ended = [float(info["episode"]["r"]) for info in self.locals["infos"] if "episode" in info]
            self._callback(self.num_timesteps, ended)
        return True


def _start_low(algorithm: BaseAlgorithm) -> None:
    """Set the last layer of an untrained policy so that it starts at the least rate."""
    with torch.no_grad():
        if isinstance(algorithm, OnPolicyAlgorithm):
            cast(torch.nn.Linear, algorithm.policy.action_net).bias.fill_(START_ACTION)
            return
        for name in ("actor", "actor_target"):
            actor = getattr(algorithm.policy, name, None)
            if actor is not None:
                _last_layer(actor).bias.fill_(float(np.arctanh(START_TANH)))


def _last_layer(actor: torch.nn.Module) -> torch.nn.Linear:
    """The layer before the actor's tanh."""
    return [module for module in cast(torch.nn.Module, actor.mu).modules() if isinstance(module, torch.nn.Linear)][-1]


def _unit_box(num_hosts: int) -> Box:
    return Box(np.float32(-1), np.float32(1), (num_hosts,), np.float32)


def _to_fractions(action: npt.NDArray[np.float32], min_fraction: float) -> Action:
    part = (np.clip(action, -1, 1) + 1) / 2
    return np.asarray(min_fraction + part * (1 - min_fraction), dtype=np.float32)


def _make_logger(folder: Path | None) -> Logger:
    # Made by hand: Stable-Baselines3's own way creates a temporary folder even when nothing is logged.
    return Logger(None, [] if folder is None else [TensorBoardOutputFormat(str(folder))])


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"model {folder / CARD}: {error.strerror or error}; give a folder that a run has written") from error
    except ValueError as error:
        raise InputError(f"model {folder / CARD} is not JSON: {error}") from error
    if not isinstance(card, dict):
        raise InputError(f"model {folder / CARD}: expected a JSON object")
    return card


def _shorten(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 8:
        return f"{value[0]!r} to {value[-1]!r} ({len(value)})"
    return repr(value)


def _iroko_version() -> str:
    try:
        return version("iroko")
    except PackageNotFoundError:
        return "not installed"
