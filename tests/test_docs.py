"""The commands and programs of README.md and of the pages in docs/ are run, and their files are used as they are printed.

A block is run if it is `sh`, or `python` without `file=`. `file=PATH` after the language writes the block to a file. Blocks marked
`pending` need an interface that is not there yet; an indented block takes too long, needs root, or downloads something.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.user_install import write_hider

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "iroko/engines/sim/README.md")),
         *sorted((ROOT / "results").glob("*/README.md"))]  # fmt: skip
WITHOUT_COMMANDS = {"docs/README.md", "docs/benchmarks.md", "docs/install.md", "docs/limits.md"}
"""Pages whose commands all take long, or that have none."""
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PENDING = "pending"
SHORT_RUN = {"python -m iroko.run ": "python -m iroko.run --engine sim --steps 300 --episode 2s --episodes 1 "}
FASTER = {
    "README.md": SHORT_RUN,
    "docs/results.md": {**SHORT_RUN, "--agent reinforce --agent ddpg --agent td3 --agent sac --agent a2c --agent ars": "--agent reinforce",
                        "topology.k=8": "topology.k=6"},
    "docs/run.md": {**SHORT_RUN, "--baseline bbr": "--baseline reno"},
    "docs/reproduce.md": {"results/iroko2018/dumbbell.toml\n": "results/iroko2018/dumbbell.toml --set run.steps=300 --set run.engine=sim "
                                                               "--set environment.episode_s=5 --seeds 1\n",
                          "run.steps=500": "run.steps=300", "--seeds 1,2": "--seeds 1"},
    "docs/experiments.md": {"seeds = [1, 2, 3]": "seeds = [1]", "episodes = 2": 'episodes = 1\nengine = "sim"'},
    "docs/extend.md": {name: f"{name} --engine sim --episode 5s" for name in ("--agent half", "--agent ./agents/half.py")},
    "docs/cluster.md": {"run.steps=500": "run.steps=300"},
    "docs/flows.md": {"--out results/runs/flows\n": "--out results/runs/flows --steps 20 --set agent.cmaes.population=4\n"},
}  # fmt: skip
"""What shortens a page's commands here, and changes nothing else: text of the page, and its replacement."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text."""

    language: str
    words: str
    text: str


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    for before, after in FASTER.get(name_of(page), {}).items():
        assert before in text, f"{page.name} has no {before!r} any more"
        text = text.replace(before, after)
    return [block for block in (Block(*found) for found in FENCE.findall(text)) if PENDING not in block.words.split()]


def run_command(text: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run a shell script in a folder; its `python` is the one of the tests and finds Iroko where this one does."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {}), "PATH": path},
                          timeout=400 * max(1, text.count("python -m")))  # fmt: skip
    assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) not in WITHOUT_COMMANDS], ids=name_of)
def test_each_command_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    clone, work = tmp_path / "clone", tmp_path / "work"
    for folder in ("agents", "topologies", "traffic", "iroko"):
        shutil.copytree(ROOT / folder, clone / folder, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    shutil.copytree(ROOT / "results" / "iroko2018", work / "results" / "iroko2018")
    # As for a user, who has no extra: of those, ray alone where the page asks for it.
    plain = {"PYTHONPATH": os.pathsep.join([str(write_hider(tmp_path / "hider")), str(clone)])}
    with_extras = {"PYTHONPATH": str(clone)}
    num_commands = 0
    for block in blocks(page):
        if name := re.search(r"file=(\S+)", block.words):
            file = work / name[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            (work / "program.py").write_text(block.text, encoding="utf-8")
            run_command("python program.py", work, plain)
            num_commands += 1
        elif block.language == "sh":
            if "ray" in block.words:
                pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
            run_command(block.text, work, with_extras if "ray" in block.words else plain)
            num_commands += block.text.count("python -m iroko")
    assert num_commands > 0, f"{page.name} has no command that is run"


def test_the_pages_are_there_and_each_command_is_in_a_block_that_is_run() -> None:
    assert {page.name for page in PAGES} >= {"README.md", "reproduce.md", "experiments.md", "cluster.md", "extend.md", "python.md"}
    for page in PAGES:
        outside = FENCE.sub("", page.read_text(encoding="utf-8"))
        if found := re.search(r"^    (?:\S*/)?python -m iroko.*", outside, re.MULTILINE):
            pytest.fail(f"{page.name}: {found[0]} outside of a ```sh block is not tested")


def test_paths_that_a_page_names_exist() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name in re.findall(r"`((?:agents|topologies|traffic|examples|docs|results/iroko2018|results/parity|iroko)/[\w./]+)`", text):
            assert (ROOT / name).exists(), f"{page.name} names {name}"


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        link, _, anchor = (target[0] or target[1]).partition("#")
        if re.match(r"\w+:", link):
            continue
        found = (page.parent / link).resolve() if link else page
        assert found.exists(), f"{name_of(page)} links to {link}"
        assert not anchor or anchor in anchors(found), f"{name_of(page)} links to {link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_targets_of_make_that_a_page_names_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in TEXTS:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"(?:`|^    )make ((?:[a-z]+ ?)+)", text, re.MULTILINE)
        assert {name for names in named for name in names.split()} <= targets, f"{page.name}: {named}"
