"""Run folders as archives: whole there and back, and nothing outside."""

import io
import tarfile
from pathlib import Path

import pytest

from iroko.errors import InputError
from iroko.experiment.archive import pack, unpack


def make_archive(name: str, kind: bytes = tarfile.REGTYPE, data: bytes = b"x", link: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.size, member.linkname = kind, len(data) if kind == tarfile.REGTYPE else 0, link
        archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def test_a_folder_comes_back_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "a"
    (source / "model/ppo").mkdir(parents=True)
    (source / "config.toml").write_text("x = 1\n")
    (source / "model/ppo/weights").write_bytes(bytes(range(256)))
    target = tmp_path / "b/run"
    target.mkdir(parents=True)
    (target / "old").touch()
    unpack(pack(source), target)
    found = {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == {"config.toml": b"x = 1\n", "model/ppo/weights": bytes(range(256))}
    assert sorted(path.name for path in target.parent.iterdir()) == ["run"]


@pytest.mark.parametrize(("data", "message"), [
    (make_archive("../outside"), "expected a path inside"),
    (make_archive("a/../../outside"), "expected a path inside"),
    (make_archive("/outside"), "expected a path inside"),
    (make_archive("link", tarfile.SYMTYPE, link="/etc/passwd"), "expected a plain file"),
    (make_archive("hard", tarfile.LNKTYPE, link="config.toml"), "expected a plain file"),
    (make_archive("pipe", tarfile.FIFOTYPE), "expected a plain file"),
    (make_archive("large", data=b"x" * 2000), "larger than allowed"),
    (b"no archive" * 100, "is broken"),
])  # fmt: skip
def test_a_bad_archive_changes_nothing(tmp_path: Path, data: bytes, message: str) -> None:
    target = tmp_path / "jobs/run"
    target.mkdir(parents=True)
    (target / "kept").write_text("kept")
    with pytest.raises(InputError, match=message):
        unpack(data, target, max_bytes=1000)
    files = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert files == ["jobs/run/kept"]
