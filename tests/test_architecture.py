"""The rules of the layout, kept by reading the imports of every module."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("iroko.kernel", "iroko.guest", "iroko.sim")
FOLDERS = ("topologies", "traffic", "agents")
SOURCES = sorted(path for folder in ("iroko", *FOLDERS) for path in (ROOT / folder).rglob("*.py"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def imports(source: str, package: str) -> set[str]:
    """What a source imports, wherever in it: modules by their names, names in a module as `module:name`.

    Args:
        package: the package that the source is in, for relative imports.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                found.add(inner if is_module(inner) else f"{origin}:{alias.name}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module", "__import__"):
            found |= {str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found


def imports_of(path: Path) -> set[str]:
    name = module_name(path)
    return imports(path.read_text(encoding="utf-8"), name if path.name == "__init__.py" else name.rpartition(".")[0])


def within(imported: str, package: str) -> bool:
    return imported.partition(":")[0] == package or imported.startswith(f"{package}.")


def breaches(imported: set[str], module: str) -> list[str]:
    """The imports of a module that the layout forbids."""
    bad: list[str] = []
    room = next((room for room in ROOMS if within(module, room)), None)
    if room is not None:
        bad += [name for name in imported if any(within(name, other) for other in (*FOLDERS, "iroko.env"))]
        # Of another room only what its __init__ offers may be used, not its modules.
        bad += [name for name in imported for other in ROOMS if other != room and name.startswith(f"{other}.")]
    if module == "iroko.env":
        bad += [name for name in imported if any(within(name, other) for other in ROOMS)]
    if module in ("iroko.plots", "iroko.table"):
        bad += [name for name in imported if any(within(name, other) for other in (*ROOMS, "iroko.engine", "iroko.env", "agents"))]
    if module.split(".")[0] in ("topologies", "traffic"):
        bad += [name for name in imported if any(within(name, other) for other in (*ROOMS, "iroko.engine", "iroko.env", "agents"))]
    return sorted(set(bad))


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_keeps_the_rules_of_its_room(path: Path) -> None:
    assert breaches(imports_of(path), module_name(path)) == []


def test_the_modules_with_rules_of_their_own_exist() -> None:
    # A rule for a module that was renamed would hold for nothing.
    names = {module_name(path) for path in SOURCES}
    assert {"iroko.env", "iroko.plots", "iroko.table", "iroko.kernel", "iroko.guest"} <= names


def test_mininet_is_imported_in_one_file() -> None:
    users = [module_name(path) for path in SOURCES if any(within(name, "mininet") for name in imports_of(path))]
    assert len(users) == 1, f"mininet is imported in {users}: expected one module"
    assert users[0].startswith("iroko.kernel.")


def test_plain_data_needs_no_learning_library_and_no_kernel() -> None:
    heavy = ("torch", "stable_baselines3", "gymnasium", "mininet", "matplotlib", "pandas")
    for name in ("errors", "units", "names", "flows", "topology", "snapshot", "engine", "scenario", "metrics", "fairness"):
        found = imports_of(ROOT / "iroko" / f"{name}.py")
        assert [one for one in found if any(within(one, other) for other in heavy)] == [], name


@pytest.mark.parametrize(("source", "module", "bad"), [
    ("import iroko.guest.machine", "iroko.kernel.engine", ["iroko.guest.machine"]),
    ("from iroko.kernel import queues", "iroko.guest.server", ["iroko.kernel.queues"]),
    ("from iroko.kernel.queues import Queue", "iroko.guest.server", ["iroko.kernel.queues:Queue"]),
    ("from iroko.kernel import KernelEngine", "iroko.guest.server", []),
    ("from ..kernel.queues import Queue", "iroko.guest.server", ["iroko.kernel.queues:Queue"]),
    ("def late():\n    from traffic import incast", "iroko.sim.engine", ["traffic.incast"]),
    ("import importlib\nimportlib.import_module('agents.ppo')", "iroko.guest.engine", ["agents.ppo"]),
    ("from iroko.env import IrokoEnv", "iroko.kernel.engine", ["iroko.env:IrokoEnv"]),
    ("from iroko.topology import Topology", "iroko.kernel.engine", []),
    ("from iroko.kernel import KernelEngine", "iroko.env", ["iroko.kernel:KernelEngine"]),
    ("from iroko.engine import open_engine", "iroko.env", []),
    ("from iroko.engine import open_engine", "iroko.plots", ["iroko.engine:open_engine"]),
    ("import agents.ppo", "iroko.table", ["agents.ppo"]),
    ("from iroko import env", "iroko.plots", ["iroko.env"]),
    ("from iroko.env import IrokoEnv", "traffic.pairs", ["iroko.env:IrokoEnv"]),
])  # fmt: skip
def test_the_reader_sees_forbidden_imports(source: str, module: str, bad: list[str]) -> None:
    assert breaches(imports(source, module.rpartition(".")[0]), module) == bad


def test_every_folder_is_a_package_that_says_what_it_holds() -> None:
    for folder in FOLDERS:
        assert importlib.import_module(folder).__doc__
    for path in SOURCES:
        if path.name != "__init__.py" and path.stat().st_size:
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{module_name(path)} has no docstring"
