"""What can become of a folder or a file that somebody else has had: hypothesis draws changes, which are made in a copy."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import strategies as st

from iroko.errors import IrokoError
from tests.faults.bounds import MAX_CPU_S

Change = tuple[str, int, int, object]
"""Its kind, which file, where in the file, and a value."""
KINDS = ("cut", "bytes", "empty", "link", "folder link", "pipe", "folder", "mode", "remove", "deep", "json", "swap", "huge")
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["", "..", "\x1b[2J", "[red]x[/]", "\\input{x}", "a" * 5000]),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip
CHANGES = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 1000), st.integers(0, 1 << 20), VALUES), min_size=1, max_size=3)


def _edit_json(path: Path, at: int, value: object) -> None:
    """Put a value in place of one in a JSON file."""
    try:
        table = json.loads(path.read_text())
    except ValueError:
        return
    place = table
    while isinstance(place, (dict, list)) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = keys[at % len(keys)]
        at //= len(keys)
        if at % 3 == 0 or not isinstance(place[key], (dict, list)) or not place[key]:
            place[key] = value
            break
        place = place[key]
    path.write_text(json.dumps(table))


def apply(folder: Path, victim: Path, changes: list[Change]) -> None:
    """Make these changes in a folder; links lead to the victim."""
    for kind, which, at, value in changes:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        if not files:
            return
        path = files[which % len(files)]
        content = path.read_bytes()
        if kind == "cut":
            path.write_bytes(content[: at % (len(content) + 1)])
        elif kind == "bytes" and content:
            start = at % len(content)
            path.write_bytes(content[:start] + repr(value).encode("utf-8", "surrogatepass")[:8] + content[start + 8 :])
        elif kind == "empty":
            path.write_bytes(b"")
        elif kind == "json" and path.suffix == ".json":
            _edit_json(path, at, value)
        elif kind == "mode":
            path.chmod((0o000, 0o444, 0o777, 0o4755, 0o222)[at % 5])
        elif kind == "swap":
            path.write_bytes(files[at % len(files)].read_bytes())
        elif kind == "huge":
            path.write_bytes(content[: at % 100] + (b"[", b"a.", b"9", b"\n[a]", b"\0")[at % 5] * 500_000)
        elif kind == "deep":
            path.parent.joinpath(*["d"] * (at % 60)).mkdir(parents=True, exist_ok=True)
        elif kind == "folder link" and path.parent != folder:
            shutil.rmtree(path.parent)
            path.parent.symlink_to(victim)
        elif kind in ("link", "pipe", "folder", "remove"):
            path.unlink()
            if kind == "link":
                path.symlink_to(victim / "file" if at % 2 else victim)
            elif kind == "pipe":
                os.mkfifo(path)
            elif kind == "folder":
                path.mkdir()


@contextmanager
def changed(template: Path, place: Path, changes: list[Change]) -> Iterator[Path]:
    """A changed copy of a folder beside a victim, of which nothing may change."""
    shutil.rmtree(place, ignore_errors=True)
    victim = place / "victim"
    victim.mkdir(parents=True)
    (victim / "file").write_text("precious")
    shutil.copytree(template, place / "copy")
    apply(place / "copy", victim, changes)
    before = (victim / "file").stat()
    yield place / "copy"
    now = (victim / "file").stat()
    assert sorted(path.name for path in place.iterdir()) == ["copy", "victim"]
    assert [path.name for path in victim.iterdir()] == ["file"] and (victim / "file").read_text() == "precious"
    assert (before.st_mode, before.st_uid, before.st_mtime_ns, before.st_ino) == (now.st_mode, now.st_uid, now.st_mtime_ns, now.st_ino)


def use(action: Callable[[], object]) -> None:
    """Call something that may end in one clear error, soon."""
    began = time.process_time()
    try:
        action()
    except IrokoError as error:
        said = str(error)
        assert said and "\n" not in said and len(said) < 3_000 and said.isprintable(), said[:500]
    assert time.process_time() - began < MAX_CPU_S
