"""Every command of the pages in docs/ is run, and their files are used as they stand."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.user_install import write_hider

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").glob("*.md"))
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FASTER = {
    "reproduce.md": {"results/iroko2018/dumbbell.toml\n": "results/iroko2018/dumbbell.toml --set run.steps=300 --set run.engine=sim "
                                                          "--set environment.episode_s=5 --seeds 1\n",
                     "run.steps=500": "run.steps=300", "--seeds 1,2": "--seeds 1"},
    "experiments.md": {"seeds = [1, 2, 3]": "seeds = [1]", "episodes = 2": 'episodes = 1\nengine = "sim"'},
    "extend.md": {"--agent half": "--agent half --engine sim --episode 5s",
                  "./agents/half.py\n": "./agents/half.py --engine sim --episode 5s\n"},
    "cluster.md": {"run.steps=500": "run.steps=300"},
}  # fmt: skip
"""What makes a page's commands shorter here, and nothing else: text of the page, and what stands in its place."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the words after it, its text."""

    language: str
    words: str
    text: str


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    for before, after in FASTER.get(page.name, {}).items():
        assert before in text, f"{page.name} has no {before!r} any more"
        text = text.replace(before, after)
    return [Block(*found) for found in FENCE.findall(text)]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_command_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    for folder in ("agents", "topologies", "traffic", "iroko", "results/iroko2018"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    bin_folder = str(Path(sys.executable).parent)
    path = os.pathsep.join([bin_folder, os.environ["PATH"]])
    # As for a user, who has no extra: of those, ray alone where the page asks for it.
    plain = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join([str(write_hider(tmp_path / "hider")), str(tmp_path)])}
    with_extras = {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path)}
    commands = 0
    for block in blocks(page):
        if name := re.search(r"file=(\S+)", block.words):
            (tmp_path / name[1]).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            environment = with_extras if "ray" in block.words else plain
            if "ray" in block.words:
                pytest.importorskip("ray", reason="ray is not installed: pip install -e '.[ray]'")
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", block.text], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=400)  # fmt: skip
            assert done.returncode == 0, f"{page.name}: {block.text}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
            commands += block.text.count("python -m iroko")
    assert commands > 0, f"{page.name} has no command that is run"


def test_the_pages_are_there_and_each_command_is_in_a_block_that_is_run() -> None:
    assert {page.name for page in PAGES} >= {"reproduce.md", "experiments.md", "cluster.md"}
    for page in PAGES:
        outside = FENCE.sub("", page.read_text(encoding="utf-8"))
        assert "    python -m" not in outside, f"{page.name}: a command outside of a ```sh block is not tested"


def test_paths_that_a_page_names_exist() -> None:
    for page in PAGES:
        for name in re.findall(r"`((?:agents|results/iroko2018|iroko|traffic)/[\w./]+)`", page.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{page.name} names {name}"
