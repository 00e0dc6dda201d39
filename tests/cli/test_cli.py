"""The program `iroko`: its list of commands loads nothing, each command is the module's own."""

import os
import subprocess
import sys

import pytest

from iroko import __version__
from iroko.cli.program import PARTS, main


def test_the_list_of_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Usage: iroko [OPTIONS] COMMAND") and all(f"\n  {name} " in said for name in PARTS)


@pytest.mark.parametrize("command", [["run"], ["experiment"], ["report"], ["verify"], ["doctor"], ["guest"], ["guest", "build"]])
def test_each_command_has_its_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: iroko {' '.join(command)} ")


def test_version_and_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert main(["rnu"]) == 2
    said = capsys.readouterr()
    assert said.out == f"iroko {__version__}\n"
    assert said.err == "iroko: No such command 'rnu'. See iroko --help\n"


def test_the_list_loads_no_library(tmp_path: str) -> None:
    code = "import sys; from iroko.cli.program import main; main(['--help']); print(sorted({'numpy', 'numba', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.endswith("\n[]\n"), done.stderr


def test_the_shell_completes_commands_and_options() -> None:
    def complete(words: str) -> list[str]:
        environment = {**os.environ, "_IROKO_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
        command = [sys.executable, "-m", "iroko"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120).stdout.split()

    assert complete("iroko e") == ["experiment", "export"]
    assert complete("iroko verify --sc") == ["--scores-only"]
