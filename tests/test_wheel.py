"""The wheel as users install it: by itself, without this checkout and without what its tests need."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from iroko import __version__
from tests.test_dependencies import CORE_STEPS

ROOT = Path(__file__).parent.parent
MAX_CORE_BYTES = 400e6
OWN_FILES = """
from iroko import IrokoEnv, Scenario
from iroko.agent import make_agent

scenario = Scenario(topology="./topologies/line.py", traffic="./traffic/ring.py")
env = IrokoEnv(scenario, engine="sim")
agent = make_agent("./agents/half.py", scenario, scenario.fabric)
observation, _ = env.reset(seed=1)
assert env.step(agent.act(observation))[1] > 0
env.close()
"""
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
    return names[0] - names[1] - {"iroko_net"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources by the setuptools of this environment."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("iroko", "topologies", "traffic", "agents"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "--no-index",
               "--disable-pip-version-check", "-w", str(place / "dist"), str(place)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=without_python_path(), timeout=300)
    assert done.returncode == 0, done.stderr
    return next((place / "dist").glob("iroko_net-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel; all other packages are those of this one."""
    environment = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    packages = next(environment.glob("lib/python*/site-packages"))
    # Folders named in a .pth file are searched last, and .pth files in them are not read: no editable install is seen.
    (packages / "others.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    (packages / "sitecustomize.py").write_text(BLOCKER.format(blocked=development_packages()))
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index",
               "--disable-pip-version-check", str(wheel)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=without_python_path(), timeout=200)
    assert done.returncode == 0, done.stderr
    return python


def find_python(version: str) -> Path | None:
    """A Python of this version on this machine."""
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = shutil.which(f"python{version}")
    for path in (*managed.glob(f"{version}.*/bin/python{version}"), *([Path(named)] if named else [])):
        if subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return path
    return None


@pytest.fixture(scope="module", params=["3.11", "3.12", "3.13"])
def core(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a clean environment in which pip has installed the wheel without extras."""
    source = find_python(request.param)
    if source is None:
        pytest.skip(f"needs Python {request.param}")
    environment = tmp_path_factory.mktemp("core") / "venv"
    subprocess.run([source, "-m", "venv", environment], check=True)
    command = [str(environment / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True, env=without_python_path(), timeout=900)
    if "No matching distribution" in done.stderr or "Connection" in done.stderr:
        pytest.skip("needs a package index that pip can reach")
    assert done.returncode == 0, done.stderr
    return environment / "bin" / "python"


def without_python_path() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run(python: Path, folder: Path, *arguments: str) -> str:
    done = subprocess.run([str(python), *arguments], cwd=folder, capture_output=True, text=True, env=without_python_path(), timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def write_files_of_the_docs(folder: Path) -> None:
    """Write the topology, traffic and agent of docs/extend.md."""
    page = (ROOT / "docs" / "extend.md").read_text(encoding="utf-8")
    for name, text in re.findall(r"^```python file=(\S+)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def test_the_wheel_adds_one_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"iroko", "iroko_net"}
    needed = ("py.typed", "agents/ppo.py", "topologies/fattree.py", "traffic/pairs.py", "report/page/page.html",
              "engines/guest/kernel.config", "engines/guest/guest.patch")  # fmt: skip
    assert {f"iroko/{name}" for name in needed} <= set(names)
    assert importlib.metadata.PathDistribution(zipfile.Path(wheel, f"{wheel.stem.partition('-py3')[0]}.dist-info/")).version == __version__


@pytest.mark.slow
def test_the_core_alone(core: Path, tmp_path: Path) -> None:
    packages = next(core.parents[1].glob("lib/python*/site-packages"))
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file() and not path.is_symlink())
    assert size < MAX_CORE_BYTES
    run(core, tmp_path, "-c", CORE_STEPS)
    write_files_of_the_docs(tmp_path)
    run(core, tmp_path, "-c", OWN_FILES)
    program = str(core.parent / "iroko")
    assert "Usage: iroko" in subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
    done = subprocess.run([program, "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pip install 'iroko-net[train]'" in done.stderr


@pytest.mark.slow
def test_an_installed_wheel_runs_the_files_of_the_docs(installed: Path, tmp_path: Path) -> None:
    packages = next(installed.parents[1].glob("lib/python*/site-packages"))
    assert run(installed, tmp_path, "-c", "import iroko; print(iroko.__file__)").strip() == str(packages / "iroko" / "__init__.py")
    for program in ("run", "experiment", "report", "verify", "doctor", "guest"):
        assert "--help" in run(installed, tmp_path, "-m", f"iroko.{program}", "--help"), program
    write_files_of_the_docs(tmp_path / "mine")
    run(installed, tmp_path, "-m", "iroko", "run", "--path", "mine", "--topo", "line", "--traffic", "ring", "--agent", "half", "--baseline",
        "dctcp", "--baseline", "maxmin", "--engine", "sim", "--episode", "2s", "--out", "line")  # fmt: skip
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
