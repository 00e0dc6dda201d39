"""Checks of what is installed: Python, its packages, Mininet, the guest kernel, the compiled simulator."""

import re

from iroko.doctor.findings import OK, SHORT, Check, Finding
from iroko.doctor.machine import tilde
from iroko.doctor.surroundings import Surroundings

_SHOWN = 3
"""How many packages a line names."""
_SHOWN_DIGITS = 16
"""How many digits of a hash a line shows."""


def check_python(here: Surroundings) -> Finding:
    version = here.python()
    shown = ".".join(str(part) for part in version)
    if not (3, 11) <= version[:2] < (3, 14):
        return Finding("python", SHORT, f"{shown}: expected 3.11 to 3.13", "make setup PYTHON=python3.11", stops=True)
    return Finding("python", OK, shown)


def required_packages(requirements: list[str]) -> list[str]:
    """Names of the packages that Iroko cannot do without: requirements that belong to no extra."""
    return [match[0].lower() for line in requirements if "extra ==" not in line and (match := re.match(r"[A-Za-z0-9_.-]+", line))]


def check_packages(here: Surroundings) -> Finding:
    missing = [name for name in required_packages(here.requirements()) if here.version(name) is None]
    if missing:
        return Finding("packages", SHORT, f"missing: {_some(missing)}", "make setup && .venv/bin/python -m iroko.doctor", stops=True)
    tested = dict(re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", here.constraints(), re.MULTILINE))
    if not tested:
        return Finding("packages", OK, "all there; without constraints.txt their versions are not compared")
    installed = {name: version for name in tested if (version := here.version(name)) is not None}
    # A build's own mark, such as `+cpu` of torch, is no other version.
    others = [f"{name} {version} for {tested[name]}" for name, version in installed.items() if version.split("+")[0] != tested[name]]
    if others:
        return Finding("packages", SHORT, f"not as tested: {_some(others)}", "pip install -c constraints.txt -e .")
    return Finding("packages", OK, f"all {len(installed)} in the versions of constraints.txt")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def check_mininet(here: Surroundings) -> Finding:
    version = here.version("mininet")
    if version is None:
        return Finding("mininet", SHORT, "the Python package is missing", "make setup", stops=True)
    if here.which("mnexec") is None:
        return Finding("mininet", SHORT, f"{version}, without mnexec: its command line cannot start", "sudo apt-get install mininet")
    return Finding("mininet", OK, f"{version}, with mnexec")


def check_guest_kernel(here: Surroundings) -> Finding:
    from iroko.errors import UnsupportedError

    try:
        path = here.kernel_path()
    except UnsupportedError:
        return Finding("guest kernel", SHORT, "has not been built", "make guest")
    kernel = here.describe_kernel(path)
    built = f"{kernel.get('source', 'no Linux')}, SHA-256 {kernel['sha256'][:_SHOWN_DIGITS]}, {kernel.get('compiler', 'no compiler named')}"
    return Finding("guest kernel", OK, f"{tilde(path.parent)}: {built}")


def check_compiled(here: Surroundings) -> Finding:
    state = "is compiled" if here.is_compiled() else "compiles itself when first used, in about 15 seconds"
    return Finding("simulator", OK, state)


CHECKS: dict[str, Check] = {
    "python": check_python, "packages": check_packages, "mininet": check_mininet, "guest kernel": check_guest_kernel,
    "simulator": check_compiled,
}  # fmt: skip
