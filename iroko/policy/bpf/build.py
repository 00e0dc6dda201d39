"""Compile the program with clang: `make bpf`, after a change of its sources. Users need no compiler, as the package has the outcome."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

from iroko.errors import UnsupportedError
from iroko.system.privileges import allowed_environment

FOLDER = Path(__file__).parent
HEADERS = (FOLDER.parent / "policy.h", FOLDER.parent / "decision.h")
SOURCES = (*HEADERS, *(FOLDER / name for name in ("iroko.bpf.c", "decide.h", "flow.h", "kernel.h", "linux_tcp.h", "list.h", "shared.h")))
MARKING_SOURCE, MARKING_PROGRAM = FOLDER / "mark.bpf.c", "mark.bpf.o"
PROGRAMS = {
    "before_6_10.bpf.o": ("iroko.bpf.c", "-DIROKO_BEFORE_6_10"),
    "from_6_10.bpf.o": ("iroko.bpf.c",),
    MARKING_PROGRAM: ("mark.bpf.c",),
}
"""Each compiled program: its source, and its own options."""
OPTIONS = ("-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter")
RECORD = FOLDER / "programs.txt"
"""The compiler of the programs, and the SHA-256 of their sources."""
_MISSING = "apt-get install clang llvm libbpf-dev"


def source_hash() -> str:
    """SHA-256 of the sources, in their order."""
    return hashlib.sha256(b"".join(source.read_bytes() for source in (*SOURCES, MARKING_SOURCE))).hexdigest()


def recorded() -> tuple[str, str]:
    """The compiler of the programs in the package, and the SHA-256 of the sources that it compiled."""
    compiler, digest = RECORD.read_text(encoding="utf-8").splitlines()
    return compiler, digest


def compiler_version() -> str:
    """The first line that clang prints of itself.

    Raises:
        UnsupportedError: there is no clang.
    """
    return _run([_tool("clang"), "--version"]).splitlines()[0]


def compile_program(name: str, folder: Path) -> Path:
    """Compile one of `PROGRAMS` into a folder.

    Raises:
        UnsupportedError: clang, llvm-strip or libbpf's headers are missing, or the sources are at fault.
    """
    target = folder / name
    # Relative names, so that the outcome does not depend on the place of the sources.
    places = ["-I..", "-fdebug-compilation-dir", ".", f"-ffile-prefix-map={FOLDER}=."]
    _run([_tool("clang"), *OPTIONS, *PROGRAMS[name], *places, "-c", "-o", str(target)])
    _run([_tool("llvm-strip"), "-g", str(target)])
    return target


def _tool(name: str) -> str:
    if (found := shutil.which(name)) is None:
        raise UnsupportedError(f"{name} is missing, which compiles BPF programs: {_MISSING}")
    return found


def _run(command: list[str]) -> str:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, env=allowed_environment())
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if re.search(r"error", line)] or done.stderr.splitlines()
        raise UnsupportedError(f"{Path(command[0]).name}: {lines[0] if lines else done.returncode}; needed: {_MISSING}")
    return done.stdout


def main() -> int:
    """Compile the programs into the package, and record their sources."""
    try:
        for name in PROGRAMS:
            print(compile_program(name, FOLDER).relative_to(FOLDER.parents[2]))
        RECORD.write_text(f"{compiler_version()}\n{source_hash()}\n", encoding="utf-8")
    except UnsupportedError as error:
        print(f"make bpf: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
