"""How programs end by signals and closed pipes: as other programs do."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from iroko.run import command
from iroko.system import runtime_folder
from iroko.system.command import signals_raise

ROOT = Path(__file__).parents[2]
PROGRAM = """
import atexit, sys, time
import typer
from iroko.system.command import run_command
app = typer.Typer()
@app.command()
def work(end: float = 0.0, after: float = 0.0) -> None:
    atexit.register(lambda: (print("exits", flush=True), time.sleep(after)))
    try:
        print("works", flush=True)
        time.sleep(60)
    finally:
        print("closes", flush=True)
        time.sleep(end)
sys.exit(run_command(app, "program", None))
"""
WRITE = """
import sys
import typer
from rich.console import Console
from iroko.system.command import run_command
app = typer.Typer()
@app.command()
def write(how: str) -> None:
    if how == "rich":
        Console().print("a line")
    elif how == "json":
        print("{}")
    elif how == "much":
        print("x" * 1_000_000)
    else:
        raise BrokenPipeError(32, "Broken pipe")  # of another process, whose end is no reason to be silent
sys.exit(run_command(app, "program", None))
"""


def start(*arguments: str, code: str = PROGRAM, ignored: tuple[int, ...] = ()) -> "subprocess.Popen[str]":
    """A program of ours, in whose shell some signals were ignored."""
    ignore = "".join(f"trap '' {number}; " for number in ignored)
    command = ["sh", "-c", f'{ignore}exec "$@"', "sh", sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def wait_for(process: "subprocess.Popen[str]", word: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{word}\n", process.communicate()


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_is_ignored_at_the_start_stays_ignored(number: signal.Signals) -> None:
    other = signal.SIGTERM if number != signal.SIGTERM else signal.SIGHUP
    with start(ignored=(number,)) as process:
        wait_for(process, "works")
        process.send_signal(number)
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(other)
        _, words = process.communicate(timeout=60)
    assert process.returncode == 128 + other and words == f"iroko: stopped by {other.name}\n"


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_everything_and_gives_its_exit_code(number: signal.Signals) -> None:
    with start() as process:
        wait_for(process, "works")
        process.send_signal(number)
        said, words = process.communicate(timeout=60)
    assert process.returncode == 128 + number and said == "closes\nexits\n" and words == f"iroko: stopped by {number.name}\n"


def test_further_signals_neither_interrupt_the_closing_nor_show_a_traceback() -> None:
    with start("--end", "1", "--after", "60") as process:
        wait_for(process, "works")
        process.send_signal(signal.SIGINT)
        wait_for(process, "closes")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        wait_for(process, "exits")  # everything is closed; from here on Ctrl-C ends the program as it ends others
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT and words == "iroko: stopped by SIGINT\n"


@pytest.mark.parametrize("how", ["rich", "json", "much"])
def test_output_that_nobody_reads_ends_a_program_silently(how: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run([sys.executable, "-c", WRITE, how], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


def test_a_broken_pipe_to_another_process_is_an_error() -> None:
    result = subprocess.run([sys.executable, "-c", WRITE, "other"], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode == 1 and "another process has closed its end of a pipe" in result.stderr


@pytest.mark.parametrize("module", ["iroko.run", "iroko.report", "iroko.experiment", "iroko.verify", "iroko.guest"])
def test_every_program_ends_silently_when_its_help_is_not_read(module: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-m", module, "--help"]
        result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize(("limit", "action", "remedy"), [
    ("-f 1", "open(sys.argv[1] + '/file', 'w').write('x' * 100_000)", "File too large"),
    ("-n 20", "[open('/dev/null') for _ in range(30)]", "Too many open files"),
])  # fmt: skip
def test_a_limit_of_the_shell_is_named(limit: str, action: str, remedy: str, tmp_path: Path) -> None:
    code = WRITE.split("def write")[0] + f"def use(folder: str) -> None:\n    {action}\nsys.exit(run_command(app, 'program', None))"
    command = ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert result.returncode == 1 and remedy in result.stderr and f"`ulimit {limit[:2]}`" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_doctor_ends_silently_when_nobody_reads() -> None:
    code = """
import sys
from iroko.doctor import __main__ as doctor
from iroko.doctor.findings import Way
doctor.CHECKS.clear()
doctor.try_engines = lambda *_: []
doctor.ways = lambda *_: [Way("nothing", "", False)]
sys.exit(doctor.main([]))
"""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, timeout=60)
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.slow
def test_a_run_whose_terminal_closes_says_so_in_its_folder(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    folder = tmp_path / "run"
    options = ["--topo", "dumbbell", "--agent", "ppo", "--baseline", "none", "--engine", "sim", "--steps", "4000000", "--out", str(folder)]
    command = ["setsid", "--ctty", sys.executable, "-m", "iroko.run", *options]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT)
    try:
        os.close(theirs)
        shown, deadline = b"", time.monotonic() + 120
        while b"train ppo" not in shown and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.1)[0]:
                shown += os.read(ours, 1 << 16)
        os.close(ours)
        assert process.wait(60) == 128 + signal.SIGHUP
    finally:
        process.kill()
        process.wait()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "incomplete" and "SIGHUP" in json.dumps(manifest), manifest


def test_the_main_job_runs_outside_the_main_thread(capsys: pytest.CaptureFixture[str]) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(command.main(["--engine", "gest"])))
    thread.start()
    thread.join(60)
    assert codes == [2] and "gest" in capsys.readouterr().err


def test_handlers_are_restored_for_a_caller() -> None:
    def handler(*_: object) -> None: ...

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, handler)
    try:
        with signals_raise():
            assert signal.getsignal(signal.SIGHUP) is not handler
        assert signal.getsignal(signal.SIGHUP) is handler
        assert signal.getsignal(signal.SIGINT) is before[signal.SIGINT]
    finally:
        signal.signal(signal.SIGHUP, before[signal.SIGHUP])


def test_root_leaves_no_folder_in_a_users_run_time_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: None) -> None:
    theirs = tmp_path / "run"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, 4711, 4711)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(theirs))
    place = runtime_folder.runtime_folder()
    assert theirs not in place.parents and not list(theirs.iterdir())


@pytest.mark.slow
def test_torch_leaves_nothing_in_the_temporary_folder(tmp_path: Path) -> None:
    code = (
        WRITE.split("@app.command()")[0]
        + """
@app.command()
def learn() -> None:
    import torch
    torch.optim.Adam(torch.nn.Linear(2, 2).parameters()).step()
sys.exit(run_command(app, "program", None))
"""
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("TORCHINDUCTOR_CACHE_DIR", None)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=240, env=environment)
    assert result.returncode == 0, result.stderr
    assert not list(temporary.iterdir())
