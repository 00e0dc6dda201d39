"""`python -m iroko.doctor`: what works here, what does not, and the command that mends it. `--json` prints one JSON object.

Exit codes: 0 the main job runs with its defaults; 1 it does not; 130 Ctrl-C; 141 the output's reader has gone.
"""

import argparse
import json
import signal
import sys
from collections.abc import Sequence

from iroko.doctor import kernel, machine, software
from iroko.doctor.engines import try_engines, ways
from iroko.doctor.findings import Report, run_check
from iroko.doctor.page import print_report
from iroko.doctor.surroundings import Surroundings
from iroko.system.output import UNREAD_CODE, discard_output, is_broken_pipe

# The order of the screen: the machine, what is installed, the kernel.
CHECKS = machine.CHECKS | software.CHECKS | kernel.CHECKS


def examine(here: Surroundings) -> Report:
    """Run every check and try every engine."""
    findings = [run_check(name, check, here) for name, check in CHECKS.items()]
    engines = try_engines(here, findings)
    return Report(here.version("iroko-net") or "from source", findings, engines, ways(engines, findings, here))


def main(arguments: Sequence[str] | None = None, here: Surroundings | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m iroko.doctor", description="What of Iroko works here, and how to mend the rest.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(arguments)
    try:
        report = examine(here or Surroundings())
        if options.json:
            print(json.dumps(report.to_table(), indent=2, ensure_ascii=False))
        else:
            print_report(report)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit) as error:
        if not is_broken_pipe(error):
            raise
        discard_output()
        return UNREAD_CODE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
