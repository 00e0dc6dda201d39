"""The programs in the package are those of its sources."""

import shutil
from pathlib import Path

import pytest

from iroko.errors import UnsupportedError
from iroko.policy.bpf import build


def test_the_programs_were_compiled_from_these_sources() -> None:
    assert build.recorded()[1] == build.source_hash(), "run `make bpf` and commit the programs"
    assert {*build.SOURCES, build.MARKING_SOURCE} == {*build.HEADERS, *build.FOLDER.glob("*.[ch]")}


def test_compiling_again_gives_the_same_programs(tmp_path: Path) -> None:
    if not (shutil.which("clang") and shutil.which("llvm-strip")):
        pytest.skip("clang and llvm are not installed")
    if build.compiler_version() != build.recorded()[0]:
        pytest.skip(f"the programs were compiled by {build.recorded()[0]}")
    for name in build.PROGRAMS:
        assert build.compile_program(name, tmp_path).read_bytes() == (build.FOLDER / name).read_bytes()


def test_without_clang_the_packages_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnsupportedError, match="apt-get install clang"):
        build.compile_program("from_6_10.bpf.o", tmp_path)
