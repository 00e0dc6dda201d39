"""`report.html`: what a run or an experiment has shown, in one file that opens without a server and without a network.

    python -m iroko.report FOLDER

The page holds the scenario, the tables, figures with hover and zoom, and the fabric with its queues over time under a slider. It is
made from the folder alone: the same folder gives the same bytes.

Why the figures are drawn by some hundred lines of our own (`page/chart.js`) and no library: a report lies in every run folder, and
plotly's script alone is 4.7 MB, of which our kinds of figures need little; the light ones (uPlot) draw lines on a canvas, which a screen
reader cannot see, printing blurs, and the keyboard cannot reach. The fabric has to be drawn by hand with either. What is left takes
some 30 kB, follows light and dark by style sheet, prints as vectors, and runs under a policy that allows this one script by its hash, no
`eval`, no inline style, and no connection at all. Page templates and escaping are Jinja's, layouts of graphs are in `layout.py`.

    page.py        the parts of a page                 charts.py      descriptions of figures as data
    run.py         the page of a run folder            recordings.py  the fabric over time
    experiment.py  the page of an experiment           metadata.py    scenario, versions, machine
    scenario.py    tables and charts of a scenario     text.py        numbers as text
    render.py      page -> HTML                        layout.py      places of nodes
"""

from pathlib import Path

from iroko.errors import InputError
from iroko.rundir.folder import write_beside
from iroko.rundir.reader import CONFIG
from iroko.system.safe_folder import check_folder

REPORT = "report.html"


def write_report(folder: str | Path) -> Path:
    """Write `report.html` into the folder of a run or of an experiment, whether it is finished or not; returns the file.

    Raises:
        InputError: it is no such folder, what it holds cannot be read, or the file cannot be written.
    """
    from iroko.analysis.experiment import EXPERIMENT
    from iroko.report.experiment import experiment_page
    from iroko.report.render import render
    from iroko.report.run import run_page

    folder = Path(folder)
    check_folder(folder)
    if (folder / EXPERIMENT).is_file():
        page = experiment_page(folder)
    elif (folder / CONFIG).is_file():
        page = run_page(folder)
    else:
        raise InputError(f"{folder} is no folder of a run or an experiment: it has neither {CONFIG} nor {EXPERIMENT}")
    text = render(page)
    try:
        write_beside(folder / REPORT, lambda part: part.write_text(text, encoding="utf-8"), folder)
    except OSError as error:
        raise InputError(f"{folder / REPORT} cannot be written: {error.strerror or error}") from error
    return folder / REPORT
