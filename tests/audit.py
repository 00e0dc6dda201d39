"""`python -m tests.audit`: known vulnerabilities of the packages of `constraints.txt`, where the data about them can be had.

Exit codes: 0 none is known, or nothing could be learned, which is said; 1 a package has one that is not accepted below.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
ACCEPTED: dict[str, str] = {}
"""For the id of a vulnerability why it does not concern Iroko."""


def judge(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Exit code and lines for what pip-audit reports."""
    packages = report["dependencies"]
    audited = [package for package in packages if "vulns" in package]
    if not audited:
        return 0, [f"audit: nothing is known here about any of {len(packages)} packages: the index in use has no data on vulnerabilities"]
    found = [(package, each) for package in audited for each in package["vulns"]]
    lines = [
        f"audit: {package['name']} {package['version']}: {each['id']}"
        + (f", mended in {', '.join(each['fix_versions'])}" if each.get("fix_versions") else "")
        + (f" (accepted: {ACCEPTED[each['id']]})" if each["id"] in ACCEPTED else "")
        for package, each in found
    ]
    lines.append(f"audit: {len(audited)} of {len(packages)} packages looked up, {len(found)} known vulnerabilities")
    return int(any(each["id"] not in ACCEPTED for _, each in found)), lines


def main() -> int:
    """Run pip-audit on the tested versions."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "-r",
        str(CONSTRAINTS),
        "--no-deps",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "-f",
        "json",
    ]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        code, lines = judge(json.loads(result.stdout))
    except subprocess.TimeoutExpired:
        code, lines = 0, ["audit: no answer in 300 s: not audited"]
    except ValueError:
        code, lines = 0, [f"audit: the data cannot be had: {(result.stderr.strip().splitlines() or ['pip-audit said nothing'])[-1][:200]}"]
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
