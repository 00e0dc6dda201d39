"""Running code on a hostile file in a process of its own, whose time and memory are bounded."""

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent, indent

ROOT = Path(__file__).parents[2]
MAX_CPU_S, MAX_BYTES = 10.0, 500_000_000
PROGRAM = """
import json, resource, sys, time, warnings
from pathlib import Path
from iroko.errors import IrokoError
{prepare}
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, began, said = peak(), time.process_time(), None
try:
{attempt}
except IrokoError as error:
    said = str(error)
print(json.dumps([said, time.process_time() - began, peak() - before]))
"""


def attempt(code: str, prepare: str = "", cwd: Path = ROOT) -> str | None:
    """Run code; returns the message of Iroko's error, None where it raised none.

    Args:
        prepare: what is imported before time and memory are measured.
    """
    program = PROGRAM.format(prepare=dedent(prepare), attempt=indent(dedent(code), "    "))
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{program}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd)
    assert done.returncode == 0, done.stderr[-2000:]
    said, cpu_s, num_bytes = json.loads(done.stdout.splitlines()[-1])
    assert cpu_s < MAX_CPU_S, f"it took {cpu_s:.1f} s"
    assert num_bytes < MAX_BYTES, f"it took {num_bytes / 1e6:.0f} MB"
    assert said is None or "\n" not in said
    return said
