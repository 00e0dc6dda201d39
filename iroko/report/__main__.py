"""`python -m iroko.report FOLDER`: write `report.html` of a run or an experiment.

Exit codes: 0 done; 2 it is no such folder, or it cannot be read or written.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from iroko.report import write_report
from iroko.system.command import run_command

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def report(
    folder: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folder of a run or an experiment; several for several.")],
) -> None:
    """Write FOLDER/report.html: tables, figures and the fabric over time, in one file that opens offline."""
    for one in folder:
        path = write_report(one)
        print(f"iroko: {path} ({path.stat().st_size / 1e6:.1f} MB)")


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    return run_command(app, "python -m iroko.report", arguments)


if __name__ == "__main__":
    sys.exit(main())
