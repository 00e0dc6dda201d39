"""Everything that is imported comes with the usual installation, and the core needs nothing else at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from iroko.system.cache import cache_folder
from tests.test_architecture import SOURCES, imports_of, module_name
from tests.user_install import CORE, OWN, ROOT, USERS, brought_distributions, hidden_modules, normal, packages_distributions, write_hider

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


def run_as_installed(code: str, folder: Path, extras: tuple[str, ...] = USERS) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(write_hider(folder / "hider", extras)), str(ROOT)])
    command = [sys.executable, "-W", "ignore", "-c", code]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_a_module_imports_only_what_the_dependencies_bring(path: Path) -> None:
    name = module_name(path)
    tops = {imported.partition(":")[0].partition(".")[0] for imported in imports_of(path)} - OWN - sys.stdlib_module_names
    found = packages_distributions()
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


CORE_STEPS = """
import gymnasium, iroko
from iroko.errors import MissingExtraError

for name in ("iroko/FatTree-v0", "iroko/Dumbbell-v0"):
    env = gymnasium.make(name, engine="sim")
    env.reset(seed=1)
    env.step(env.action_space.sample())
    env.close()
envs = gymnasium.make_vec("iroko/Dumbbell-v0", num_envs=2, engine="sim")
envs.reset(seed=1)
envs.step(envs.action_space.sample())
"""
"""What the smallest installation offers."""
NOT_NEEDED = ("torch", "stable_baselines3", "pandas", "pyarrow", "matplotlib", "jinja2", "mininet", "pettingzoo", "ray", "scipy")
POSIX = """
import os, signal, sys

class Windows:
    def find_spec(name, path=None, target=None):
        if name in ("fcntl", "grp", "pty", "pwd", "resource", "termios"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

import asyncio, concurrent.futures, gymnasium, multiprocessing.sharedctypes, networkx, numba, shutil, subprocess
import tempfile, threading, zipfile
sys.meta_path.insert(0, Windows)
for name in ("fcntl", "grp", "pwd", "resource", "termios"):
    sys.modules.pop(name, None)
import numba.core.config, xml.dom.minidom
for name in ("O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "fchdir", "geteuid", "getuid", "pidfd_open", "register_at_fork",
             "sched_getaffinity"):
    delattr(os, name)
del signal.SIGHUP, signal.SIGKILL
sys.platform = "win32"
"""
"""What Windows lacks, taken away once the libraries that know better are loaded."""


@pytest.mark.parametrize("system", ["here", "windows"])
def test_the_core_needs_no_extra_and_no_posix(system: str, tmp_path: Path) -> None:
    # The compiled simulator is where it is here.
    before = f"{POSIX}\nos.environ['LOCALAPPDATA'] = {str(cache_folder().parent)!r}" if system == "windows" else ""
    after = f"import sys; print(sorted(set({NOT_NEEDED!r}) & set(sys.modules)))"
    done = run_as_installed(before + CORE_STEPS + after, tmp_path, CORE)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize(("code", "words"), [
    ("iroko.BatchVecEnv", "iroko.BatchVecEnv needs stable_baselines3: pip install 'iroko-net[train]'"),
    ("gymnasium.make('iroko/Dumbbell-v0', engine='guest').reset()", "engine guest needs mininet: pip install 'iroko-net[kernel]'"),
    ("from iroko.registry import load; load('agents', 'agent', 'ppo')", "agent ppo needs"),
    ("from iroko.run.command import main; sys.exit(main([]))", "pip install 'iroko-net[train]'"),
])  # fmt: skip
def test_a_missing_extra_is_named(code: str, words: str, tmp_path: Path) -> None:
    done = run_as_installed(f"import sys, gymnasium, iroko\n{code}", tmp_path, CORE)
    assert done.returncode != 0 and words in done.stderr, done.stderr
