"""The main job on real engines: the same twice, without privileges, and nothing left behind however it ends."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.driver import FIFO
from tests.engines.test_contract import children
from tests.faults.leftovers import adopt_orphans, reap, settings

RUN = [sys.executable, "-m", "iroko.run"]
SHORT = ["--topo", "dumbbell", "--agent", "ppo", "--episode", "2s", "--episodes", "1"]
GUEST = [*SHORT, "--engine", "guest", "--steps", "300", "--baseline", "nv", "--baseline", "dctcp"]
ENDLESS = ["--steps", "1000000"]


def on(engine: str) -> list[str]:
    """Options that train and score on one engine."""
    return ["--engine", engine, "--train-engine", engine, *(FIFO if engine == "mininet" else ())]


class Machine:
    """What a run could leave behind."""

    def __init__(self, temporary: Path) -> None:
        self.temporary = temporary
        self.interfaces = sorted(os.listdir("/sys/class/net"))
        self.settings = settings()
        self.processes = children()
        self.namespaces = self._namespaces()

    @staticmethod
    def _namespaces() -> set[str]:
        """Network namespaces of this process and its descendants; another worker's tests have namespaces too."""
        found = set()
        for pid in {os.getpid(), *children()}:
            with contextlib.suppress(OSError):
                found.add(os.readlink(f"/proc/{pid}/ns/net"))
        return found

    def check_unchanged(self) -> None:
        """Nothing of a run is there, at the latest in ten seconds."""
        deadline = time.monotonic() + 10
        while (children() - self.processes or self._namespaces() - self.namespaces) and time.monotonic() < deadline:
            time.sleep(0.1)
            reap()
        assert children() <= self.processes
        assert self._namespaces() <= self.namespaces
        assert sorted(os.listdir("/sys/class/net")) == self.interfaces
        assert settings() == self.settings
        assert not list(self.temporary.iterdir())


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """The machine before the test, which has to be the same after it; the test's runs have a temporary folder of their own."""
    temporary = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(temporary))
    adopt_orphans()
    before = Machine(temporary)
    yield before
    before.check_unchanged()


def run(*options: str, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*prefix, *RUN, *options], capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL)


def catches_sigterm(pid: int) -> bool:
    """Whether a program has set its handlers of signals; before, it is Python that starts."""
    with open(f"/proc/{pid}/status") as file:
        caught = next(int(line.split()[1], 16) for line in file if line.startswith("SigCgt:"))
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
def test_equal_seeds_give_equal_files_and_another_seed_does_not(tmp_path: Path, machine: Machine) -> None:
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        result = run(*GUEST, "--seed", seed, "--out", str(tmp_path / name), "--json")
        assert result.returncode == 0, result.stderr
        (tmp_path / f"{name}.json").write_text(json.dumps(json.loads(result.stdout)["schemes"]))
    read = {name: (tmp_path / name / "steps.parquet").read_bytes() for name in "abc"}
    tables = {name: (tmp_path / f"{name}.json").read_text() for name in "abc"}
    assert read["a"] == read["b"] and tables["a"] == tables["b"]
    assert read["a"] != read["c"] and tables["a"] != tables["c"]
    schemes = json.loads(tables["a"])
    assert [row["scheme"] for row in schemes] == ["ppo", "nv", "dctcp"]
    assert all(0 < row["goodput_share"] < 1 for row in schemes)


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv of util-linux is missing")
def test_guest_needs_no_privileges(tmp_path: Path, machine: Machine) -> None:
    prefix = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs") if os.geteuid() == 0 else ()
    result = run(*GUEST, "--out", str(tmp_path / "run"), "--json", prefix=prefix)
    assert result.returncode == 0, result.stderr
    assert len(json.loads(result.stdout)["schemes"]) == 3


@pytest.mark.root
@pytest.mark.usefixtures("root")
def test_main_job_runs_on_the_hosts_kernel_in_real_time(tmp_path: Path, machine: Machine) -> None:
    options = [*SHORT, "--engine", "mininet", *FIFO, "--steps", "100", "--interval", "50ms"]
    result = run(*options, "--out", str(tmp_path / "run"), "--json")
    assert result.returncode == 0, result.stderr
    rows = {row["scheme"]: row for row in json.loads(result.stdout)["schemes"]}
    assert "ppo" in rows and rows["maxmin"]["goodput_share"] == pytest.approx(0.486, rel=0.05)
    with open("/proc/sys/net/ipv4/tcp_available_congestion_control") as file:
        available = file.read().split()
    for name in ("nv", "dctcp"):
        assert name in rows or (name not in available and name in result.stderr), "left out with a word, or scored"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("training", [False, True], ids=["preparing", "training"])
def test_nothing_is_left_after_a_signal(tmp_path: Path, machine: Machine, engine_name: str, number: int, training: bool) -> None:
    options = [*SHORT, *on(engine_name), *ENDLESS, "--interval", "20ms", "--out", str(tmp_path / "run")]
    with subprocess.Popen([*RUN, *options], stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not catches_sigterm(process.pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        while training and not (tmp_path / "run" / "manifest.json").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        if training:
            time.sleep(2)  # its environments are being stepped by now
        assert process.poll() is None
        process.send_signal(number)
        _, words = process.communicate(timeout=60)
    if number == signal.SIGKILL:
        assert process.returncode == -number
        for folder in machine.temporary.glob("iroko-guest-*"):
            shutil.rmtree(folder)  # nobody was left to remove it: a console's text
    else:
        assert process.returncode in (128 + number, -number), words
        assert "Traceback" not in words
    if training and number != signal.SIGKILL:
        manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
        assert manifest["status"] == "incomplete"
        assert "--resume" in words


def test_nothing_is_left_after_an_exception(tmp_path: Path, machine: Machine, engine_name: str) -> None:
    script = (
        "import sys, iroko.envs.vector, iroko.envs.sb3_vector\n"
        "kind = iroko.envs.sb3_vector.BatchVecEnv if 'sim' in sys.argv else iroko.envs.vector.IrokoVecEnv\n"
        "real, calls = kind.step_wait, []\n"
        "def fail(self):\n"
        "    calls.append(1)\n"
        "    if len(calls) > 30: raise ZeroDivisionError('in the middle')\n"
        "    return real(self)\n"
        "kind.step_wait = fail\n"
        "from iroko.run.command import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    options = [*SHORT, *on(engine_name), *ENDLESS, "--interval", "20ms", "--out", str(tmp_path / "run")]
    result = subprocess.run([sys.executable, "-c", script, *options], capture_output=True, text=True, timeout=120)
    assert result.returncode == 2
    assert "agent ppo: train failed: ZeroDivisionError: in the middle (" in result.stderr and "Traceback" not in result.stderr
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["status"] == "incomplete"
