"""`iroko deploy`: one line for every error, nothing left behind, also after SIGKILL."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from iroko.cli import deploy
from iroko.errors import UnsupportedError
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import write_policy
from tests.policy.bpf.conftest import host, namespace, open_flow  # noqa: F401

AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


def is_available() -> bool:
    return "iroko" in AVAILABLE.read_text().split()


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "iroko", "deploy", *arguments], capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("arguments", "line"), [
    (["nothing.json"], "policy nothing.json"),
    (["--status", "dctcp_like"], "--status takes no POLICY"),
    ([], "expected a POLICY"),
    (["dctcp_like", "--pin", "--hold"], "--hold and --pin: expected one of them"),
    (["--check", "0"], "check=0"),
])  # fmt: skip
def test_bad_input_gets_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.main(arguments) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1


@pytest.mark.parametrize(("before", "after", "line"), [
    ('"version": 1', '"version": 9', "version=9: expected 1"),
    ('"step": 1024', '"step": -1', "step=-1: expected a whole number"),
    ('"hidden": [[', '"hidden": [["x", ', "policy"),
])  # fmt: skip
def test_a_bad_policy_is_named_before_the_kernel_is_asked(
    before: str, after: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.json"
    write_policy(dctcp_like(), path)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    assert deploy.main([str(path)]) == 2
    said = capsys.readouterr().err
    assert line in said and str(path) in said and said.count("\n") == 1


def test_a_kernel_without_what_is_needed_gets_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> str:
        raise UnsupportedError("this kernel does not describe its types")

    monkeypatch.setattr(deploy, "choose_object", refuse)
    assert deploy.main(["dctcp_like"]) == 2
    assert capsys.readouterr().err.startswith("iroko: this kernel does not describe its types")


@pytest.mark.root
@pytest.mark.usefixtures("host")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_holds_it_ends_and_nothing_is_left(number: signal.Signals) -> None:
    held = subprocess.Popen([sys.executable, "-m", "iroko", "deploy", "dctcp_like"], stdout=subprocess.PIPE, text=True)
    try:
        assert held.stdout is not None and "until this command ends" in held.stdout.readline()
        assert is_available()
        status = run("--status")
        assert status.returncode == 0 and f"held by process {held.pid}" in status.stdout
        refused = run("--remove")
        assert refused.returncode == 2 and f"process {held.pid}" in refused.stderr
        os.kill(held.pid, number)
        assert held.wait(20) == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    finally:
        held.kill()
        held.wait()
        held.stdout.close()
    end = time.monotonic() + 5
    while is_available() and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_available()
    assert run("--status").returncode == 2


@pytest.mark.root
@pytest.mark.usefixtures("host")
def test_the_check_decides_again_and_set_changes_the_policy(namespace) -> None:  # noqa: F811
    held = subprocess.Popen([sys.executable, "-m", "iroko", "deploy", "dctcp_like"], stdout=subprocess.PIPE, text=True)
    try:
        assert held.stdout is not None and held.stdout.readline()
        with open_flow(namespace):
            swapped = run("dctcp_like", "--set")
            checked = run("--check", "0.5")
            status = run("--status")
    finally:
        held.terminate()
        held.wait(20)
        held.stdout.close()
    assert swapped.returncode == 0 and "all equal" in checked.stdout and "127.0.0.1" in status.stdout
