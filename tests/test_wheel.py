"""The wheel as users install it: by itself, without this checkout and without what its tests need."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKER = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None


sys.meta_path.insert(0, Blocker())
"""


def development_packages() -> set[str]:
    """Names of the modules that only the extra `dev` brings."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [{re.split(r"[^\w-]", text)[0].replace("-", "_") for text in texts}
             for texts in (project["optional-dependencies"]["dev"], project["dependencies"])]  # fmt: skip
    return names[0] - names[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel; all other packages are those of this one."""
    place = tmp_path_factory.mktemp("wheel")
    source, environment = place / "source", place / "venv"
    source.mkdir()
    for name in ("iroko", "topologies", "traffic", "agents"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    packages = next(environment.glob("lib/python*/site-packages"))
    # Folders named in a .pth file are searched last, and .pth files in them are not read: no editable install is seen.
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    (packages / "sitecustomize.py").write_text(BLOCKER.format(blocked=development_packages()))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-build-isolation", "--no-index",
               "--disable-pip-version-check", str(source)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=without_python_path(), timeout=200)
    assert done.returncode == 0, done.stderr
    return python


def without_python_path() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run(python: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run([str(python), *arguments], cwd=folder, capture_output=True, text=True, env=without_python_path(), timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_an_installed_wheel_runs_the_first_topology_of_the_docs(installed: Path, tmp_path: Path) -> None:
    packages = next(installed.parents[1].glob("lib/python*/site-packages"))
    assert run(installed, tmp_path, "-c", "import iroko; print(iroko.__file__)").strip() == str(packages / "iroko" / "__init__.py")
    for program in ("run", "experiment", "report", "verify", "doctor", "guest"):
        assert "--help" in run(installed, tmp_path, "-m", f"iroko.{program}", "--help"), program
    page = (ROOT / "docs" / "extend.md").read_text()
    line = re.search(r"^```python file=topologies/line.py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert line is not None
    (packages / "topologies" / "line.py").write_text(line[1])
    run(installed, tmp_path, "-m", "iroko.run", "--topo", "line", "--agent", "none", "--baseline", "dctcp", "--baseline", "maxmin",
        "--engine", "sim", "--episode", "2s", "--out", "line")  # fmt: skip
    assert (tmp_path / "line" / "report.html").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["agents", "traffic", "topologies"])
def test_a_project_with_a_folder_or_module_of_that_name_runs(installed: Path, tmp_path: Path, name: str) -> None:
    code = f"import gymnasium, iroko, {name}; print({name}.OWN, gymnasium.make('iroko/Dumbbell-v0', engine='sim').reset(seed=1)[0].shape)"
    for kind in ("package", "namespace", "module"):
        project = tmp_path / kind
        folder = project / name
        project.mkdir()
        if kind == "module":
            (project / f"{name}.py").write_text("OWN = 5")
        else:
            folder.mkdir()
            (folder / ("__init__.py" if kind == "package" else "mine.py")).write_text("OWN = 5")
        program = code if kind != "namespace" else code.replace(f", {name};", ";").replace(f"{name}.OWN", "5")
        assert run(installed, project, "-c", program) == "5 (32,)\n", kind
