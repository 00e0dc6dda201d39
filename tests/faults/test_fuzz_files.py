"""Archives, models, manifests, TOML, CSV and captures of any content: a result or one clear error, and nothing elsewhere is touched."""

import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iroko.agents._models import check_card, read_replay, read_weights
from iroko.errors import InputError
from iroko.experiment.archive import unpack
from iroko.rundir.reader import read_manifest
from iroko.scenario import Scenario
from iroko.toml import parse_toml, read_toml
from tests.faults.fuzzed import VALUES, use

FEW, MANY = settings(max_examples=60), settings(max_examples=20_000)
NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "link", "x" * 300, "\udcff", "d" * 100]), min_size=1, max_size=40).map("/".join)
KINDS = (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
MEMBERS = st.lists(st.tuples(NAMES, st.sampled_from(KINDS), st.sampled_from(["../victim/file", "/etc/passwd", "a"]), st.binary(max_size=20),
                             st.integers(0, 0o7777)), max_size=4)  # fmt: skip
Members = list[tuple[str, bytes, str, bytes, int]]


def check_archive(folder: Path, members: Members, noise: list[tuple[int, int]]) -> None:
    victim, target = folder / "victim", folder / "target"
    victim.mkdir(exist_ok=True)
    (victim / "file").write_text("precious")
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, link, content, mode in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode, member.size = kind, link, mode, len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    changed = bytearray(data.getvalue())
    for at, value in noise:
        changed[at % len(changed)] = value
    use(lambda: unpack(bytes(changed), target, max_bytes=100_000))
    assert {path.name for path in folder.iterdir()} <= {"victim", "target"}
    assert [path.name for path in victim.iterdir()] == ["file"] and (victim / "file").read_text() == "precious"
    assert not any(path.is_symlink() for path in folder.rglob("*"))


NOISE = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=4)


def check_model(folder: Path, parts: dict[str, bytes], noise: list[tuple[int, int]], compression: int, card: object) -> None:
    with zipfile.ZipFile(folder / "weights.pt", "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    content = bytearray((folder / "weights.pt").read_bytes())
    for at, value in noise:
        content[at % len(content)] = value
    for name in ("weights.pt", "replay.pt"):
        (folder / name).write_bytes(bytes(content))
    (folder / "agent.json").write_text(json.dumps(card))

    def load() -> None:
        stored = read_weights(folder)
        try:
            torch.load(stored, weights_only=True)
        except Exception as error:  # torch's own are of many kinds; learners turn each into one of ours
            raise InputError("broken") from error

    use(load)
    use(lambda: read_replay(folder))
    use(lambda: check_card(folder, {"agent": "ppo"}))


def good_parts() -> dict[str, bytes]:
    data = io.BytesIO()
    torch.save({"weights": torch.zeros(3), "steps": 1}, data)
    with zipfile.ZipFile(data) as archive:
        return {part.filename: archive.read(part) for part in archive.infolist()}


PARTS = st.lists(st.tuples(st.integers(0, 9), st.binary(max_size=30)), max_size=2)
COMPRESSIONS = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])


def with_parts(changes: list[tuple[int, bytes]]) -> dict[str, bytes]:
    parts = good_parts()
    for which, content in changes:
        parts[sorted(parts)[which % len(parts)]] = content
    return parts


TOML = st.lists(st.sampled_from(["a", ".", "=", "1", "[", "]", "{", "}", '"', "'", "\n", ",", "#", '"""', "\\u0041", "1979-05-27",
                                 "\x1b", "\0", "é", "a." * 300, "[" * 300, "9" * 300, "0x"]), max_size=30).map("".join)  # fmt: skip
CAPTURE = st.lists(st.sampled_from([b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x0a\x0d\x0d\x0a", b"M<+\x1a", b"\xff" * 4, b"\0" * 4,
                                    b"\x01\0\0\0", b"\x02\0\x04\0", struct.pack("<I", 1 << 30), b"\x45\0\0\x1c" + bytes(24), b"\x08\0",
                                    b"source,destination,start_s,size_bytes\n", b"h0,h1,0,1\n", b"9" * 400, b'"']),
                   max_size=20).map(b"".join)  # fmt: skip


def check_traffic(folder: Path, content: bytes) -> None:
    for name in ("flows.csv", "flows.pcap", "flows.pcapng"):
        (folder / name).write_bytes(content)
        use(lambda name=name: Scenario(topology="dumbbell", traffic="replay", traffic_parameters={"file": str(folder / name)}))  # type: ignore[misc]


def check_texts(folder: Path, text: str, manifest: object) -> None:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    use(lambda: read_toml(folder / "config.toml"))
    use(lambda: parse_toml(text))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    use(lambda: read_manifest(folder))


@FEW
@given(MEMBERS, NOISE)
def test_archives(tmp_path_factory: pytest.TempPathFactory, members: Members, noise: list[tuple[int, int]]) -> None:
    check_archive(tmp_path_factory.mktemp("archive"), members, noise)


@FEW
@given(PARTS, NOISE, COMPRESSIONS, VALUES)
def test_models(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, bytes]], noise: list[tuple[int, int]], kind: int, card: object
) -> None:
    check_model(tmp_path_factory.mktemp("model"), with_parts(parts), noise, kind, card)


@FEW
@given(TOML, st.dictionaries(st.sampled_from(["status", "reason", "seed", "files", "clocks", "x"]), VALUES, max_size=3) | VALUES)
def test_toml_and_manifests(tmp_path_factory: pytest.TempPathFactory, text: str, manifest: object) -> None:
    check_texts(tmp_path_factory.mktemp("texts"), text, manifest)


@FEW
@given(CAPTURE)
def test_captures_and_csv(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    check_traffic(tmp_path_factory.mktemp("traffic"), content)


@pytest.mark.soak
@MANY
@given(MEMBERS, NOISE, PARTS, COMPRESSIONS, VALUES, TOML, CAPTURE)
def test_many_of_all(
    tmp_path_factory: pytest.TempPathFactory, members: Members, noise: list[tuple[int, int]], parts: list[tuple[int, bytes]], kind: int,
    value: object, text: str, content: bytes,
) -> None:  # fmt: skip
    folder = tmp_path_factory.mktemp("all")
    for name in ("archive", "files"):
        (folder / name).mkdir()
    check_archive(folder / "archive", members, noise)
    check_model(folder / "files", with_parts(parts), noise, kind, value)
    check_texts(folder / "files", text, value)
    check_traffic(folder / "files", content)
