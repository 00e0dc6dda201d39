"""Equal seeds give equal runs in the guest, to the packet."""

import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import iroko  # noqa: F401 - registers the environments
from iroko.flows import Flow
from iroko.guest.engine import GuestEngine
from topologies.dumbbell import dumbbell
from topologies.fattree import fattree

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]


def record(transport: str, seed: int, *, disturb: bool = False, topology: str = "dumbbell") -> list[bytes]:
    """Every field of every snapshot of two episodes in a fresh guest."""
    fabric = dumbbell() if topology == "dumbbell" else fattree()
    half = fabric.num_hosts // 2
    flows = [Flow(f"h{i}", f"h{i + half}") for i in range(half)]
    engine = GuestEngine(fabric, seed)
    try:
        rows = []
        for episode in range(2):
            engine.reset(flows, transport, seed + episode)
            for step in range(15):
                limits = np.array(fabric.host_rates_bps) * (0.5 + 0.1 * (step % 6))
                if disturb and step == 7:  # the guest's clock must not see that the host was away
                    assert engine.machine.process is not None
                    pid = engine.machine.process.pid
                    os.kill(pid, signal.SIGSTOP)
                    threading.Timer(0.5, os.kill, (pid, signal.SIGCONT)).start()
                    time.sleep(0.1)
                snapshot = engine.step(limits, 0.1)
                values = (np.asarray(getattr(snapshot, field.name)) for field in dataclasses.fields(snapshot))
                rows.append(b"".join(value.tobytes() for value in values))
        return rows
    finally:
        engine.close()


@pytest.mark.parametrize("transport", ["udp", "nv", "dctcp", "bbr"])
def test_equal_seeds_give_equal_runs(transport: str) -> None:
    assert record(transport, 3) == record(transport, 3)


def test_fattree_repeats() -> None:
    assert record("dctcp", 3, topology="fattree") == record("dctcp", 3, topology="fattree")


def test_another_seed_gives_another_run() -> None:
    assert record("bbr", 3) != record("bbr", 4)


def test_a_pause_of_the_host_does_not_show() -> None:
    assert record("cubic", 3, disturb=True) == record("cubic", 3)


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized")  # a share of a link is no symmetric thing
@pytest.mark.parametrize("transport", ["udp", "cubic"])
@pytest.mark.parametrize("check", [check_env, check_env_sb3])
@pytest.mark.parametrize("name", ["iroko/Dumbbell-v0", "iroko/FatTree-v0"])
def test_environment_passes_both_checkers(check: Callable[..., None], transport: str, name: str) -> None:
    env = gymnasium.make(name, transport=transport, episode_s=2.0, engine="guest", disable_env_checker=True)
    try:
        check(env.unwrapped)
    finally:
        env.close()
