"""The rules of the layout, kept by reading the imports of every module.

Imports run down `LAYERS` only; an engine's insides are its own; no circle; one file imports Mininet.
"""

import ast
import importlib
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("topologies", "traffic", "agents")
"""Folders of the repository that are packages of `iroko` through links."""
ENTRIES = ("iroko.__main__", "iroko.verify", "iroko.guest")
"""`python -m` for a folder's command."""
LAYERS = (
    "cli", "experiment", "run", "agents", "wrappers", "doctor", "report", "envs", "analysis", "rundir", "engines", "policy", "traffic",
    "topologies", "system", "nouns",
)  # fmt: skip
"""Folders of `iroko`, the highest first; `nouns` are the modules beside them."""
ENGINES = ("iroko.engines.kernel", "iroko.engines.guest", "iroko.engines.sim")


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return f"iroko.{name}" if parts[0] in FOLDERS else name


SOURCES = sorted(path for folder in ("iroko", *FOLDERS) for path in (ROOT / folder).rglob("*.py") if path.parents[0] != ROOT)
SOURCES = [path for path in SOURCES if not (path.parts[len(ROOT.parts)] == "iroko" and path.parts[len(ROOT.parts) + 1] in FOLDERS)]
MODULES = {module_name(path): path for path in SOURCES}


def imports(source: str, package: str) -> set[str]:
    """What a source imports, wherever in it but for types alone: modules by their names, names in a module as `module:name`.

    Args:
        package: the package that the source is in, for relative imports.
    """
    found: set[str] = set()
    tree = ast.parse(source)
    for block in [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]:
        block.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{origin}.{alias.name}"
                found.add(inner if inner in MODULES else f"{origin}:{alias.name}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module", "__import__"):
            found |= {str(argument.value) for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return found


def imports_of(path: Path) -> set[str]:
    name = module_name(path)
    return imports(path.read_text(encoding="utf-8"), name if path.name == "__init__.py" else name.rpartition(".")[0])


def within(imported: str, package: str) -> bool:
    return imported.partition(":")[0] == package or imported.startswith(f"{package}.")


def layer(module: str) -> str | None:
    """The layer of a module; None: it belongs to another package, or begins a program."""
    parts = module.partition(":")[0].split(".")
    if parts[0] != "iroko" or len(parts) == 1 or module in ENTRIES:
        return None
    return parts[1] if parts[1] in LAYERS else "nouns"


def breaches(imported: set[str], module: str) -> list[str]:
    """The imports of a module that the layout forbids."""
    own = layer(module)
    if own is None:
        return []
    bad = [name for name in imported if (other := layer(name)) and LAYERS.index(other) < LAYERS.index(own)]
    inside = next((engine for engine in ENGINES if within(module, engine)), None)
    # Of an engine only what its __init__ offers may be used elsewhere; `open` makes them all.
    if module != "iroko.engines.open":
        bad += [name for name in imported for engine in ENGINES if engine != inside and name.startswith(f"{engine}.")]
    return sorted(set(bad))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_keeps_the_rules_of_its_layer(name: str) -> None:
    assert breaches(imports_of(MODULES[name]), name) == []


def test_no_circle() -> None:
    """Between modules: an import inside a function counts too."""
    graph = nx.DiGraph((name, target) for name, path in MODULES.items() for target in (one.partition(":")[0] for one in imports_of(path))
                       if target in MODULES and target != "iroko")  # fmt: skip
    assert [sorted(group) for group in nx.strongly_connected_components(graph) if len(group) > 1] == []


def test_every_layer_exists() -> None:
    # A rule for a folder that was renamed would hold for nothing.
    assert {layer(name) for name in MODULES} == {None, *LAYERS}
    assert set(ENGINES) <= set(MODULES) and set(ENTRIES) <= set(MODULES)


def test_mininet_is_imported_in_one_file() -> None:
    users = [name for name, path in MODULES.items() if any(within(one, "mininet") for one in imports_of(path))]
    assert len(users) == 1, f"mininet is imported in {users}: expected one module"
    assert users[0].startswith("iroko.engines.kernel.")


def test_plain_data_needs_no_learning_library_and_no_kernel() -> None:
    heavy = ("torch", "stable_baselines3", "gymnasium", "mininet", "matplotlib", "pandas")
    for name, path in MODULES.items():
        if layer(name) in ("nouns", "topologies", "traffic") or name == "iroko.engines.base":
            assert [one for one in imports_of(path) if any(within(one, other) for other in heavy)] == [], name


@pytest.mark.parametrize(("source", "module", "bad"), [
    ("import iroko.engines.guest.machine", "iroko.engines.kernel.mininet", ["iroko.engines.guest.machine"]),
    ("from iroko.engines.kernel import qdiscs", "iroko.engines.guest.server", ["iroko.engines.kernel.qdiscs"]),
    ("from iroko.engines.kernel.qdiscs import Queue", "iroko.engines.guest.server", ["iroko.engines.kernel.qdiscs:Queue"]),
    ("from iroko.engines.kernel import KernelEngine", "iroko.engines.guest.server", []),
    ("from ..kernel.qdiscs import Queue", "iroko.engines.guest.server", ["iroko.engines.kernel.qdiscs:Queue"]),
    ("def late():\n    from iroko.envs import core", "iroko.engines.sim.engine", ["iroko.envs.core"]),
    ("import importlib\nimportlib.import_module('iroko.agents.ppo')", "iroko.engines.guest.engine", ["iroko.agents.ppo"]),
    ("from iroko.topology import Topology", "iroko.engines.kernel.mininet", []),
    ("from iroko.engines.kernel.serve import x", "iroko.envs.environment", ["iroko.engines.kernel.serve:x"]),
    ("from iroko.engines.open import open_engine", "iroko.envs.environment", []),
    ("from iroko.envs.environment import IrokoEnv", "iroko.traffic.pairs", ["iroko.envs.environment:IrokoEnv"]),
    ("if TYPE_CHECKING:\n    from iroko.run.job import Job", "iroko.topology", []),
    ("from iroko.scenario import Scenario", "iroko.system.cache", []),
    ("from iroko.system import cache", "iroko.scenario", ["iroko.system.cache"]),
])  # fmt: skip
def test_the_reader_sees_forbidden_imports(source: str, module: str, bad: list[str]) -> None:
    assert breaches(imports(source, module.rpartition(".")[0]), module) == bad


def test_every_module_has_a_docstring() -> None:
    for name, path in MODULES.items():
        if path.stat().st_size:
            assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{name} has no docstring"


def test_folders_are_packages() -> None:
    for folder in FOLDERS:
        assert importlib.import_module(f"iroko.{folder}").__doc__
