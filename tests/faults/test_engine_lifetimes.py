"""Engines that run elsewhere: dropped without close, forked, copied and pickled."""

import copy
import gc
import multiprocessing
import os
import pickle
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection

import gymnasium
import numpy as np
import pytest

from iroko.engines.open import open_engine
from iroko.engines.remote.channel import Channel
from iroko.engines.remote.engine import RemoteEngine
from iroko.envs.vector import make_vector
from iroko.errors import EngineError, InputError
from iroko.flows import Flow
from iroko.scenario import Scenario
from iroko.system import ownership
from iroko.system.lifetime import Lifetime
from iroko.system.ownership import make_folder
from iroko.topologies.dumbbell import dumbbell
from tests.engines.driver import fabric
from tests.engines.test_contract import children

FLOWS = [Flow("h0", "h2"), Flow("h1", "h3")]
LIMITS = np.full(4, 1e7)


@pytest.fixture(params=[pytest.param("guest", marks=pytest.mark.guest), pytest.param("mininet", marks=pytest.mark.root)])
def remote(request: pytest.FixtureRequest) -> str:
    """The engines that run in a process of their own."""
    request.getfixturevalue({"guest": "guest_kernel", "mininet": "root"}[request.param])
    return str(request.param)


def let_go(kept: list[object]) -> None:
    kept.clear()
    gc.collect()


def drop(make: Callable[[], object]) -> None:
    """Make something with an engine and let it go; its processes and records have to go with it."""
    before, records = children(), len(ownership._owner._records)
    kept = [make()]
    assert children() > before and len(ownership._owner._records) > records
    with pytest.warns(ResourceWarning, match=r"was dropped without close\(\)"):
        let_go(kept)
    assert children() <= before and len(ownership._owner._records) == records


def test_an_engine_that_is_dropped_ends_its_process(remote: str) -> None:
    drop(lambda: open_engine(remote, fabric(remote, dumbbell())))


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
@pytest.mark.parametrize("kind", ["gymnasium", "vector"])
def test_an_environment_that_is_dropped_ends_its_guest(kind: str) -> None:
    def make() -> object:
        if kind == "vector":
            vector = make_vector(Scenario(), 2, engine="guest", seed=1)
            vector.reset()
            return vector
        env = gymnasium.make("iroko/Dumbbell-v0", engine="guest")
        env.reset(seed=1)
        return env

    drop(make)


def test_an_engine_that_was_closed_warns_of_nothing(remote: str) -> None:
    engine = open_engine(remote, fabric(remote, dumbbell()))
    engine.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del engine
        gc.collect()


def test_the_end_comes_once_and_again_only_after_an_exception() -> None:
    class Owner:
        pass

    calls: list[int] = []

    def end() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    owner = Owner()
    lifetime = Lifetime(owner, end)
    with pytest.raises(KeyboardInterrupt):
        lifetime.finish()
    lifetime.finish()
    lifetime.finish()
    del owner
    assert len(calls) == 2


def in_fork(use: Callable[[], object]) -> str:
    """What a forked child says of its attempt."""
    near, far = multiprocessing.Pipe()

    def run(far: Connection) -> None:
        try:
            far.send(f"done {use()}")
        except BaseException as error:
            far.send(f"{type(error).__name__}: {error}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside threads, from Python 3.12 on
        process = multiprocessing.get_context("fork").Process(target=run, args=(far,))
        process.start()
    assert near.poll(60)
    said = str(near.recv())
    process.join(60)
    near.close()
    far.close()
    return said


def test_a_forked_child_cannot_use_its_parents_engine_nor_end_it(remote: str) -> None:
    engine = open_engine(remote, fabric(remote, dumbbell()))
    try:
        engine.reset(FLOWS, "udp", 1)
        for use in (lambda: engine.step(LIMITS, 0.1), lambda: engine.reset(FLOWS, "udp", 1)):
            said = in_fork(use)
            assert said.startswith("EngineError: the engine belongs to process") and str(os.getpid()) in said, said
        assert in_fork(engine.close) == "done None"
        assert engine.step(LIMITS, 0.1).flow_bytes.sum() > 0
    finally:
        engine.close()


def test_a_forked_child_undoes_nothing_of_its_parents() -> None:
    claim = make_folder("iroko-test-")
    try:
        assert in_fork(claim.undo) == "done None"
        assert claim.path.is_dir()
    finally:
        claim.undo()
    assert not claim.path.exists()


def test_a_running_engine_cannot_be_copied_or_pickled(remote: str) -> None:
    engine = open_engine(remote, fabric(remote, dumbbell()))
    try:
        for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(InputError, match="cannot be copied or pickled: make another environment"):
                attempt(engine)
        engine.reset(FLOWS, "udp", 1)
        assert engine.step(LIMITS, 0.1).flow_bytes.sum() > 0
    finally:
        engine.close()


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
def test_an_environment_with_a_guest_cannot_be_copied() -> None:
    env = gymnasium.make("iroko/Dumbbell-v0", engine="guest")
    try:
        env.reset(seed=1)
        with pytest.raises(InputError, match="cannot be copied or pickled"):
            copy.deepcopy(env)
    finally:
        env.close()


def test_an_engine_whose_start_fails_is_ended_without_a_warning() -> None:
    near, far = os.pipe()
    os.close(far)
    ended: list[int] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(EngineError):
                RemoteEngine(dumbbell(), Channel(near, 1.0), lambda: ended.append(1), lambda: "")
            gc.collect()
    finally:
        os.close(near)
    assert ended == [1]
