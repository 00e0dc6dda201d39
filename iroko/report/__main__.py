"""`python -m iroko.report FOLDER`: write `report.html` of a run or an experiment.

Exit codes: 0 done; 2 it is no such folder, or it cannot be read or written.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from iroko.errors import IrokoError
from iroko.report import write_report

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def report(
    folder: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folder of a run or an experiment; several for several.")],
) -> None:
    """Write FOLDER/report.html: tables, figures and the fabric over time, in one file that opens offline."""
    try:
        for one in folder:
            path = write_report(one)
            print(f"iroko: {path} ({path.stat().st_size / 1e6:.1f} MB)")
    except IrokoError as error:
        print(f"iroko: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_code) from None


if __name__ == "__main__":
    app(prog_name="python -m iroko.report")
