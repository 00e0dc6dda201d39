"""An exported folder builds by itself, and holds the policy."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.policy.bpf.export import export_policy
from iroko.policy.format import read_policy
from tests.policy.states import random_policy


def test_the_folder_holds_the_policy_twice(tmp_path: Path) -> None:
    policy = random_policy(np.random.default_rng(1), "any")
    names = export_policy(policy, tmp_path / "out")
    assert {"Makefile", "README.md", "COPYING", "policy.h", "iroko.bpf.c", "weights.h", "policy.json"} <= set(names)
    assert read_policy(tmp_path / "out" / "policy.json") == policy
    body = (tmp_path / "out" / "weights.h").read_text().split("{ {")[1].split("} }")[0]
    words = [int(word) for word in re.findall(r"-?\d+", body.replace("(u32)", ""))]
    assert words == policy.to_words().tolist()


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(InputError, match="not empty"):
        export_policy(random_policy(np.random.default_rng(1), "any"), tmp_path)


@pytest.mark.parametrize("kernel", ["from_6_10", "before_6_10"])
def test_the_folder_builds(tmp_path: Path, kernel: str) -> None:
    if not all(shutil.which(tool) for tool in ("clang", "llvm-strip", "make")) or not Path("/usr/include/bpf/bpf_helpers.h").exists():
        pytest.skip("clang, llvm, make or libbpf-dev is not installed")
    export_policy(random_policy(np.random.default_rng(1), "any"), tmp_path / "out")
    done = subprocess.run(["make", f"KERNEL={kernel}"], cwd=tmp_path / "out", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "iroko.bpf.o").stat().st_size > 10_000
