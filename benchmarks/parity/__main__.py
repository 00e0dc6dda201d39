"""The command `python -m benchmarks.parity`: both engines on every case, the table and the figures."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.parity import figures, report
from benchmarks.parity.cases import Case, find_cases
from benchmarks.parity.measures import Comparison
from benchmarks.parity.recording import KERNEL, KernelRecorder, Recorder, Recording
from benchmarks.parity.starts import judge
from iroko.errors import InputError, IrokoError
from iroko.run.display import format_duration

RESULTS = Path("results/parity")
TABLE_WIDTH = 140
"""A terminal less wide wraps the lines; numbers that are cut off would be of no use."""
CLOSELY = 3
"""Of so many cases or fewer, flows and ports are printed too."""


@dataclass(frozen=True)
class Result:
    """A case on both engines; `simulator` is None, and nothing compared, when only the kernel was asked for."""

    case: Case
    kernel: Recording
    simulator: Recording | None
    comparisons: list[Comparison]


class Runner:
    """Runs cases on both engines, in several threads: a guest is a process of its own.

    Args:
        simulator: name of the engine that is compared with the kernel; the kernel's own name compares it with itself, its flows
            starting at other times; None: record the kernel only.
        fresh: record the kernel anew.
        say: told of each case that is done.
    """

    def __init__(self, cases: list[Case], simulator: str | None, fresh: bool, console: Console) -> None:
        self.cases, self.simulator, self.fresh, self.console = cases, simulator, fresh, console
        self._results: dict[Case, Result] = {}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._next = iter(cases)

    def run(self, jobs: int) -> list[Result]:
        """Run all.

        Args:
            jobs: how many at a time.
        """
        with ThreadPoolExecutor(jobs) as pool:
            workers = [pool.submit(self._work) for _ in range(min(jobs, len(self.cases)))]
            try:
                for worker in workers:
                    worker.result()
            finally:
                self._stop.set()  # after an error or Ctrl-C the others end with the case that they are at
        return [self._results[case] for case in self.cases]

    def _take(self) -> Iterator[Case]:
        while not self._stop.is_set():
            with self._lock:
                case = next(self._next, None)
            if case is None:
                return
            yield case

    def _work(self) -> None:
        with closing(KernelRecorder(fresh=self.fresh)) as kernel, closing(self._open_simulator()) as simulator:
            for case in self._take():
                started = time.perf_counter()
                kept = kernel.is_kept(case)
                ours = kernel.record(case)
                between = time.perf_counter()
                theirs = simulator.record(case) if self.simulator else None
                took_s = time.perf_counter() - between
                judged = judge(case, ours, theirs, self.simulator, self.fresh) if self.simulator and theirs else []
                self._results[case] = Result(case, ours, theirs, judged)
                self._say(case, "kept" if kept else f"{between - started:.1f} s", took_s)

    def _open_simulator(self) -> Recorder | KernelRecorder:
        if self.simulator == KERNEL:
            return KernelRecorder(variant=1, fresh=self.fresh)
        return Recorder(self.simulator or KERNEL)

    def _say(self, case: Case, kernel: str, simulator_s: float) -> None:
        other = f", {self.simulator} {simulator_s:.2f} s" if self.simulator else ""
        self.console.print(f"{len(self._results):3} of {len(self.cases)}  {case.name:34} kernel {kernel}{other}", highlight=False)


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.parity",
        description="Compare the simulator with the Linux kernel in the guest, case by case.",
        epilog="Recordings of the kernel stay in the user's cache folder, under iroko/parity, for as long as kernel, engine and case "
               "are the same; so a second run takes the simulator's time only.",
    )  # fmt: skip
    parser.add_argument("--case", action="append", metavar="PATTERN", default=[], help="a case by name, 'dumbbell-2 cubic 10M', or "
                        "all that the words fit, 'dumbbell-* changing'; may be repeated")  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"where table and figures go (default: {RESULTS}; with --case nowhere)")
    parser.add_argument("--engine", default="sim", metavar="NAME", help="what is compared with the kernel: sim, or "
                        f"{KERNEL} to see how much the kernel differs from itself when its flows start at other times")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="record the kernel anew")
    parser.add_argument("--kernel-only", action="store_true", help="record the kernel and compare nothing")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", type=int, default=cores, metavar="N", help=f"cases at a time (default: {cores}, one for each core)")
    parser.add_argument("--all", action="store_true", help="print every row")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs}: expected 1 or more")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run the command.

    Returns:
        0 when every case is as expected, 1 when some miss, 2 for an input that cannot be used.
    """
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(options)
    except IrokoError as error:
        print(f"parity: {error}", file=sys.stderr)
        return error.exit_code


def _run(options: argparse.Namespace) -> int:
    cases = find_cases(options.case or ["*"])
    if options.list:
        print("\n".join(case.name for case in cases))
        return 0
    if options.out and options.out.exists() and not options.out.is_dir():
        raise InputError(f"--out {options.out}: this is a file; expected a folder")
    started = time.perf_counter()
    runner = Runner(cases, None if options.kernel_only else options.engine, options.fresh, Console(stderr=True, soft_wrap=True))
    results = runner.run(options.jobs)
    if options.kernel_only:
        return 0
    comparisons: list[Comparison] = []
    console = Console()
    console.width = max(console.width, TABLE_WIDTH)
    for result in results:
        assert result.simulator is not None
        comparisons += result.comparisons
        if len(results) <= CLOSELY:
            console.print(report.details(result.case, result.kernel, result.simulator, options.engine))
    console.print(report.terminal(comparisons, options.engine, options.all))
    if folder := options.out or (None if options.case else RESULTS):
        report.write(comparisons, folder, options.engine)
        figures.write(comparisons, [(r.case, r.kernel, r.simulator) for r in results if r.simulator], folder, options.engine)
        console.print(f"table and figures: {folder}, after {format_duration(time.perf_counter() - started)}", highlight=False)
    return 0 if all(comparison.as_expected for comparison in comparisons) else 1


if __name__ == "__main__":
    sys.exit(main())
