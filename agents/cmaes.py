"""CMA-ES: evolution of the policy that decides in each flow's transport."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from cma import CMAEvolutionStrategy

from iroko.agent import Agent, TrainCallback
from iroko.envs.flow_trials import Trials, scenario_trial
from iroko.errors import InputError
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import MAX_FIRST_WINDOW, MAX_STEP, MAX_WEIGHT, MIN_FIRST_WINDOW, Card, Policy
from iroko.policy.words import FEATURE_NAMES, FEATURES, HIDDEN
from iroko.registry import check_name
from iroko.rundir.manifest import git_commit
from iroko.scenario import Scenario
from iroko.seeds import agent_generator, learning_trials_generator, next_seed, search_generator
from iroko.topology import Topology

from ._flow_learner import FlowLearner, write_with_policy
from ._flow_objective import OBJECTIVES
from ._flow_tasks import LONG, draw_trials
from ._logs import make_logger
from ._models import broken_weights, check_card, read_weights, write_model
from ._settings import check_settings

NUM_WEIGHTS = HIDDEN + FEATURES + 1
NUM_NUMBERS = NUM_WEIGHTS + 2
"""The numbers that are searched: output layer, skip connection and bias, then the step and the first window as logarithms of base 2."""
HIDDEN_STD = 0.5
TRIALS = ("random", "scenario")
ONE = 1024
ROUND_TRIP_FEATURES = [FEATURE_NAMES.index(name) for name in ("relative_delay", "delay", "own_queue", "rtt_change")]
"""That a policy without round-trip times does not see. The rule of every policy that an idle path shrinks no window still looks at them."""
Numbers = npt.NDArray[np.float64]


class CmaEs(FlowLearner):
    """The covariance matrix adaptation evolution strategy over the output side of a policy.

    Hansen, The CMA Evolution Strategy: A Tutorial, 2016; the package `cma`. The hidden layer but for DCTCP's unit is random and stays: with
    it the search starts at a policy close to DCTCP, and 23 numbers need some ten generations. A step of the training is one simulation.

    The state to go on from is the list of losses: the generator and they give every number again.
    """

    def __init__(self, scenario: Scenario, topology: Topology, seed: int, settings: dict[str, Any], name: str = "cmaes") -> None:
        """Make the untrained agent, whose policy is close to DCTCP.

        Args:
            settings: all parameters of `cmaes` but the seed.
            name: of the agent: that of the file that makes it.

        Raises:
            InputError: a setting is out of range, or the scenario's deployment is not `flows`.
        """
        super().__init__(name, scenario, topology)
        check_name(f"objective of agent {name}", settings["objective"], OBJECTIVES)
        check_name(f"trials of agent {name}", settings["trials"], TRIALS)
        check_settings(name, {key: value for key, value in settings.items() if key != "round_trips"})
        if settings["population"] < 4:
            raise InputError(f"population={settings['population']} of agent {name}: expected 4 or more")
        if not isinstance(settings["round_trips"], bool):
            raise InputError(f"round_trips={settings['round_trips']!r} of agent {name}: expected true or false")
        if not 1 <= settings["guard"] <= 64:
            raise InputError(f"guard={settings['guard']:g} of agent {name}: expected 1 <= guard <= 64")
        self._settings = settings
        self._seed = seed
        self._start = _start(agent_generator(seed), round(settings["guard"] * ONE), settings["round_trips"])
        self._losses: list[list[float]] = []
        self._num_steps = 0
        self._mean: Numbers = np.zeros(NUM_NUMBERS)

    @property
    def num_steps_done(self) -> int:
        return self._num_steps

    @property
    def policy(self) -> Policy:
        """The policy at the mean of the search."""
        training = f"CMA-ES, objective {self._settings['objective']}, {self._num_steps:,} simulations, seed {self._seed}"
        card = Card(self.name, training=training, commit=git_commit() or "", guard=self._start.card.guard)
        return replace(self._moved(self._mean), card=card)

    def train(
        self,
        vector_env: Any,
        num_steps: int,
        callback: TrainCallback | None = None,
        log_folder: Path | None = None,
        pause_at: int | None = None,
    ) -> None:
        """As `Agent.train`, on `iroko.envs.flow_trials.Trials`: generation by generation, whose rewards are the negative losses."""
        trials = self.check_trials(vector_env)
        until = min(num_steps, pause_at or num_steps)
        if self._num_steps >= until:
            return
        search = self._search()
        logger = make_logger(log_folder)
        draw = learning_trials_generator(trials.seed)
        objective = OBJECTIVES[self._settings["objective"]]
        try:
            while self._num_steps < until:
                candidates = [np.asarray(each) for each in search.ask()]
                losses = self._try(trials, draw, objective, candidates)
                search.tell(candidates, losses)
                self._losses.append(losses)
                self._mean = np.array(search.mean)
                logger.record("rollout/loss_mean", float(np.mean(losses)))
                logger.record("rollout/loss_best", min(losses))
                logger.record("train/sigma", float(search.sigma))
                logger.dump(self._num_steps)
                if callback is not None:
                    callback(self._num_steps, [-loss for loss in losses])
        finally:
            logger.close()

    def _try(self, trials: Trials, draw: np.random.Generator, objective: Any, candidates: list[Numbers]) -> list[float]:
        """The loss of each candidate in one generation's trials, which all of them and DCTCP see."""
        if self._settings["trials"] == "random":
            drawn = draw_trials(draw)
        else:
            drawn = [scenario_trial(trials.scenario, next_seed(draw)), *draw_trials(draw)[-len(LONG) :]]
        policies = [self._moved(numbers) for numbers in candidates]
        outcomes = [trials.run(trial, ["dctcp", *policies]) for trial in drawn]
        self._num_steps += len(drawn) * len(candidates)
        dctcp = [each[0] for each in outcomes]
        return [float(objective(drawn, [each[1 + number] for each in outcomes], dctcp)) for number in range(len(candidates))]

    def _moved(self, numbers: Numbers) -> Policy:
        if not self._settings["round_trips"]:
            numbers = numbers.copy()
            numbers[[HIDDEN + feature for feature in ROUND_TRIP_FEATURES]] = 0.0
        return _moved(self._start, numbers)

    def _search(self) -> CMAEvolutionStrategy:
        """The search as it was after the losses so far."""
        generator = search_generator(self._seed)
        options = {"popsize": self._settings["population"], "randn": lambda *shape: generator.standard_normal(shape), "seed": np.nan,
                   "verbose": -9}  # fmt: skip
        search = CMAEvolutionStrategy(np.zeros(NUM_NUMBERS), self._settings["sigma"], options)
        for losses in self._losses:
            search.tell(search.ask(), losses)
        return search

    def save(self, folder: Path, to_go_on: bool = False) -> None:
        """As `Agent.save`; `policy.json` beside the other files is the policy."""
        card = self._card | {"settings": self._settings, "num_steps_done": self._num_steps}
        losses = torch.tensor(self._losses, dtype=torch.float64).reshape(-1, self._settings["population"])
        write_model(folder, card, {"losses": losses, "mean": torch.tensor(self._mean), "num_steps_done": self._num_steps}, None)
        write_with_policy(folder, self.policy)

    def load(self, folder: Path) -> None:
        check_card(folder, self._card | {"settings": self._settings})
        stored = read_weights(folder)
        try:
            state = torch.load(stored, map_location="cpu", weights_only=True)
            mean = state["mean"].double().numpy()
            losses = state["losses"].double().reshape(-1, self._settings["population"]).tolist()
            if mean.shape != (NUM_NUMBERS,) or not np.isfinite(mean).all() or not np.isfinite(losses).all():
                raise ValueError("expected finite numbers of the search")
            self._mean, self._losses, self._num_steps = mean, losses, int(state["num_steps_done"])
        except Exception as error:  # torch has no one error for a file that is cut off or holds something else
            raise broken_weights(folder, error) from error


def _start(rng: np.random.Generator, guard: int, round_trips: bool) -> Policy:
    """The DCTCP-like policy with a random hidden layer, whose units have no effect yet."""
    start = dctcp_like(guard)
    weights = np.rint(rng.normal(0, HIDDEN_STD, (HIDDEN, FEATURES + 1)) * ONE).astype(int)
    if not round_trips:
        weights[:, ROUND_TRIP_FEATURES] = 0
    hidden = (start.hidden[0], *(tuple(row[:-1]) for row in weights[1:].tolist()))
    biases = (start.hidden_bias[0], *weights[1:, -1].tolist())
    return replace(start, hidden=hidden, hidden_bias=biases)


def _moved(start: Policy, numbers: Numbers) -> Policy:
    """The start with what the search has found added, as far as the format allows."""
    moves = np.rint(np.clip(numbers[:NUM_WEIGHTS], -16, 16) * ONE).astype(int)
    weights = np.clip(np.array([*start.output, *start.skip, start.output_bias]) + moves, -MAX_WEIGHT, MAX_WEIGHT).tolist()
    step, first = (value * 2.0 ** float(np.clip(number, -4, 4)) for value, number in
                   zip((start.step, start.first_window), numbers[NUM_WEIGHTS:], strict=True))  # fmt: skip
    return replace(
        start,
        output=tuple(weights[:HIDDEN]),
        skip=tuple(weights[HIDDEN : HIDDEN + FEATURES]),
        output_bias=weights[-1],
        step=min(round(step), MAX_STEP),
        first_window=min(max(round(first), MIN_FIRST_WINDOW), MAX_FIRST_WINDOW),
    )


def cmaes(
    scenario: Scenario,
    topology: Topology,
    seed: int = 0,
    population: int = 14,
    sigma: float = 0.15,
    guard: float = 8.0,
    objective: str = "slowdown",
    trials: str = "random",
    round_trips: bool = True,
) -> Agent:
    """CMA-ES over a per-flow policy, from one that is close to DCTCP; `--deployment flows`.

    Args:
        population: policies of a generation, 4 or more.
        sigma: standard deviation of the first generation, in weights.
        guard: factor within which the policy's window stays around DCTCP's, 1 to 64; it goes into the policy's card.
        objective: a name in `agents/_flow_objective.py`.
        trials: `random`: networks of all kinds, see `agents/_flow_tasks.py`; `scenario`: the run's own by training seeds, and long flows.
        round_trips: whether the policy sees round-trip times; without, marks and losses are all that it knows.

    Raises:
        InputError: see `CmaEs`.
    """
    settings = {"population": population, "sigma": sigma, "guard": guard, "objective": objective, "trials": trials,
                "round_trips": round_trips}  # fmt: skip
    return CmaEs(scenario, topology, seed, settings)
