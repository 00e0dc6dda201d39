"""Topologies, traffic and agents of the user's: by path, in folders, as entry points; in runs, experiments and their records."""

import json
import os
import re
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from iroko import registry, user_files
from iroko.analysis.comparison import compare_run
from iroko.errors import InputError
from iroko.experiment.jobs import make_jobs
from iroko.experiment.spec import read_experiment
from iroko.run.command import main as run
from iroko.run.verification import main as verify
from iroko.rundir.config import make_config
from iroko.rundir.reader import read_config, read_manifest, read_run
from iroko.scenario import Scenario

PAGE = (Path(__file__).parents[1] / "docs" / "extend.md").read_text(encoding="utf-8")
SHORT = ["--engine", "sim", "--episode", "1s", "--episodes", "1"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the topology, traffic and agent of the documentation, which no other test knows of; the working folder is another."""
    for name, text in re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(user_files, "_folders", [])
    monkeypatch.setattr(user_files, "_allowed", set())
    monkeypatch.delenv(user_files.PATH_VARIABLE, raising=False)
    monkeypatch.setattr("iroko.analysis.plots.draw_all", lambda _: [])
    monkeypatch.setattr("iroko.report.write_report", lambda _: None)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "project"


def paths(project: Path) -> list[str]:
    place = os.path.relpath(project)
    return ["--topo", f"{place}/topologies/line.py", "--traffic", f"{place}/traffic/ring.py", "--agent", f"{place}/agents/half.py"]


def test_a_scenario_takes_paths_and_keeps_them_absolute(project: Path) -> None:
    scenario = Scenario(topology="../project/topologies/line.py", topology_parameters={"num_switches": 5},
                        traffic="../project/traffic/ring.py")  # fmt: skip
    assert scenario.topology == str(project / "topologies" / "line.py")
    assert (scenario.topology_name, scenario.traffic_name) == ("line", "ring")
    assert scenario.fabric.num_hosts == 5
    assert Scenario.from_table(scenario.to_table()) == scenario


def test_a_folder_is_searched_by_option_and_by_variable(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown topology 'line'"):
        Scenario(topology="line")
    monkeypatch.setenv(user_files.PATH_VARIABLE, f"{project}{os.pathsep}{project.parent}")
    assert Scenario(topology="line", traffic="ring").topology == str(project / "topologies" / "line.py")
    monkeypatch.delenv(user_files.PATH_VARIABLE)
    user_files.add_folder(project)
    assert "half" in registry.list_names("agents")
    assert make_config({"topology": {"name": "line"}, "run": {"agents": "half"}}).agent_files == {"half": str(project / "agents/half.py")}


def test_neighbours_with_an_underscore_are_imported_and_part_of_the_hash(project: Path) -> None:
    shared = project / "traffic" / "_shared.py"
    shared.write_text("SIZE = 1000\n")
    file = project / "traffic" / "small.py"
    file.write_text("from iroko.flows import Flow\nfrom ._shared import SIZE\n\ndef small(topology, rng):\n"
                    "    return [Flow(*topology.hosts[:2], 0.0, SIZE)]\n")  # fmt: skip
    assert [flow.size_bytes for flow in registry.load("traffic", "traffic", str(file))(Scenario().fabric, None)] == [1000]
    before = user_files.hash_file(file)
    shared.write_text("SIZE = 2000\n")
    assert user_files.hash_file(file) != before == user_files.hash_loaded(file)


def test_an_entry_point_is_found_by_its_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("pairs_too", "iroko.traffic.pairs:pairs", "iroko.traffic")
    monkeypatch.setattr(registry, "entry_points", lambda folder: {"pairs_too": point} if folder == "traffic" else {})
    assert Scenario(traffic="pairs_too").traffic == "pairs_too"
    assert registry.describe("traffic", "pairs_too") == "iroko.traffic.pairs:pairs"


@pytest.mark.parametrize(("reference", "message"), [
    ("./nothere.py", r"topology ./nothere.py: no such file"),
    ("./not-a-name.py", r"expected the name of a Python function followed by .py"),
    ("./star.py", r"Iroko has a topology 'star' of its own: rename the file"),
])  # fmt: skip
def test_a_file_that_cannot_be_meant_is_refused(project: Path, reference: str, message: str) -> None:
    for name in ("not-a-name.py", "star.py"):
        Path(name).touch()
    with pytest.raises(InputError, match=message):
        Scenario(topology=reference)


def test_a_name_in_two_places_is_refused(project: Path) -> None:
    (project / "traffic" / "incast.py").write_text("def incast(topology, rng):\n    return []\n")
    user_files.add_folder(project)
    with pytest.raises(InputError, match=r"traffic 'incast' is in .*incast.py and in Iroko: rename one"):
        Scenario(traffic="incast")
    with pytest.raises(InputError, match="expected a folder with one of the subfolders"):
        user_files.add_folder(project.parent)


@pytest.mark.parametrize(("mode", "is_refused"), [(0o644, False), (0o666, True), (0o664, True)])
def test_under_sudo_a_file_that_others_can_write_is_refused(project: Path, monkeypatch: pytest.MonkeyPatch, mode: int,
                                                            is_refused: bool) -> None:  # fmt: skip
    file = project / "traffic" / "ring.py"
    file.chmod(mode)
    monkeypatch.setenv("SUDO_UID", str(os.getuid()))
    monkeypatch.setenv("SUDO_GID", "12345")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if os.getgid() == 0:
        os.chown(file, -1, 4321)
    if is_refused:
        with pytest.raises(InputError, match="can be written by another user, and would run as root"):
            user_files.import_file(file)
    else:
        user_files.import_file(file)


def test_a_run_notes_the_files_and_verify_names_a_change(project: Path, capsys: pytest.CaptureFixture[str],
                                                         monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    assert run([*paths(project), "--baseline", "none", *SHORT, "--out", "out"]) == 0
    noted = read_manifest(Path("out")).user_files
    assert set(noted) == {"topology line", "traffic ring", "agent half"}
    assert {path.stem for path in Path("out/schemes").iterdir()} == {"half-steps", "half-flows"}
    assert compare_run(read_run(Path("out"))).title == "line, ring"
    monkeypatch.setenv(user_files.PATH_VARIABLE, str(project))
    manifest = json.loads(Path("out/manifest.json").read_text())
    manifest["user_files"]["agent half"] = "another"
    Path("out/manifest.json").write_text(json.dumps(manifest))
    capsys.readouterr()
    assert verify(["out"]) == 0
    assert f"here     agent half: another there, {noted['agent half']} here" in capsys.readouterr().out


def test_a_run_folder_cannot_make_its_reader_run_a_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run([*paths(project), "--baseline", "none", *SHORT, "--out", "out"]) == 0
    monkeypatch.setattr(user_files, "_allowed", set())
    with pytest.raises(InputError, match=rf"line.py: this file is code that would run: .* IROKO_PATH={project}"):
        read_config(Path("out"))
    assert run(["--config", "out/config.toml", "--out", "again"]) == 2
    monkeypatch.setenv(user_files.PATH_VARIABLE, str(project))
    assert read_config(Path("out")).agents == ("half",)


def test_paths_of_an_experiment_begin_at_its_file(project: Path) -> None:
    (project / "flows.csv").write_text("source,destination,start_s,size_bytes\nh0,h1,0,1000\n")
    (project / "try.toml").write_text("""
        seeds = [1]
        schemes = ["agents/half.py", { name = "most", agent = "agents/half.py" }, "dctcp"]
        set = ["traffic.file=flows.csv"]
        topology = { name = "./topologies/line.py" }
        traffic = { name = "replay", file = "other.csv" }
        run = { engine = "sim" }
    """)
    experiment = read_experiment(Path("../project/try.toml"))
    assert [(scheme.name, scheme.agent) for scheme in experiment.schemes][:2] == [
        ("half", str(project / "agents/half.py")), ("most", str(project / "agents/half.py")),
    ]  # fmt: skip
    first = make_jobs(experiment)[0].config
    assert first.scenario.topology == str(project / "topologies/line.py")
    assert first.scenario.traffic_parameters["file"] == str(project / "flows.csv")
    Path("again.toml").write_text(experiment.to_toml())
    assert make_jobs(read_experiment(Path("again.toml")))[0].config.to_table() == first.to_table()
    assert make_config(first.to_table()).to_table() == first.to_table()
