"""Equal seeds give equal runs in the guest, to the packet."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import iroko  # noqa: F401 - registers the environments
from iroko.engines.guest import build
from iroko.engines.guest.machine import Machine
from iroko.rundir import provenance
from tests.engines.recording import LONG_S, digest, record

CHECKOUT = Path(__file__).parents[2]
LONGER_BOOT = """
import time
end = time.monotonic() + 0.03
while time.monotonic() < end:
    time.sleep(0)
"""

pytestmark = [pytest.mark.guest, pytest.mark.usefixtures("guest_kernel")]


@pytest.mark.parametrize("transport", ["udp", "nv", "dctcp", "bbr"])
def test_equal_seeds_give_equal_runs(transport: str) -> None:
    assert record(transport, 3) == record(transport, 3)


def test_fattree_repeats() -> None:
    assert record("dctcp", 3, topology="fattree") == record("dctcp", 3, topology="fattree")


def test_what_tcp_may_take_of_the_memory_is_equal_at_every_boot() -> None:
    # What a guest has of memory hangs on where the host placed it.
    said = set()
    for _ in range(4):
        machine = Machine(["cat", "/proc/sys/net/ipv4/tcp_mem"], seed=1)
        try:
            assert machine.process is not None
            machine.process.wait(60)
            said.add(machine.console_end())
        finally:
            machine.stop()
    assert len(said) == 1 and [int(pages) for pages in said.pop().split()]


def test_another_seed_gives_another_run() -> None:
    assert record("bbr", 3) != record("bbr", 4)


def test_a_pause_of_the_host_does_not_show() -> None:
    assert record("cubic", 3, disturb=True) == record("cubic", 3)


@pytest.mark.parametrize(("transport", "topology"), [("nv", "fattree"), ("bbr", "dumbbell"), ("cubic", "fattree")])
def test_where_the_files_lie_and_how_long_a_boot_takes_does_not_show(transport: str, topology: str, tmp_path: Path) -> None:
    # Two of them draw random numbers, nv every five seconds. A boot takes its time for each file that it looks at, and here 30 ms more.
    checkout = tmp_path / ("a long name " * 12) / "and below it" / "another"
    for package in ("iroko", "topologies", "tests/engines"):
        shutil.copytree(CHECKOUT / package, checkout / package, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "sitecustomize.py").write_text(LONGER_BOOT)
    elsewhere = subprocess.run(
        [sys.executable, "-m", "tests.engines.recording", transport, topology], cwd=checkout, capture_output=True, text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TERM": "another-terminal", "PATH": os.environ["PATH"] + ":/nowhere/at/all"},
    )  # fmt: skip
    assert elsewhere.stderr == ""
    assert elsewhere.stdout.split() == [digest(record(transport, 3, topology=topology, interval_s=LONG_S))]


@pytest.mark.parametrize(("transport", "topology"), [("nv", "fattree"), ("bbr", "dumbbell")])
def test_when_and_where_the_kernel_was_built_does_not_show(
    transport: str, topology: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both draw random numbers, and a kernel usually mixes its release, date and version into its random pool.
    built = build.kernel_path().read_bytes()
    release = build.describe_kernel(build.kernel_path())["source"].removeprefix("Linux ").encode()
    date = build.IDENTITY["KBUILD_BUILD_TIMESTAMP"].encode()
    other = built.replace(date, b"2031-12-11 12:34:56 UTC").replace(release, release[:-1] + b"0")
    assert built.count(date) >= 2 and len(other) == len(built)  # in the banner and in utsname
    path = tmp_path / build.KERNEL_NAME
    path.write_bytes(other)
    path.chmod(0o755)
    usual = record(transport, 3, topology=topology, interval_s=LONG_S)
    monkeypatch.setattr("iroko.engines.guest.machine.kernel_path", lambda: path)
    assert record(transport, 3, topology=topology, interval_s=LONG_S) == usual


def test_a_kernel_is_identified_by_its_file() -> None:
    path = build.kernel_path()
    described = build.describe_kernel(path)
    assert described["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert re.fullmatch(r"Linux \d+\.\d+\S*", described["source"]) and "GNU ld" in described["compiler"]
    assert provenance.guest_kernel() == described


@pytest.mark.soak
def test_two_builds_in_different_folders_are_equal_to_the_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = set()
    for cache in (tmp_path / "one", tmp_path / "another" / "deeper" / "folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
        hashes.add(build.describe_kernel(build.build(lambda _: None))["sha256"])
    assert len(hashes) == 1


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
