"""Actions, seeds and calls that are none: every kind of environment says so in one line, and the episode goes on where it can."""

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from iroko.arrays import FabricArrays
from iroko.envs.action import read_action
from iroko.envs.environment import IrokoEnv
from iroko.envs.gym_vector import IrokoVectorEnv
from iroko.envs.hosts import HostsEnv
from iroko.envs.sb3_vector import BatchVecEnv
from iroko.envs.vector import IrokoVecEnv, make_vector
from iroko.errors import ClosedError, InputError, IrokoError
from iroko.scenario import Scenario
from iroko.topologies.dumbbell import dumbbell
from tests.fake_batch import FakeBatch
from tests.fake_engine import FakeEngine
from tests.faults.bad_values import GARBAGE, check_error, soon

NUM_HOSTS = 4
SCENARIO = Scenario(interval_s=0.01, episode_s=0.1)


class Broken:
    """What no array can be made of."""

    def __array__(self, *arguments: Any, **others: Any) -> Any:
        raise RuntimeError("no\narray")

    def __repr__(self) -> str:
        raise RuntimeError("no text either")


WRONG: dict[str, Any] = {
    "NaN": [np.nan] * NUM_HOSTS, "one NaN": [1, 1, np.nan, 1], "inf": [np.inf] * NUM_HOSTS, "-inf": [-np.inf] * NUM_HOSTS,
    "below": [0.01] * NUM_HOSTS, "above": [1.01] * NUM_HOSTS, "zero": [0] * NUM_HOSTS, "negative zero": [-0.0] * NUM_HOSTS,
    "too few": [1.0] * 3, "too many": [1.0] * 5, "none at all": [], "a number": 1.0, "a matrix": [[1.0] * NUM_HOSTS], "None": None,
    "Nones": [None] * NUM_HOSTS, "text": ["1.0"] * NUM_HOSTS, "a text": "1111", "bytes": [b"1"] * NUM_HOSTS, "truth": [True] * NUM_HOSTS,
    "complex": [1 + 1j] * NUM_HOSTS, "a complex array": np.full(NUM_HOSTS, 0.5 + 1j), "ragged": [[1.0, 1.0], 1.0, 1.0, 1.0],
    "huge": [10**400] * NUM_HOSTS,
    "objects": [object()] * NUM_HOSTS, "a dictionary": {"h0": 1.0}, "a set": {0.5, 1.0}, "dates": np.array(["2020-01-01"] * 4, "M8[D]"),
    "records": np.zeros(NUM_HOSTS, [("a", float)]), "a gradient": torch.ones(NUM_HOSTS, requires_grad=True), "broken": Broken(),
    "a million": np.ones(1_000_000), "a generator": (1.0 for _ in range(NUM_HOSTS)),
}  # fmt: skip


def kinds() -> dict[str, Callable[[str], Any]]:
    """For each kind of environment how to make one of two networks or of one, on the test double or in the simulator."""

    def batch(engine: str) -> Any:
        return FakeBatch([SCENARIO.fabric] * 2) if engine == "fake" else None

    def single(engine: str) -> Any:
        return FakeEngine(SCENARIO.fabric) if engine == "fake" else engine

    return {
        "single": lambda engine: IrokoEnv(SCENARIO, engine=single(engine)),
        "hosts": lambda engine: HostsEnv(SCENARIO, engine=single(engine)),
        "gymnasium": lambda engine: IrokoVectorEnv([SCENARIO] * 2, [1, 2], batch(engine)),
        "batch": lambda engine: BatchVecEnv([SCENARIO] * 2, [1, 2], batch(engine)),
        "side by side": lambda engine: IrokoVecEnv([IrokoEnv(SCENARIO, engine=single(engine), seed=seed) for seed in (1, 2)]),
    }


# Those side by side are of the single kind, which is tried in the simulator.
EACH = pytest.mark.parametrize(("kind", "engine"), [(kind, engine) for kind in kinds() for engine in ("fake", "sim")
                                                    if (kind, engine) != ("side by side", "sim")])  # fmt: skip


def whole(kind: str, action: Any) -> Any:
    """An action of one network as this kind of environment takes it."""
    if kind == "single":
        return action
    if kind == "hosts":
        return {f"h{index}": one for index, one in enumerate(action)} if isinstance(action, (list, np.ndarray)) else action
    return [action, action]


def good(kind: str) -> Any:
    return whole(kind, [0.5] * NUM_HOSTS) if kind in ("single", "hosts") else np.full((2, NUM_HOSTS), 0.5)


@EACH
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_action_is_one_line_and_starts_nothing(kind: str, engine: str, name: str) -> None:
    env = kinds()[kind](engine)
    env.reset()
    with soon(name), pytest.raises(InputError) as caught:
        env.step(whole(kind, WRONG[name]))
    check_error(caught.value, "action", "host")
    if kind != "side by side":  # others have begun their step there: it closes all
        env.step(good(kind))
    env.close()


@given(st.one_of(GARBAGE, arrays.arrays(arrays.scalar_dtypes(), arrays.array_shapes(min_dims=0, max_dims=3, max_side=5))))
@settings(max_examples=300)
def test_any_action_is_limits_in_range_or_an_error(action: Any) -> None:
    try:
        limits_bps = read_action(action, FabricArrays.of(dumbbell()), 0.05)
    except InputError as error:
        check_error(error, "action")
    else:
        assert limits_bps.shape == (NUM_HOSTS,) and (limits_bps >= 0.05 * 10e6).all() and (limits_bps <= 10e6).all()


@EACH
def test_calls_out_of_order(kind: str, engine: str) -> None:
    env = kinds()[kind](engine)
    with pytest.raises(ClosedError, match="reset"):
        env.step(good(kind))
    if kind == "side by side":  # it has closed all
        env = kinds()[kind](engine)
    env.reset()
    env.reset()
    env.step(good(kind))
    env.reset()
    env.close()
    env.close()
    for call in (lambda: env.step(good(kind)), env.reset):
        with pytest.raises(ClosedError, match=r"close|anew") as caught:
            call()
        assert len(str(caught.value).splitlines()) == 1


def test_actions_that_are_no_list_are_refused_side_by_side() -> None:
    for actions in (None, 3, np.array(1.0), np.ones((3, NUM_HOSTS))):
        env = kinds()["side by side"]("fake")
        env.reset()
        with pytest.raises(InputError) as caught:
            env.step(actions)
        check_error(caught.value, "action")
        env.step(good("side by side"))
        env.close()


@pytest.mark.parametrize("threads", ["\u00b2", "abc", "0", "-1", "1e3", "9" * 5000])
def test_a_number_of_threads_that_is_none(monkeypatch: pytest.MonkeyPatch, threads: str) -> None:
    monkeypatch.setenv("IROKO_THREADS", threads)
    env = kinds()["batch"]("sim")
    with pytest.raises(InputError) as caught:
        env.reset()
    check_error(caught.value, "IROKO_THREADS")


def test_a_reset_in_the_middle_of_a_step_is_refused() -> None:
    env = IrokoEnv(SCENARIO, engine="sim")
    env.reset()
    env.begin_step([0.5] * NUM_HOSTS)
    with pytest.raises(ClosedError, match="in the middle of a step: call finish_step first"):
        env.reset()
    env.finish_step()
    env.reset()
    env.close()


SEEDS = [-1, 1.5, "1", True, [1, 2, 3], np.nan, 10**400, object(), {}, b"1", np.float64(1), [-1, 1], ["a", "b"]]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: type(seed).__name__ + repr(seed)[:10])
@pytest.mark.parametrize("kind", ["single", "hosts", "gymnasium"])
def test_bad_seeds_are_refused_and_the_environment_stays_open(kind: str, seed: Any) -> None:
    env = kinds()[kind]("fake")
    with pytest.raises(InputError) as caught:
        env.reset(seed=seed)
    check_error(caught.value, "seed")
    env.reset(seed=np.int64(3))
    env.close()


@pytest.mark.parametrize("kind", ["single", "gymnasium"])
@pytest.mark.parametrize("options", [{"seed": 1}, {"": None}, [1], "a", 3])
def test_unknown_options_are_refused(kind: str, options: Any) -> None:
    env = kinds()[kind]("fake")
    with pytest.raises(InputError, match="options=") as caught:
        env.reset(options=options)
    check_error(caught.value)
    env.reset(options={})
    env.close()


@pytest.mark.parametrize(("make", "message"), [
    (lambda: IrokoEnv("dumbbell"), "scenario='dumbbell': expected a Scenario"),  # type: ignore[arg-type]
    (lambda: IrokoEnv(engine="ns3"), "unknown engine 'ns3'"),
    (lambda: IrokoEnv(engine=3), "engine=3: expected the name of one"),  # type: ignore[arg-type]
    (lambda: IrokoEnv(seed=-1), "seed=-1: expected a whole number"),
    (lambda: IrokoEnv(render_mode="ansi"), "render_mode='ansi': expected None or one of human, rgb_array"),
    (lambda: HostsEnv(seed="a"), "seed='a': expected"),  # type: ignore[arg-type]
    (lambda: IrokoVectorEnv([], []), "no scenarios"),
    (lambda: IrokoVectorEnv(SCENARIO, [1]), "expected a list of at least one"),  # type: ignore[arg-type]
    (lambda: IrokoVectorEnv([SCENARIO], [-1]), "seed=-1"),
    (lambda: IrokoVectorEnv([SCENARIO, "a"], [1, 2]), "scenario='a'"),  # type: ignore[list-item]
    (lambda: IrokoVectorEnv([SCENARIO], [1], autoreset_mode=3), "unknown autoreset_mode 3"),  # type: ignore[arg-type]
    (lambda: gymnasium.make_vec("iroko/Dumbbell-v0", num_envs=10**9), "num_envs=1000000000: expected 1 or more, at most 4,096"),
    (lambda: gymnasium.make_vec("iroko/Dumbbell-v0", num_envs=0), "num_envs=0"),
    (lambda: make_vector(SCENARIO, 10**9, "sim"), "num_envs=1000000000: expected 1 or more, at most 4,096"),
    (lambda: make_vector(SCENARIO, 1.5, "sim"), "num_envs=1.5: expected 1 or more"),  # type: ignore[arg-type]
    (lambda: make_vector(SCENARIO, 2, "sim", -1), "seed=-1"),
    (lambda: gymnasium.make_vec("iroko/Dumbbell-v0", num_envs=2, seed=-5), "seed=-5"),
    (lambda: gymnasium.make("iroko/Dumbbell-v0", num_left=0), "num_left=0"),
    (lambda: gymnasium.make("iroko/Dumbbell-v0", num_lefts=1), "Did you mean 'num_left'"),
    (lambda: gymnasium.make("iroko/FatTree-v0", k=1000), "k=1000"),
    (lambda: gymnasium.make("iroko/FatTree-v0", traffic_parameters=3), "parameters of traffic pairs: 3: expected a table"),
    (lambda: gymnasium.make("iroko/FatTree-v0", features="backlog"), "features='backlog': expected a list"),
    (lambda: gymnasium.make("iroko/FatTree-v0", reward=lambda: 1), "unknown reward"),
])  # fmt: skip
def test_bad_arguments_are_named(make: Callable[[], Any], message: str) -> None:
    with soon(message), pytest.raises(InputError) as caught:
        make()
    check_error(caught.value)
    assert message in str(caught.value)


ARGUMENTS = ["k", "rate_bps", "traffic", "reward", "interval_s", "engine", "seed", "features"]


@given(st.dictionaries(st.sampled_from(ARGUMENTS), GARBAGE, max_size=3))
@settings(max_examples=100)
def test_any_arguments_make_an_environment_or_an_error(arguments: dict[str, Any]) -> None:
    with soon(arguments):
        try:
            gymnasium.make("iroko/FatTree-v0", **{"k": 2} | arguments, disable_env_checker=True).close()
        except IrokoError as error:
            check_error(error)
