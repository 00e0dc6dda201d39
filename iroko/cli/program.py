"""`iroko COMMAND`, or `python -m iroko COMMAND`: each command is implemented in the module that `PARTS` names.

`iroko --install-completion` lets the shell complete commands and options.
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from iroko import __version__
from iroko.extras import naming_extras
from iroko.system.command import run_command


@dataclass(frozen=True)
class Part:
    """One command: the module whose `app` it is, and its line in the list of commands."""

    module: str
    summary: str


PARTS = {
    "run": Part("iroko.run.command", "Train agents, score them beside baselines, and write tables and figures."),
    "experiment": Part("iroko.experiment.__main__", "Run many scenarios, schemes and seeds, and compare them."),
    "report": Part("iroko.report.__main__", "Write the offline page of a run or an experiment."),
    "verify": Part("iroko.verify", "Repeat a run and compare the results."),
    "doctor": Part("iroko.doctor.command", "Check this machine and print the fix for anything missing."),
    "deploy": Part("iroko.cli.deploy", "Load a policy as a TCP congestion control of this machine."),
    "export": Part("iroko.cli.export", "Write a policy as a BPF program that builds elsewhere."),
    "guest": Part("iroko.guest", "Build the guest kernel, or open a shell in a guest."),
}


class LazyGroup(TyperGroup):
    """Commands that are imported when they run or complete; the list of commands needs none of them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(PARTS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return TyperCommand(cmd_name, help=PARTS[cmd_name].summary) if cmd_name in PARTS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name in PARTS:
            with naming_extras(f"iroko {name}"):
                command = get_command(importlib.import_module(PARTS[name].module).app)
            command.name = name
        return name, command, rest


app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, pretty_exceptions_enable=False)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"iroko {__version__}")
        raise typer.Exit


@app.callback()
def iroko(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Learning datacenter congestion control: `iroko COMMAND --help` explains a command."""


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    return run_command(app, "iroko", arguments if given else ["--help"])
