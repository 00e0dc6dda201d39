"""A folder from elsewhere is data: no program of Iroko runs what lies in it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from iroko.experiment.pool import JobProcess, worker_environment
from iroko.system.children import SETTINGS_FILES
from iroko.system.safe_folder import SafeFolder

ROOT = Path(__file__).parents[2]
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a folder away")
HOSTILE = ("iroko", "agents", "numpy", "torch", "typer", "rich", "json", "pandas", "matplotlib", "numba", "sitecustomize")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder whose modules leave a proof when they are imported, and whose settings change what libraries do."""
    folder = tmp_path / "data"
    for name in HOSTILE:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(f"open({str(tmp_path / 'proof')!r}, 'a').write({name!r})\n")
    (folder / "matplotlibrc").write_text("font.size: 77\n")
    (folder / ".numba_config.yaml").write_text("opt: 0\ndisable_jit: 1\n")
    return folder


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}


def test_the_hostile_folder_would_run_if_it_were_on_the_path(hostile: Path) -> None:
    # So the tests below cannot pass for another reason.
    subprocess.run([sys.executable, "-m", "typer"], cwd=hostile, capture_output=True)
    assert (hostile.parent / "proof").exists()


def test_a_job_runs_nothing_of_its_experiments_folder(hostile: Path) -> None:
    request = {"path": "jobs/a", "config": {"run": {"agents": ["nobody"]}}}
    with SafeFolder(hostile) as folder:
        process = JobProcess("a", request, folder, "logs/a.txt", worker_environment())
        events = []
        while not events or events[-1].code is None:
            events += process.read()
    assert events[-1].code == 2 and "nobody" in events[-1].reason, events
    assert not (hostile.parent / "proof").exists()


@pytest.mark.parametrize("program", ["run", "report", "verify", "experiment", "doctor"])
def test_a_program_runs_nothing_of_its_working_folder(hostile: Path, program: str) -> None:
    (hostile / "iroko" / "__init__.py").unlink()  # with an `iroko` there that one is the program, unless Python has -P
    (hostile / "iroko").rmdir()
    done = subprocess.run([sys.executable, "-m", f"iroko.{program}", "--help"], cwd=hostile, capture_output=True, text=True,
                          env=environment(), timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr[-1000:]
    # Before the first line of Iroko, Python itself has imported what it needs to find it.
    proof = hostile.parent / "proof"
    assert not proof.exists(), proof.read_text()


def test_settings_of_the_working_folder_do_not_apply(hostile: Path) -> None:
    code = (
        "import os; from iroko.system.children import ignore_settings_here; here = os.getcwd(); ignore_settings_here(); "
        "import matplotlib, numba; from numba.core import config; config.reload_config(); "
        "import json; print(json.dumps([matplotlib.rcParams['font.size'], config.DISABLE_JIT, config.OPT, os.getcwd() == here]))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=hostile, capture_output=True, text=True, env=environment(), timeout=120)
    assert done.returncode == 0, done.stderr[-1000:]
    size, no_jit, level, same = json.loads(done.stdout)
    assert (size, no_jit, str(level), same) == (10.0, 0, "3", True)
    assert set(SETTINGS_FILES.values()) <= {path.name for path in hostile.iterdir()}


@needs_root
@pytest.mark.parametrize(("owner", "mode", "code"), [(1234, 0o755, 0), (0, 0o755, 0), (4321, 0o755, 2), (1234, 0o777, 2), (1234, 0o775, 0)])
def test_under_sudo_a_working_folder_of_somebody_else_is_refused(tmp_path: Path, owner: int, mode: int, code: int) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    folder.chmod(mode)
    os.chown(folder, owner, 1234)
    sudo = {**environment(), "SUDO_UID": "1234", "SUDO_GID": "1234"}
    command = [sys.executable, "-m", "iroko.run", "--help"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=sudo, timeout=120)
    assert done.returncode == code, done.stderr
    if code:
        assert "can be written by another user" in done.stderr and "Traceback" not in done.stderr
        # Safe path: the folder is not on it.
        command.insert(1, "-P")
        assert subprocess.run(command, cwd=folder, capture_output=True, env=sudo, timeout=120).returncode == 0


def test_every_child_is_a_safe_one() -> None:
    for path in (ROOT / "iroko").rglob("*.py"):
        text = path.read_text()
        if path.name == "children.py" or "guest" in path.parts:  # in the guest the working folder is `/`
            continue
        assert text.count("[sys.executable") == text.count('[sys.executable, "-I"'), (
            f"{path} starts Python other than by iroko.system.children"
        )
