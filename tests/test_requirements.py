"""What `make setup` installs: the tested versions, each with the hashes of its files."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENTRY = re.compile(r"^([a-z0-9._-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE)


def test_every_tested_version_but_torch_has_its_hashes() -> None:
    tested = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    text = (ROOT / "requirements.txt").read_text()
    hashed = {name: version for name, version, _ in ENTRY.findall(text)}
    assert tested.pop("torch")
    assert hashed == tested
    # No line but comments and entries: no index, no address, no option.
    assert [line for line in ENTRY.sub("", text).splitlines() if not line.startswith("#")] == []


def test_the_recipe_installs_nothing_without_a_hash_but_torch() -> None:
    installs = re.findall(r"pip install (.*)", (ROOT / "Makefile").read_text())
    assert len(installs) == 3
    for options in installs:
        assert "--require-hashes" in options or "--no-index" in options or '"$(TORCH)"' in options
