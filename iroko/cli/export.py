"""`iroko export POLICY FOLDER`: a policy as a folder that builds elsewhere with clang."""

from pathlib import Path
from typing import Annotated

import typer

from iroko.policy.bpf.export import export_policy
from iroko.policy.choice import check_policy, load_policy

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def export(
    policy: Annotated[str, typer.Argument(help="A policy's file, or the name of a built-in policy.")],
    folder: Annotated[Path, typer.Argument(help="A new folder.")],
) -> None:
    """Write a policy and the BPF program that runs it into a folder with a Makefile."""
    check_policy(policy, "")
    names = export_policy(load_policy(policy), folder)
    print(f"{folder}: {', '.join(names)}; build it with `make`, load it with `sudo make load`")
