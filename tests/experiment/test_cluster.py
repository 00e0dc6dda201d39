"""Jobs on a Ray cluster of two nodes on this machine, one of whose workers is killed in the middle."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from iroko.analysis.experiment import read_results
from iroko.experiment.__main__ import main
from iroko.system.cache import cache_folder
from iroko.topologies.dumbbell import dumbbell

ROOT = Path(__file__).parents[2]
TEXT = """
seeds = [1, 2]
schemes = ["reinforce", "maxmin"]
topology.name = "dumbbell"
[environment]
interval_s = 0.1
episode_s = 1
[run]
engine = "sim"
steps = 1000
envs = 2
episodes = 1
[[scenarios]]
name = "pairs"
[[scenarios]]
name = "stride"
traffic.name = "stride"
[[transfers]]
schemes = ["reinforce"]
train = ["pairs"]
score = ["stride"]
"""
CLUSTER = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of two nodes with one processor each, in a process of its own, that lets in who has its token."""
    pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
    from iroko.engines.open import open_engine

    open_engine("sim", dumbbell()).close()  # so that no job compiles the simulator
    token = tmp_path_factory.mktemp("ray") / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as stack:
        # Named here, so that Ray neither looks for a token in the home folder nor puts one there.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield stack.enter_context(_cluster())


@contextlib.contextmanager
def _cluster() -> Iterator[str]:
    with subprocess.Popen([sys.executable, "-c", CLUSTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as process:  # fmt: skip
        assert process.stdout is not None and process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(60)


def run(file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "iroko.experiment", str(file), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, cwd=ROOT, stdin=subprocess.DEVNULL)


def ray_workers() -> list[int]:
    """Ray's processes that are doing a job: they call themselves after the function that they run."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            title = Path(f"/proc/{name}/cmdline").read_bytes()
        except OSError:
            continue
        if title.startswith(b"ray::run_remote"):
            found.append(int(name))
    return found


@pytest.mark.slow
def test_a_worker_killed_in_the_middle_loses_no_job(address: str, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_text(TEXT)
    local = run(tmp_path / "e.toml", "--out", str(tmp_path / "local"))
    assert local.returncode == 0, local.stderr
    command = [sys.executable, "-m", "iroko.experiment", str(tmp_path / "e.toml"), "--out", str(tmp_path / "cluster"), "--ray", address]
    before = set(ray_workers())
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, stdin=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + 300
        while not (workers := set(ray_workers()) - before):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        os.kill(min(workers), signal.SIGKILL)
        out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert "was lost with its worker and is run again" in err and "10 of 10 jobs are done" in out
    for name in ("measures.csv", "summary.csv", "transfers.csv"):
        assert (tmp_path / "cluster/tables" / name).read_text() == (tmp_path / "local/tables" / name).read_text()
    assert {job.state for job in read_results(tmp_path / "cluster").jobs} == {"done"}


@pytest.mark.slow
def test_a_job_that_fails_on_the_cluster_fails_alone(address: str, tmp_path: Path) -> None:
    text = TEXT.replace('"reinforce", "maxmin"', '"bbr", "maxmin"').partition("[[scenarios]]")[0].replace("[1, 2]", "[1]")
    (tmp_path / "e.toml").write_text(text)
    result = run(tmp_path / "e.toml", "--out", str(tmp_path / "out"), "--ray", address)
    assert result.returncode == 2
    assert "dumbbell.bbr.seed1 failed: engine sim has no transport 'bbr'" in result.stderr
    assert [job.state for job in read_results(tmp_path / "out").jobs] == ["failed", "done"]


@pytest.mark.slow
@pytest.mark.parametrize("given", ["another token", "no mode"])
def test_a_cluster_with_a_token_lets_nobody_else_in(address: str, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "e.toml").write_text(TEXT)
    (tmp_path / "token").write_text(secrets.token_hex(32))
    cache = str(cache_folder().parent)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    if given == "another token":
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    elif given == "no mode":
        monkeypatch.delenv("RAY_AUTH_MODE")
    start_s = time.monotonic()
    result = run(tmp_path / "e.toml", "--out", str(tmp_path / "out"), "--ray", address)
    assert time.monotonic() - start_s < 150
    assert result.returncode == 2 and "Traceback" not in result.stderr
    said = result.stderr.splitlines()[-1]
    assert said.startswith(f"iroko: --ray {address}: no Ray cluster there that lets this process in: ")
    assert "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH here as there" in said


def test_no_cluster_at_an_address_is_one_line(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
    (tmp_path / "e.toml").write_text(TEXT)
    result = run(tmp_path / "e.toml", "--out", str(tmp_path / "out"), "--ray", "127.0.0.1:1")
    assert result.returncode == 2 and "iroko: --ray 127.0.0.1:1: no Ray cluster there" in result.stderr.splitlines()[-1]


def test_without_ray_the_option_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "e.toml").write_text(TEXT)
    assert main([str(tmp_path / "e.toml"), "--out", str(tmp_path / "out"), "--ray", "auto"]) == 2
    assert capsys.readouterr().err == "iroko: --ray needs ray: pip install 'iroko-net[ray]'\n"
