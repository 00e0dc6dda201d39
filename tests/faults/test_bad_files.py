"""Files of every wrong kind: captures and tables of flows, experiments, run folders. Each is read, or one line says what is wrong."""

import contextlib
import io
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iroko.errors import InputError
from iroko.experiment.jobs import make_jobs
from iroko.experiment.spec import read_experiment
from iroko.report.__main__ import app as report_app
from iroko.scenario import Scenario
from iroko.toml import format_toml
from tests.fake_run import make_run
from tests.faults.bad_values import check_error, check_lines, soon

DUMBBELL = ("h0", "h1", "h2", "h3")
PCAP_HEAD = struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)
IP = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 128, 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
FRAME = bytes.fromhex("ffffffffffff0000000000010800") + IP + struct.pack(">HHHH", 1, 2, 108, 0) + b"x" * 100
NG_HEAD = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28) + struct.pack("<IIHHII", 1, 20, 1, 0, 262144, 20)


def pcap(*packets: tuple[int, int, bytes], caplen: int | None = None) -> bytes:
    parts = [struct.pack("<IIII", sec, usec, len(data) if caplen is None else caplen, len(data)) + data for sec, usec, data in packets]
    return PCAP_HEAD + b"".join(parts)


def pcapng(*times: tuple[int, int]) -> bytes:
    body = FRAME + b"\0" * (-len(FRAME) % 4)
    length = 32 + len(body)
    return NG_HEAD + b"".join(
        struct.pack("<IIIIIII", 6, length, 0, high, low, len(FRAME), len(FRAME)) + body + struct.pack("<I", length) for high, low in times
    )


CAPTURES = {".pcap": pcap((1, 0, FRAME), (2, 0, FRAME)), ".pcapng": pcapng((0, 1), (0, 2))}


def replay(path: Path, **parameters: Any) -> None:
    """The file is the traffic of a scenario, or one line says why not."""
    with soon(path.read_bytes()[:100]):
        try:
            scenario = Scenario(traffic="replay", traffic_parameters={"file": str(path)} | parameters)
        except InputError as error:
            check_error(error)
        else:
            assert scenario.traffic_parameters["sha256"]


def test_the_captures_are_good(tmp_path: Path) -> None:
    for suffix, content in CAPTURES.items():
        path = tmp_path / f"good{suffix}"
        path.write_bytes(content)
        assert Scenario(traffic="replay", traffic_parameters={"file": str(path)}).traffic_parameters["sha256"]


@pytest.mark.parametrize("suffix", CAPTURES)
@given(st.data())
@settings(max_examples=150)
def test_a_capture_with_wrong_bytes(tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject) -> None:
    content = bytearray(CAPTURES[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 4))
        word = data.draw(
            st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\x0c\0\0\0"]) | st.binary(min_size=1, max_size=4)
        )
        content[at : at + len(word)] = word
    path = tmp_path_factory.getbasetemp() / f"wrong{suffix}"
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]) if data.draw(st.booleans()) else bytes(content))
    replay(path)


def test_lengths_of_gigabytes_take_no_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "long.pcapng"
    path.write_bytes(NG_HEAD + struct.pack("<II", 6, 0xFFFFFFF0) + FRAME)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="cut off or damaged"):
            Scenario(traffic="replay", traffic_parameters={"file": str(path)})
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_a_file_of_a_terabyte_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sparse.pcap"
    with open(path, "wb") as file:
        file.truncate(10**12)
    with soon(path), pytest.raises(InputError, match=r"has 1,000 GB: expected at most 20 GB; cut the capture"):
        Scenario(traffic="replay", traffic_parameters={"file": str(path)})


CELLS = st.one_of(
    st.sampled_from([*DUMBBELL, "h9", "", "-1", "0", "1", "1e3", "1e400", "nan", "inf", "1_0", "\u0661", "10.0.0.1", "9" * 5000, '"',
                     "a\nb",
                     "\0", "0x10", " 1 "]),
    st.text(max_size=5), st.floats().map(str), st.integers().map(str),
)  # fmt: skip


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), max_size=5), st.permutations(["source", "destination", "start_s", "size_bytes"]))
@settings(max_examples=300)
def test_any_cells(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], heading: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "cells.csv"
    path.write_text("\n".join(map(",".join, [heading, *rows])), encoding="utf-8", errors="surrogatepass")
    replay(path)


@pytest.mark.parametrize(("line", "message"), [
    ("h0,h1,1_0,5", "start_s='1_0'"), ("h0,h1,0,1_0", "size_bytes='1_0'"), ("h0,h1,-1,5", "start_s='-1'"),
    ("h0,h1,0,1e3", "size_bytes='1e3'"), ("h0,h1,0,1125899906842625", "at most 2^50"), ("h0,h9,0,5", "Did you mean"),
    ("h0,h1,30,5", "its first flow starts at 30 s"),
])  # fmt: skip
def test_a_careless_line(tmp_path: Path, line: str, message: str) -> None:
    path = tmp_path / "flows.csv"
    path.write_text(f"source,destination,start_s,size_bytes\n{line}\n")
    with pytest.raises(InputError) as caught:
        Scenario(traffic="replay", traffic_parameters={"file": str(path)})
    check_error(caught.value)
    assert message in str(caught.value)


GOOD = 'schemes = ["static", "nv"]\nseeds = [1]\n[topology]\nname = "dumbbell"\n[run]\nengine = "sim"\n'
VALUES = st.recursive(
    st.one_of(st.sampled_from(["ppo", "nv", "static", "", "dumbbell", "x" * 100, "a/b", "..", "$", "$\\nope$", "topology.k=8"]),
              st.integers(), st.floats(), st.booleans(), st.text(st.characters(exclude_categories=["Cs"]), max_size=5), st.dates()),
    lambda inner: st.one_of(st.lists(inner, max_size=3),
                            st.dictionaries(st.sampled_from(["name", "agent", "label", "seeds", "topology", "train"]), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip


EXPERIMENT_KEYS = ["name", "seeds", "schemes", "scenarios", "transfers", "set", "run", "agent", "topology", "x"]


@given(st.dictionaries(st.sampled_from(EXPERIMENT_KEYS), VALUES, max_size=4))
@settings(max_examples=300)
def test_any_experiment(tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    table = {"schemes": ["static"], "seeds": [1], "topology": {"name": "dumbbell"}, "run": {"engine": "sim"}} | table
    path.write_text(format_toml(table), encoding="utf-8")
    with soon(table):
        try:
            experiment = read_experiment(path)
            make_jobs(experiment)
        except InputError as error:
            check_error(error)
        else:
            path.write_text(experiment.to_toml(), encoding="utf-8")
            assert read_experiment(path) == experiment


@pytest.mark.parametrize(("old", "new", "message"), [
    ("seeds = [1]", "seeds = [1, 1]", "seeds: 1 is listed twice"),
    ("seeds = [1]", f"seeds = {list(range(100_000))}", "200,000 jobs of scenarios, schemes and seeds: expected at most 100,000"),
    ("seeds = [1]", "seeds = [nan]", "seeds=[nan]: expected a list of whole numbers"),
    ('"nv"', '{name = "nv", label = "$\\\\nope$"}', "its formula cannot be drawn"),
    ('"nv"', '{name = "nv", label = "a\\nb"}', "expected a text of at most 64 characters in one line"),
    ('"nv"', '{name = "../../nv", agent = "nv"}', "expected letters, digits, - and _"),
    ("[topology]", "set = ['run.steps=\"\"']\n[topology]", "steps='': expected a whole number"),
])  # fmt: skip
def test_a_careless_experiment(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "careless.toml"
    path.write_text(GOOD.replace(old, new))
    with soon(new[:100]), pytest.raises(InputError) as caught:
        make_jobs(read_experiment(path))
    check_error(caught.value, "careless.toml", "jobs", "scenario")
    assert message in str(caught.value)


@pytest.mark.parametrize("arguments", [
    ["--seeds", "\u00b2"], ["--seeds", "1,1"], ["--seeds", ""], ["--seeds", "9" * 5000], ["--jobs", "0"], ["--jobs", "x"],
    ["--out", "x" * 300], ["--out", "/etc/passwd"], ["--publish", "/etc/passwd"], ["--set", "run.seed=3"], ["--set", "k=[["], ["--nosuch"],
], ids=lambda arguments: " ".join(arguments)[:20])  # fmt: skip
def test_careless_options_of_an_experiment(tmp_path: Path, arguments: list[str]) -> None:
    from iroko.experiment.__main__ import main

    (tmp_path / "good.toml").write_text(GOOD)
    with soon(arguments):
        check_lines(*_said(main, [str(tmp_path / "good.toml"), *arguments]))


def _said(main: Callable[[list[str]], int], arguments: list[str]) -> tuple[str, int]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return err.getvalue(), code


def _report(arguments: list[str]) -> int:
    from iroko.system.command import run_command

    return run_command(report_app, "python -m iroko.report", arguments)


def _verify(arguments: list[str]) -> int:
    from iroko.run.verification import main

    return main(arguments)


def _resume(arguments: list[str]) -> int:
    from iroko.run.command import main

    return main(["--resume", "--out", *arguments])


@pytest.fixture(scope="module")
def good_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("good") / "run").path


def _change(name: str, change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def apply(run: Path) -> None:
        table = json.loads((run / name).read_text())
        change(table)
        (run / name).write_text(json.dumps(table))

    return apply


DAMAGES: dict[str, Callable[[Path], Any]] = {
    "no config": lambda run: (run / "config.toml").unlink(),
    "binary config": lambda run: (run / "config.toml").write_bytes(b"\xff\0"),
    "config of another fabric": lambda run: (run / "config.toml").write_text(
        (run / "config.toml").read_text().replace("num_left = 2", "num_left = 3")),
    "config of a newer version": lambda run: (run / "config.toml").write_text((run / "config.toml").read_text() + "\n[cloud]\na = 1\n"),
    "cut steps": lambda run: (run / "steps.parquet").write_bytes((run / "steps.parquet").read_bytes()[:-50]),
    "empty flows": lambda run: (run / "flows.parquet").write_bytes(b""),
    "steps are flows": lambda run: shutil.copy(run / "flows.parquet", run / "steps.parquet"),
    "broken learning": lambda run: (run / "learning.parquet").write_bytes(b"PAR1" * 10),
    "manifest is a list": lambda run: (run / "manifest.json").write_text("[1]"),
    "manifest without end": lambda run: (run / "manifest.json").write_text("[" * 100_000),
    "manifest with texts for times": _change("manifest.json", lambda table: table["wall_s"].update(score="long")),
    "manifest with a number for a table": _change("manifest.json", lambda table: table.update(engines=3)),
    "manifest of another shape": _change("manifest.json", lambda table: table["clocks"].update(nv=3)),
    "manifest with more": _change("manifest.json", lambda table: table.update(colour="red")),
}  # fmt: skip


@pytest.mark.parametrize("program", [_report, _verify, _resume], ids=["report", "verify", "resume"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_broken_run_folder(good_run: Path, tmp_path: Path, damage: str, program: Callable[[list[str]], int]) -> None:
    run = tmp_path / "run"
    shutil.copytree(good_run, run)
    DAMAGES[damage](run)
    with soon(damage):
        check_lines(*_said(program, [str(run)]), "run")


@pytest.mark.parametrize("program", [_report, _verify, _resume], ids=["report", "verify", "resume"])
@pytest.mark.parametrize("place", ["/", "/etc/passwd", "/dev/null", "", "nosuch", "x" * 300, "\udcff"])
def test_a_folder_of_something_else(place: str, program: Callable[[list[str]], int]) -> None:
    with soon(place):
        check_lines(*_said(program, [place]))


def test_one_broken_run_does_not_hide_the_others(good_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from iroko.rundir.folder import find_unfinished

    for name in ("broken", "unfinished"):
        shutil.copytree(good_run, tmp_path / name)
    _change("manifest.json", lambda table: table.update(status="incomplete"))(tmp_path / "unfinished")
    (tmp_path / "broken/manifest.json").write_text("{")
    assert find_unfinished(lambda _: True, tmp_path) == tmp_path / "unfinished"
