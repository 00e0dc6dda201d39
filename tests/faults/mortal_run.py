"""The main job, killed by SIGKILL at a chosen call: `python -m tests.faults.mortal_run CALL NUMBER LIST DRAW OPTIONS...`.

Calls are those that the code of the run makes or takes, of functions and of methods of C such as the renaming of a file; it ends at the
NUMBER-th of the name CALL, so the moments do not hang on how fast the machine is. With NUMBER 0 nothing is killed, and the file LIST,
unless it is `-`, gets the name of each call, a line each. Training has short sections, so that a short run has some checkpoints. Unless
DRAW is `draw`, figures and report are left out, which take longer than all the rest.
"""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import iroko
from iroko import report
from iroko.analysis import plots
from iroko.run import train
from iroko.run.command import main

FOLDER = Path(iroko.__file__).parent
WATCHED = tuple(str(FOLDER / f"{name}.py") for name in ("run/job", "run/train", "run/evaluate", "rundir/folder", "rundir/manifest"))
assert all(Path(name).exists() for name in WATCHED), WATCHED
SECTION_STEPS = 320


def watch(name: str, number: int, calls: list[str]) -> None:
    """Write down every call from now on, and end the process at the chosen one."""

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event in ("call", "c_call") and frame.f_code.co_filename in WATCHED:
            inner = argument.__name__ if event == "c_call" else ""
            calls.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}/{inner}")
            if number and calls[-1] == name and calls.count(name) == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(note)


def run(name: str, number: int, list_path: Path, draw: bool, options: list[str]) -> int:
    train.SECTION_STEPS = dict.fromkeys(train.SECTION_STEPS, SECTION_STEPS)
    if not draw:
        plots.draw_all = report.write_report = lambda _: None
    calls: list[str] = []
    watch(name, number, calls)
    try:
        return main(options)
    finally:
        sys.setprofile(None)
        if not number and str(list_path) != "-":
            list_path.write_text("\n".join(calls))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4] == "draw", sys.argv[5:]))
