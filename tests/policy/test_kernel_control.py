"""The guest kernel's `tcp_iroko.c`, compiled for user space, against the plain reference: the same calls give the same windows.

TCP around it is a random one; what matters is that every call is made in every phase.
"""

import ctypes
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from iroko.engines.guest.build import ADDED
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.words import INFINITE_SSTHRESH
from tests.engines.sim.reference.learned import Learned
from tests.engines.sim.reference.sender import CWR, LOSS, RECOVERY
from tests.policy.states import random_policy

STUBS = Path(__file__).parent / "kernel"
OPEN, DISORDER = 0, 1
ACK, CONTROL, REDUCE, TIMEOUT, STATE, SET_WINDOW = range(6)
NAMES = ("cwnd", "ssthresh", "prr_delivered", "reduced", "window", "gain", "action", "alpha", "congested", "dctcp_cwnd", "dctcp_cwnd_cnt",
         "dctcp_ssthresh", "dctcp_prior_cwnd", "dctcp_prr_delivered", "min_rtt_us")  # fmt: skip


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Any:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("kernel")
    for place, path in ADDED.items():
        shutil.copy(path, folder / Path(place).name)
    for name in ("linux/module.h", "net/tcp.h", "tcp_dctcp.h"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    shutil.copy(STUBS / "tcp.h", folder / "net" / "tcp.h")
    shutil.copy(STUBS / "drive.c", folder)
    library = folder / "drive.so"
    subprocess.run([compiler, "-O1", "-Wall", "-Wno-comment", "-Werror", "-shared", "-fPIC", "-I.", "-o", str(library), "drive.c"],
                   cwd=folder, check=True)  # fmt: skip
    return ctypes.CDLL(str(library)).drive


class Trial:
    """A random life of a flow: the events for the C code, and what the reference says after each."""

    def __init__(self, policy: Policy, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows: list[list[int]] = []
        self.expected: list[list[int]] = []
        self.least_rtts: list[int] = []
        self.learned = Learned(0, policy, self.least_rtts)
        self.tcp: Any = SimpleNamespace(cwnd=10, ssthresh=INFINITE_SSTHRESH, una=0, nxt=0, num_delivered=0, num_delivered_marked=0,
                                        num_lost=0, phase=OPEN, limited=False, most_out=10, ack_rtt_us=-1,
                                        delivered_in_reduction=0)  # fmt: skip
        self.learned.begin(self.tcp)
        self.last_una = 0

    def note(self, kind: int, *values: int, reduced: bool = False) -> None:
        tcp, state = self.tcp, self.learned.state
        dctcp = state.dctcp
        self.rows.append([kind, *values, *[0] * (8 - len(values))])
        self.expected.append([
            tcp.cwnd, tcp.ssthresh, tcp.delivered_in_reduction, reduced, state.window, state.gain, state.action, state.alpha,
            state.congested, dctcp.cwnd, dctcp.count, dctcp.ssthresh, dctcp.prior_cwnd, dctcp.prr_delivered,
            min(self.least_rtts, default=0),
        ])  # fmt: skip

    def enter(self, phase: int) -> None:
        self.learned.change_phase(self.tcp, phase)
        self.tcp.phase = phase
        self.note(STATE, phase)

    def reduce(self) -> None:
        self.tcp.delivered_in_reduction = 0
        self.tcp.ssthresh = self.learned.reduce(self.tcp, CWR)
        self.note(REDUCE)

    def set_window(self, cwnd: int) -> None:
        self.tcp.cwnd = cwnd
        self.note(SET_WINDOW, cwnd)

    def timeout(self) -> None:
        if self.tcp.phase <= DISORDER or self.rng.random() < 0.5:
            self.tcp.ssthresh = self.learned.reduce(self.tcp, LOSS)
            # Linux asks for a threshold before it says that this is a timeout; what that leaves behind nobody reads.
            dctcp = self.learned.state.dctcp
            dctcp.prior_cwnd, dctcp.prr_delivered = dctcp.cwnd, 0
            self.note(TIMEOUT)
        self.set_window(int(self.rng.integers(1, 5)))
        self.enter(LOSS)

    def change(self) -> None:
        """What an ACK may do to the phase."""
        luck, phase = self.rng.random(), self.tcp.phase
        if phase <= DISORDER and luck < 0.1:
            self.reduce()
            self.enter(CWR)
        elif phase != RECOVERY and luck < 0.15:
            if phase != CWR:
                self.reduce()
            self.enter(RECOVERY)
        elif phase >= CWR and luck < 0.4:
            self.enter(int(self.rng.integers(OPEN, CWR)))

    def ack(self) -> None:
        rng, tcp = self.rng, self.tcp
        delivered = int(rng.integers(0, 5))
        advanced = delivered if rng.random() < 0.8 else 0
        tcp.una += advanced
        tcp.nxt = max(tcp.nxt, tcp.una) + int(rng.integers(0, 6))
        if rng.random() < 0.1:
            tcp.una = tcp.nxt
        tcp.num_delivered += delivered
        tcp.num_delivered_marked += int(rng.integers(0, delivered + 1)) if rng.random() < 0.2 else 0
        tcp.limited, tcp.most_out = bool(rng.random() < 0.7), int(rng.integers(1, 40))
        tcp.ack_rtt_us = int(rng.integers(-1, 400))
        self.learned.acked(tcp, tcp.una - self.last_una)
        self.last_una = tcp.una
        self.rows.append([ACK, tcp.una, tcp.nxt, tcp.num_delivered, tcp.num_delivered_marked, tcp.limited, tcp.most_out, 0, 0])
        self.expected.append([])  # a round-trip time is taken in at the end of the ACK there, and here now
        self.change()
        tcp.num_lost += int(rng.integers(0, 3)) if rng.random() < 0.1 else 0
        reduced = self.learned.control(tcp, delivered)
        self.note(CONTROL, tcp.num_lost, delivered, tcp.ack_rtt_us, reduced=reduced)
        if reduced:
            self.set_window(max(2, tcp.cwnd + int(rng.integers(-3, 2))))

    def live(self, acks: int) -> None:
        for _ in range(acks):
            self.ack()
            if self.rng.random() < 0.01:
                self.timeout()


def drive(control: Any, policy: Policy, trial: Trial) -> npt.NDArray[np.int64]:
    rows = np.array(trial.rows, dtype=np.int64)
    out = np.zeros((len(rows), len(NAMES)), dtype=np.int64)
    pointer = ctypes.POINTER(ctypes.c_int64)
    control(policy.to_bytes(), rows.ctypes.data_as(pointer), ctypes.c_int64(len(rows)), out.ctypes.data_as(pointer))
    return out


@pytest.mark.parametrize("kind", ["built in", "pinned", "small", "any", "extreme"])
@pytest.mark.parametrize("seed", range(4))
def test_the_kernels_control_is_the_references(control: Any, kind: str, seed: int) -> None:
    built_in = {"built in": dctcp_like(), "pinned": dctcp_like(1024)}
    policy = built_in[kind] if kind in built_in else random_policy(np.random.default_rng(seed), kind)
    trial = Trial(policy, seed)
    trial.live(1500)
    for number, (got, expected) in enumerate(zip(drive(control, policy, trial).tolist(), trial.expected, strict=True)):
        if expected:
            assert dict(zip(NAMES, got, strict=True)) == dict(zip(NAMES, expected, strict=True)), (
                number,
                trial.rows[number - 3 : number + 1],
            )
