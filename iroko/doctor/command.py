"""`iroko doctor`: the doctor as a command of the program; `python -m iroko.doctor` starts where no package is installed."""

from typing import Annotated

import typer

from iroko.doctor.__main__ import main

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> int:
    """Check this machine and print the fix for anything missing."""
    return main(["--json"] if as_json else [])
