"""Everything that is imported comes with a plain install, without the extras."""

import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.test_architecture import SOURCES, imports_of, module_name
from tests.user_install import ROOT, brought_distributions, hidden_modules, normal, write_hider

OWN = {"iroko", "topologies", "traffic", "agents"}
OF_EXTRAS = {"iroko.experiment.cluster": {"ray"}}
"""Modules that import what an extra brings, when it is asked for."""

LINE = """
from iroko.report.layout import layout_nodes
from iroko.topology import build_topology

def line(num_switches, ring=False):
    switches = [f"s{i}" for i in range(num_switches)]
    hosts = [f"h{i}" for i in range(num_switches)]
    links = [*zip(hosts, switches), *zip(switches, switches[1:]), *([(switches[-1], switches[0])] if ring else [])]
    return build_topology("line", hosts, switches, links, rate_bps=1e7, delay_s=0.0, queue_bytes=757_000, ecn_bytes=None, routing="static")

for topology in (line(3), line(8, ring=True), line(200, ring=True)):
    assert layout_nodes(topology)[1] == "distances"
"""


def run_as_installed(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(write_hider(folder / "hider")), str(ROOT)])
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_imports_only_what_the_dependencies_bring(path: Path) -> None:
    name = module_name(path)
    tops = {imported.partition(":")[0].partition(".")[0] for imported in imports_of(path)} - OWN - sys.stdlib_module_names
    found = metadata.packages_distributions()
    strangers = {top for top in tops if not {normal(each) for each in found.get(top, [])} & brought_distributions()}
    assert strangers <= OF_EXTRAS.get(name, set()), f"{name} imports what no dependency in pyproject.toml brings"


def test_what_only_the_extras_bring_is_known() -> None:
    assert {"scipy", "pytest", "hypothesis"} <= hidden_modules()
    assert not {"numpy", "torch", "networkx", "iroko"} & hidden_modules()


def test_the_hider_hides(tmp_path: Path) -> None:
    done = run_as_installed("import numpy; import scipy", tmp_path)
    assert done.returncode != 0 and "No module named 'scipy'" in done.stderr


@pytest.mark.slow
def test_every_module_can_be_imported_and_any_topology_laid_out_without_the_extras(tmp_path: Path) -> None:
    names = [module_name(path) for path in SOURCES if path.name != "__main__.py"]
    imports = "\n".join(f"import {name}" for name in names if name not in OF_EXTRAS)
    done = run_as_installed(f"{imports}\n{LINE}", tmp_path)
    assert done.returncode == 0, done.stderr
