"""Archives that mean harm, or that are noise: nothing lands outside the folder, and what was there stays."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.experiment import archive
from iroko.experiment.archive import pack, unpack

Fill = Callable[[tarfile.TarFile], None]


def make(fill: Fill, form: int = tarfile.PAX_FORMAT) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=form) as made:
        fill(made)
    return data.getvalue()


def entry(name: str, content: bytes = b"x", **values: object) -> Fill:
    def fill(made: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        for key, value in values.items():
            setattr(member, key, value)
        made.addfile(member, io.BytesIO(content) if member.isreg() else None)

    return fill


def several(*fills: Fill) -> Fill:
    def fill(made: tarfile.TarFile) -> None:
        for each in fills:
            each(made)

    return fill


def negative(made: tarfile.TarFile) -> None:
    # Without a check of the sign, a negative size makes room for any other.
    member = tarfile.TarInfo("small")
    member.pax_headers = {"size": "-99999999"}
    made.addfile(member)


def _with_pax(name: str, **headers: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.pax_headers = headers
    return member


HARM = {
    "parent": make(entry("../outside")),
    "parent below": make(entry("a/../../outside")),
    "absolute": make(entry("/tmp/iroko-outside")),
    "backslash": make(entry("..\\outside")),
    "itself": make(entry(".")),
    "symbolic link": make(entry("link", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "write through a link": make(several(entry("link", type=tarfile.SYMTYPE, linkname="/tmp"), entry("link/outside"))),
    "hard link": make(entry("link", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "character device": make(entry("device", type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "block device": make(entry("device", type=tarfile.BLKTYPE, devmajor=8, devminor=0)),
    "pipe": make(entry("pipe", type=tarfile.FIFOTYPE)),
    "folder": make(entry("folder", type=tarfile.DIRTYPE)),
    "twice": make(several(entry("a"), entry("a"))),
    "file as folder": make(several(entry("a"), entry("a/b"))),
    "long name": make(entry("x" * 5000)),
    "deep": make(entry("a/" * 4000 + "b")),
    "negative size": make(negative),
    "a file that is not there": make(entry("a", b"x" * 5000))[:1500],
    "sparse": make(lambda made: made.addfile(_with_pax("a", **{"GNU.sparse.map": "0,1", "GNU.sparse.size": "99999999999"}))),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "within" / "run"
    path.mkdir(parents=True)
    (path / "config.toml").write_text("mine")
    return path


def tree(path: Path) -> list[str]:
    return sorted(str(each.relative_to(path)) for each in path.rglob("*"))


@pytest.mark.parametrize("name", HARM)
def test_harm_is_refused_and_nothing_is_touched(name: str, folder: Path, tmp_path: Path) -> None:
    before = tree(tmp_path)
    with pytest.raises(InputError, match="archive") as caught:
        unpack(HARM[name], folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert tree(tmp_path) == before and (folder / "config.toml").read_text() == "mine"
    assert not Path("/tmp/iroko-outside").exists()


def test_what_is_too_large_is_refused_before_it_is_written(folder: Path, tmp_path: Path) -> None:
    data = make(several(entry("a", b"x" * 600), entry("b", b"x" * 600)))
    with pytest.raises(InputError, match="'b': the archive is larger than allowed"):
        unpack(data, folder, max_bytes=1000)
    assert tree(tmp_path) == ["within", "within/run", "within/run/config.toml"]
    unpack(data, folder, max_bytes=1200)
    assert tree(folder) == ["a", "b"]


def test_too_many_files_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_FILES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        unpack(make(several(*(entry(f"f{number}") for number in range(4)))), folder)
    assert tree(folder) == ["config.toml"]


def test_headers_without_end_are_refused(folder: Path) -> None:
    block = make(lambda made: made.addfile(_with_pax("a", comment="x")), tarfile.PAX_FORMAT)[:1024]
    with pytest.raises(InputError, match="is broken"):
        unpack(block * 5000, folder)
    assert tree(folder) == ["config.toml"]


def test_compressed_archives_are_none(folder: Path) -> None:
    # So that none can be a bomb.
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as made:
        entry("a", bytes(10_000_000))(made)
    assert len(data.getvalue()) < 20_000
    with pytest.raises(InputError, match="is broken"):
        unpack(data.getvalue(), folder)


def test_modes_and_owners_are_not_taken_over(folder: Path) -> None:
    unpack(make(entry("a", mode=0o6777, uid=12345)), folder)
    found = (folder / "a").stat()
    assert not found.st_mode & 0o6111 and found.st_uid == folder.stat().st_uid


def test_links_are_not_packed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "run" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "run" / "file").write_text("x")
    with tarfile.open(fileobj=io.BytesIO(pack(tmp_path / "run"))) as packed:
        assert packed.getnames() == ["file"]


@settings(max_examples=300)
@given(st.data())
def test_noise_is_an_archive_or_one_error(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = bytearray(make(several(entry("a/b", b"x" * 700), entry("c" * 150, b"y"))))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    place = tmp_path_factory.mktemp("noise")
    (place / "run").mkdir()
    try:
        unpack(bytes(whole[: data.draw(st.integers(0, len(whole)))]), place / "run")
    except InputError:
        assert tree(place / "run") == []
    assert tree(place)[:1] == ["run"] and {name.split("/")[0] for name in tree(place)} == {"run"}


def test_deep_paths_leave_nothing_behind(tmp_path: Path) -> None:
    for depth in (17, 900, 4000):
        with pytest.raises(InputError, match=r"expected at most 16 folders in each other"):
            unpack(make(entry("a/" * depth + "b")), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_link_in_place_of_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "file").write_text("precious")
    (tmp_path / "run").symlink_to(tmp_path / "victim")
    (tmp_path / ".run.part").symlink_to(tmp_path / "victim")
    unpack(make(entry("a")), tmp_path / "run")
    assert (tmp_path / "run" / "a").read_bytes() == b"x" and not (tmp_path / "run").is_symlink()
    assert (tmp_path / "victim" / "file").read_text() == "precious"
