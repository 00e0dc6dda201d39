"""Agents, topologies and traffic that users write: what goes wrong in their files is one line that names agent, file and line."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from iroko.errors import InputError
from iroko.run.command import main
from iroko.rundir.manifest import INCOMPLETE
from iroko.rundir.reader import read_manifest
from iroko.scenario import Scenario
from tests.faults.bad_values import check_error

RUN = ["--topo", "dumbbell", "--engine", "sim", "--baseline", "none", "--interval", "100ms", "--episode", "200ms", "--episodes", "1",
       "--steps", "32", "--envs", "2", "--out", "run"]  # fmt: skip
AGENT = """
import numpy as np
from iroko.agent import Agent

class Careless(Agent):
    learns = {learns}
    def __init__(self, name, *arguments):
        super().__init__(name)
        self.count = 0
    @property
    def num_steps_done(self):
        return self.count
    def start(self, topology, flows):
        {start}
    def act(self, observation):
        {act}
    def train(self, vector_env, num_steps, callback=None, log_folder=None, pause_at=None):
        vector_env.reset()
        {train}
        self.count = num_steps
    def save(self, folder, to_go_on=False):
        folder.mkdir(parents=True)

def careless(scenario, topology, seed: int = 0):
    {make}
"""
GOOD = {"learns": "False", "start": "return", "act": "return np.ones(4)", "train": "pass", "make": "return Careless('careless')"}

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file `careless.py` into the `agents`, `topologies` or `traffic` of a user's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("iroko.analysis.plots.draw_all", lambda _: [])
    monkeypatch.setattr("iroko.report.write_report", lambda _: None)
    monkeypatch.setenv("IROKO_PATH", str(tmp_path / "users"))

    def make(folder: str, text: str) -> None:
        place = tmp_path / "users" / folder
        place.mkdir(parents=True)
        (place / "careless.py").write_text(text)

    return make


def run_agent(write: Write, capsys: pytest.CaptureFixture[str], **parts: str) -> tuple[int, str]:
    """The exit code of a run with this agent, and the last line that it said."""
    write("agents", AGENT.format(**(GOOD | parts)))
    try:
        code = main([*RUN, "--agent", "careless"])
    finally:
        sys.modules.pop("agents.careless", None)
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, err.splitlines()[-1]


def test_the_traceback_is_shown_on_demand(write: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IROKO_TRACEBACK", "1")
    write("agents", AGENT.format(**(GOOD | {"act": "return 1 / 0"})))
    try:
        assert main([*RUN, "--agent", "careless"]) == 2
    finally:
        sys.modules.pop("agents.careless", None)
    said = capsys.readouterr().err
    assert "Traceback" in said and "return 1 / 0" in said and "ZeroDivisionError: division by zero\n" in said
    assert said.splitlines()[-1].startswith("iroko: agent careless: act in step 0")


def test_a_good_agent_runs(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_agent(write, capsys) == (0, "run: run")


@pytest.mark.parametrize(("parts", "message"), [
    ({"act": "return 1 / 0"}, "act in step 0 of episode 0 failed: ZeroDivisionError: division by zero (careless.py, line 16)"),
    ({"act": "raise RuntimeError('a\\nb')"}, "failed: RuntimeError: a b (careless.py, line 16)"),
    ({"act": "assert False"}, "failed: AssertionError (careless.py, line 16)"),
    ({"act": "return np.full(4, np.nan)"}, "agent careless: action nan for host h0: expected 0.05 <= fraction <= 1"),
    ({"act": "return np.full(4, 2.0)"}, "agent careless: action 2 for host h0"),
    ({"act": "return np.ones(3)"}, "agent careless: action of shape (3,): expected (4,)"),
    ({"act": "return np.ones((1, 4))"}, "agent careless: action of shape (1, 4): expected (4,)"),
    ({"act": "pass"}, "agent careless: action None: expected 4 numbers"),
    ({"act": "return 'fast'"}, "agent careless: action 'fast'"),
    ({"start": "raise KeyError('h9')"}, "agent careless: start failed: KeyError: 'h9' (careless.py, line 14)"),
    ({"learns": "True", "train": "raise ValueError('no')"}, "agent careless: train failed: ValueError: no (careless.py, line 19)"),
    ({"act": "import json; json.loads('{')"}, "line 1 column 2 (char 1) (careless.py, line 16; raised in json/decoder.py, line "),
    ({"learns": "True", "train": "vector_env.step(np.full((2, 4), np.nan))"}, "agent careless: environment 0: action nan for host h0"),
    ({"learns": "True", "train": "vector_env.step(np.ones((2, 3)))"}, "agent careless: action of shape (2, 3): expected (2, 4)"),
    ({"make": "return None"}, "agent careless: agents/careless.py gave None: expected an Agent"),
    ({"make": "return nothing"}, "agent careless failed: NameError: name 'nothing' is not defined (careless.py, line 25)"),
    ({"make": "return ("}, "agent careless: importing agents/careless.py failed: SyntaxError: '(' was never closed (careless.py, line 25)"),
])  # fmt: skip
def test_a_careless_agent_is_named(write: Write, capsys: pytest.CaptureFixture[str], parts: dict[str, str], message: str) -> None:
    code, line = run_agent(write, capsys, **parts)
    assert code == 2 and line.startswith("iroko: ") and message in line, line
    if Path("run").exists():  # it had begun
        manifest = read_manifest(Path("run"))
        assert manifest.status == INCOMPLETE and message in manifest.reason


FABRIC = """
from iroko.topology import build_topology
def careless(rate_bps: float = 1e6):
    {}
"""


@pytest.mark.parametrize(("text", "message"), [
    (FABRIC.format("return 1 / 0"), "topology careless failed: ZeroDivisionError: division by zero (careless.py, line 4)"),
    (FABRIC.format("return None"), "topology careless gave None: expected a Topology"),
    (FABRIC.format("return build_topology('careless')"), "topology careless failed: TypeError: build_topology() missing"),
    ("import nowhere", "topology careless: importing topologies/careless.py failed: ModuleNotFoundError: No module named 'nowhere'"),
    ("raise SystemError", "importing topologies/careless.py failed: SystemError (careless.py, line 1)"),
    ("def other():\n    pass", "topologies/careless.py has no function careless: expected one of the file's own name"),
    ("careless = 3", "has no function careless"),
    ("def careless(k: nothing = 1):\n    pass", "NameError: name 'nothing' is not defined"),
    ("\x00", "importing topologies/careless.py failed: SyntaxError"),
])  # fmt: skip
def test_a_careless_topology_is_named(write: Write, text: str, message: str) -> None:
    write("topologies", text)
    with pytest.raises(InputError) as caught:
        Scenario(topology="careless")
    check_error(caught.value, "careless")
    assert message in str(caught.value)
    sys.modules.pop("topologies.careless", None)


TRAFFIC = """
from iroko.flows import Flow
def careless(topology, rng):
    {}
"""


@pytest.mark.parametrize(("body", "message"), [
    ("return [Flow('h0', 'h9')]", "unknown host in a flow of traffic careless 'h9'"),
    ("return [('h0', 'h1')]", "traffic careless gave ('h0', 'h1'): expected flows"),
    ("return []", "traffic careless: no flow: expected at least one"),
    ("return None", "traffic careless failed: TypeError: 'NoneType' object is not iterable"),
    ("return [Flow('h0', 'h1', float('nan'))]", "start_s=nan of flow h0->h1"),
    ("return [Flow('h0', 'h0')]", "flow from h0 to itself"),
    ("raise IndexError", "traffic careless failed: IndexError (careless.py, line 4)"),
])  # fmt: skip
def test_careless_traffic_is_named(write: Write, body: str, message: str) -> None:
    write("traffic", TRAFFIC.format(body))
    with pytest.raises(InputError) as caught:
        Scenario(traffic="careless")
    check_error(caught.value)
    assert message in str(caught.value)
    sys.modules.pop("traffic.careless", None)
