"""Small files that would take much time or memory: one error, within 10 s and 500 MB."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.faults.bounds import attempt

READ_TOML = "from iroko.toml import read_toml"
READ_RUN = "from iroko.rundir.reader import open_table, read_manifest"


@pytest.mark.parametrize(("content", "words"), [
    ("a" + ".a" * 32_000 + " = 1\n", "thousands of dots"),
    ('"=",'.join(["x = [{a = 1}]\n# "] * 3) + "a" + '."="' * 60_000 + " = 1\n", "thousands of dots"),
    (f"[{'.'.join(['a'] * 3_000)}]\n" * 100, "thousands of dots"),
    ("a = " + "[" * 400_000, "is not TOML"),
    ("a = " + "9" * 900_000, "is not TOML"),
], ids=["dotted key", "quoted dots", "deep tables", "brackets", "digits"])  # fmt: skip
def test_toml(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bomb.toml"
    path.write_text(content)
    said = attempt(f"read_toml({str(path)!r})", READ_TOML)
    assert said is not None and words in said


def test_long_lines_of_numbers_are_no_bomb(tmp_path: Path) -> None:
    path = tmp_path / "long.toml"
    path.write_text(f"rates = [{', '.join(['0.5'] * 3_000)}]\n" + "[environment]\nepisode_s = 1.0\n" * 1)
    assert attempt(f"assert len(read_toml({str(path)!r})['rates']) == 3000", READ_TOML) is None


@pytest.mark.parametrize("content", ["[" * 3_000_000, "[" * 900_000 + "]" * 900_000, '{"a":' * 700_000, "[" + "[]," * 1_300_000 + "[]]"],
                         ids=["open", "deep lists", "deep tables", "many lists"])  # fmt: skip
def test_json(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    said = attempt(f"read_manifest(Path({str(tmp_path)!r}))", READ_RUN)
    assert said is not None and "manifest.json cannot be read" in said
    (tmp_path / "agent.json").write_text(content)
    said = attempt(f"check_card(Path({str(tmp_path)!r}), dict(agent='ppo'))", "from agents._models import check_card")
    assert said is not None and "agent.json" in said


def test_parquet_that_expands(tmp_path: Path) -> None:
    path = tmp_path / "steps.parquet"
    pd.DataFrame({"reward": np.zeros(100_000_000, dtype=np.float32)}).to_parquet(path, compression="zstd")
    assert path.stat().st_size < 1_000_000  # 400 MB of zeros
    said = attempt(f"with open_table(Path({str(path)!r})) as file:\n    file.read().to_pandas()", READ_RUN)
    assert said is not None and "is broken: it claims" in said


@pytest.mark.parametrize("kind", ["compressed", "overlapping", "bytearray"])
def test_weights_that_expand(tmp_path: Path, kind: str) -> None:
    import torch

    folder = tmp_path / "ppo"
    folder.mkdir()
    path = folder / "weights.pt"
    torch.save({"weights": torch.zeros(10 if kind == "bytearray" else 250_000_000)}, path)
    with zipfile.ZipFile(path) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    name = next(name for name in parts if name.endswith("data.pkl"))
    if kind == "bytearray":
        # builtins.bytearray(2000000000), which weights_only allows
        parts[name] = b"\x80\x02cbuiltins\nbytearray\nJ" + (2_000_000_000).to_bytes(4, "little") + b"\x85R."
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if kind == "compressed" else zipfile.ZIP_STORED) as archive:
        for part, content in parts.items():
            archive.writestr(part, b"" if kind == "overlapping" and len(content) > 1e6 else content)
        if kind == "overlapping":  # each names the pickle's bytes again, as a gigabyte
            for part in archive.filelist:
                if part.filename != name:
                    part.file_size = part.compress_size = 1_000_000_000
    assert path.stat().st_size < 5_000_000
    said = attempt(f"read(Path({str(folder)!r}))", """
        import torch
        from iroko.agents._models import read_weights
        def read(folder):
            return torch.load(read_weights(folder), weights_only=True)
    """)  # fmt: skip
    assert said is not None and "weights.pt is broken" in said


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    import os

    for name in ("manifest.json", "agent.json", "weights.pt", "steps.parquet"):
        os.mkfifo(tmp_path / name)
    folder = f"Path({str(tmp_path)!r})"
    for code, prepare in (
        (f"read_manifest({folder})", READ_RUN),
        (f"open_table({folder} / 'steps.parquet').__enter__()", READ_RUN),
        (f"check_card({folder}, dict())", "from agents._models import check_card"),
        (f"read_weights({folder})", "from agents._models import read_weights"),
    ):
        assert attempt(code, prepare) is not None


def test_a_jobs_list_names_no_other_folder(tmp_path: Path) -> None:
    from iroko.analysis.experiment import read_jobs
    from iroko.errors import InputError

    job = {"scenario": "a", "scheme": "nv", "seed": 1, "trained_on": "", "state": "done", "reason": ""}
    for name in ("../../other", "/etc", ".", "", "a/b", 5):
        (tmp_path / "jobs.json").write_text(json.dumps({"jobs": [job | {"name": name}]}))
        with pytest.raises(InputError, match=r"jobs\.json cannot be read"):
            read_jobs(tmp_path)
