"""`python -m iroko.guest build` builds the guest kernel, `shell` opens Mininet's command line in a guest."""

import sys
from typing import Annotated

import typer

from iroko.system.command import run_command

app = typer.Typer(
    add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, help="The guest kernel: build it, or look around in it."
)


@app.command()
def build(again: Annotated[bool, typer.Option(help="Build even if it is there.")] = False) -> None:
    """Build the guest kernel into the user's cache folder, unless it is there."""
    from iroko.engines.guest.build import build as build_kernel

    build_kernel(again=again)


@app.command()
def shell(
    topo: Annotated[str, typer.Option(help="Name of a topology.")] = "fattree",
    rate: Annotated[str, typer.Option(help="Rate of every link, such as 10M.")] = "10M",
    seed: Annotated[int, typer.Option(help="Of the guest's entropy.")] = 0,
) -> None:
    """Open Mininet's command line in a guest: `h0 ping -c 3 h3`, `iperf h0 h3`, `nodes`, `exit`."""
    from iroko.engines.guest.machine import Machine
    from iroko.errors import InputError
    from iroko.scenario import Scenario

    if not sys.stdin.isatty():
        raise InputError("the shell reads from a terminal, and its input is none: start it by hand, or in `script` or tmux")

    Scenario(topology=topo, topology_parameters={"rate_bps": rate})
    machine = Machine([sys.executable, "-m", "iroko.engines.guest.shell", topo, rate], seed, console=True)
    try:
        assert machine.process is not None
        machine.process.wait()
    finally:
        machine.stop()


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    return run_command(app, "python -m iroko.guest", arguments)
