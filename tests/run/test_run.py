"""The command line from end to end, over a fake engine: what it prints, what it leaves behind, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from iroko.analysis.plots import draw_all
from iroko.engines.base import Engine
from iroko.errors import EngineError, UnsupportedError
from iroko.flows import Flow
from iroko.report import write_report
from iroko.run.command import main
from iroko.rundir.manifest import COMPLETE, INCOMPLETE
from iroko.rundir.reader import read_manifest, read_run
from iroko.snapshot import Snapshot
from iroko.topology import Topology
from tests.fake_batch import FakeBatch
from tests.fake_engine import FakeEngine

SHORT = ["--topo", "dumbbell", "--engine", "guest", "--interval", "100ms", "--episode", "1s", "--episodes", "2"]
LEARN = [*SHORT, "--agent", "ppo", "--steps", "300", "--envs", "2", "--baseline", "nv", "--baseline", "maxmin"]
STATIC = [*SHORT, "--agent", "static", "--baseline", "nv", "--baseline", "maxmin"]


class Engines:
    """Opens fake engines for every part of Iroko, and remembers them.

    Attributes:
        fail_at: number of the step, counted over all engines, at which `act` is called.
        missing: transports that the engines do not have.
        names: of the engines opened one by one.
    """

    def __init__(self) -> None:
        self.opened: list[_Engine] = []
        self.num_steps = 0
        self.fail_at: int | None = None
        self.missing: set[str] = set()
        self.names: list[str] = []

    def act(self) -> None:
        raise EngineError("the guest went silent")

    def open(self, name: str, topology: Topology, seed: int = 0) -> Engine:
        self.names.append(name)
        self.opened.append(_Engine(self, topology))
        return self.opened[-1]

    def open_batch(self, topologies: Sequence[Topology], workers: int | None = None) -> FakeBatch:
        batch = FakeBatch(topologies)
        batch.engines = [_Engine(self, topology) for topology in topologies]
        self.opened += batch.engines  # type: ignore[arg-type]
        return batch

    @property
    def all_closed(self) -> bool:
        return all(engine.num_closes > 0 for engine in self.opened)


class _Engine(FakeEngine):
    def __init__(self, engines: Engines, topology: Topology) -> None:
        super().__init__(topology)
        self.engines = engines

    def reset(self, flows: Any, transport: str, seed: int) -> Snapshot:
        if transport in self.engines.missing:
            raise UnsupportedError(f"this kernel has no {transport!r}: load its module")
        return super().reset(flows, transport, seed)

    def finish_step(self) -> Snapshot:
        self.engines.num_steps += 1
        if self.engines.num_steps == self.engines.fail_at:
            self.engines.act()
        return super().finish_step()


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Engines:
    engines = Engines()
    for module in ("envs.slots", "run.evaluate", "run.job"):
        monkeypatch.setattr(f"iroko.{module}.open_engine", engines.open)
    monkeypatch.setattr("iroko.envs.core.open_batch", engines.open_batch)
    monkeypatch.setattr("iroko.run.job.first_use", lambda name: None)
    # Drawing takes longer than the rest of such a run; the whole of it is in the first test.
    monkeypatch.setattr("iroko.analysis.plots.draw_all", lambda _: [])
    monkeypatch.setattr("iroko.report.write_report", lambda _: None)
    monkeypatch.chdir(tmp_path)
    return engines


def test_the_main_job_from_end_to_end(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.analysis.plots.draw_all", draw_all)
    monkeypatch.setattr("iroko.report.write_report", write_report)
    assert main([*LEARN, "--out", "run"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[0] for line in out.splitlines() if line.strip().startswith(("ppo ", "nv ", "maxmin "))] == ["ppo", "nv", "maxmin"]
    assert "ppo: reward" in out and "run: run" in err and "train ppo took" in err
    run = read_run(tmp_path / "run")
    assert run.schemes == ["ppo", "nv", "maxmin"] and run.learning["step"].max() >= 290
    assert set(os.listdir(run.path)) == {
        "config.toml", "manifest.json", "steps.parquet", "flows.parquet", "steps-sim.parquet", "flows-sim.parquet", "learning.parquet",
        "schemes", "model", "tensorboard", "figures", "report.html",
    }  # fmt: skip
    manifest = read_manifest(run.path)
    assert manifest.status == COMPLETE and manifest.warnings == []
    assert manifest.engines == {"guest": {"engine": "fake"}, "sim": {"engine": "fake"}}
    assert manifest.transports == {"ppo": "udp", "nv": "nv", "maxmin": "udp"}
    scored = {f"{scheme}{place}" for scheme in ("ppo", "nv", "maxmin") for place in ("", " in sim")}
    assert set(manifest.wall_s) == {"train ppo", *(f"score {name}" for name in scored), "figures"}
    assert set(manifest.clocks) == scored
    assert run.config.agent_parameters["ppo"]["gamma"] == 0.9  # every parameter is written, defaults too
    assert (run.path / "figures/learning.pdf").is_file() and (run.path / "figures/gap.pdf").is_file()
    assert engines.all_closed


def test_agents_learn_in_the_simulator_and_are_scored_on_both_engines(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*LEARN, "--out", "run"]) == 0
    out, _ = capsys.readouterr()
    # One of each engine to look whether it can be opened, then all schemes on the one and all on the other.
    assert engines.names == ["guest", "sim", *["guest"] * 3, *["sim"] * 3]
    run = read_run(tmp_path / "run")
    assert run.in_training is not None and run.in_training.schemes == run.schemes == ["ppo", "nv", "maxmin"]
    # The test doubles are alike, so nothing is lost on the way: the flows and seeds were the same.
    assert run.in_training.steps["reward"].tolist() == run.steps["reward"].tolist()
    rewards = read_manifest(run.path).rewards
    assert rewards["sim"] == rewards["guest"] and list(rewards["sim"]) == ["maxmin", "nv", "ppo"]
    reward = f"{rewards['guest']['ppo']:.3f}"
    assert f"ppo: reward {reward} per step in sim, {reward} on guest: +0.0%\n" in out
    assert "baselines, from sim to guest: nv +0.0%, maxmin +0.0%\n" in out


def test_on_one_engine_nothing_is_scored_twice(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LEARN, "--train-engine", "guest", "--envs", "1", "--out", "run"]) == 0
    assert set(engines.names) == {"guest"} and read_run(tmp_path / "run").in_training is None
    assert " in sim" not in capsys.readouterr().out and not list((tmp_path / "run").glob("*-*.parquet"))


def test_in_real_time_only_what_learned_is_scored_twice(engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iroko.engines.kernel.missing_transports", lambda names: {}, raising=False)
    arguments = ["--train-engine", "mininet", "--envs", "1", "--steps", "1", "--out", "run"]
    assert main([*LEARN, *arguments]) == 0
    run = read_run(tmp_path / "run")
    assert run.schemes == ["ppo", "nv", "maxmin"] and run.in_training is not None and run.in_training.schemes == ["ppo"]
    assert set(read_manifest(run.path).clocks) == {"ppo", "nv", "maxmin", "ppo on mininet"}


def test_a_stopped_run_goes_on_with_what_is_left_on_each_engine(engines: Engines, tmp_path: Path) -> None:
    arguments = [*SHORT, "--agent", "ppo", "--steps", "20", "--envs", "2", "--baseline", "nv", "--out", "run"]
    engines.fail_at = 128 + 2 * 20 + 25  # a rollout, both schemes on the guest, and one on the simulator
    assert main(arguments) == 1
    assert {path.name for path in (tmp_path / "run/schemes").glob("*steps*")} == {
        "ppo-steps.parquet", "nv-steps.parquet", "ppo-steps-sim.parquet"
    }  # fmt: skip
    engines.fail_at, already = None, len(engines.opened)
    assert main(["--resume", "--out", "run"]) == 0
    assert len(engines.opened) - already == 2 + 1  # two to look, and the one that was left
    in_training = read_run(tmp_path / "run").in_training
    assert in_training is not None and in_training.schemes == ["ppo", "nv"]


def test_before_the_simulator_compiles_the_run_says_so(
    engines: Engines, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.run.job.first_use", lambda name: "compiling, once" if name == "sim" else None)
    assert main([*LEARN, "--steps", "1", "--out", "run"]) == 0
    err = capsys.readouterr().err
    assert err.startswith("iroko: compiling, once\n") and err.count("compiling") == 1
    assert main([*STATIC, "--out", "other"]) == 0  # which needs no simulator
    assert "compiling" not in capsys.readouterr().err


def test_what_the_simulator_lacks(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--topo", "dumbbell", "--interval", "100ms", "--episode", "1s", "--out"]
    assert main([*common, "run", "--engine", "sim", "--agent", "static", "--baseline", "bbr"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("iroko: engine sim has no transport 'bbr', only cubic, dctcp") and "use engine guest" in err
    # Agents over such a transport learn where they are scored, unless the simulator was asked for.
    over = ["--transport", "bbr", "--agent", "ppo", "--steps", "1", "--engine", "guest", "--baseline", "nv"]
    assert main([*common, "run", *over, "--train-engine", "sim"]) == 2
    assert capsys.readouterr().err.startswith("iroko: engine sim has no transport 'bbr'")
    assert not (tmp_path / "run").exists()
    assert main([*common, "run", *over]) == 0
    assert read_run(tmp_path / "run").config.train_engine == "guest"
    # A baseline that only the kernel has is scored there alone.
    learn = ["--agent", "ppo", "--steps", "1", "--engine", "guest", "--baseline", "bbr", "--baseline", "nv"]
    assert main([*common, "other", *learn]) == 0
    run = read_run(tmp_path / "other")
    assert run.in_training is not None and run.schemes == ["ppo", "bbr", "nv"] and run.in_training.schemes == ["ppo", "nv"]
    assert "baselines, from sim to guest: nv +0.0%\n" in capsys.readouterr().out


def test_a_default_baseline_that_the_simulator_lacks_is_left_out(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.rundir.config.DEFAULT_BASELINES", ("nv", "bbr"))
    assert main(["--topo", "dumbbell", "--engine", "sim", "--episode", "1s", "--agent", "static", "--out", "run"]) == 0
    assert "warning: bbr is left out: engine sim has no transport 'bbr'" in capsys.readouterr().err
    assert read_run(tmp_path / "run").schemes == ["static", "nv"]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main([*LEARN, "--out", name, "--seed", str(seed)]) == 0
        tables.append(capsys.readouterr().out)
    for file in ("steps.parquet", "flows.parquet", "learning.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    assert tables[0] == tables[1] != tables[2]
    assert (tmp_path / "a/steps.parquet").read_bytes() != (tmp_path / "c/steps.parquet").read_bytes()


def test_json_is_all_that_is_on_standard_output(engines: Engines, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STATIC, "--json"]) == 0
    out, _ = capsys.readouterr()
    result = json.loads(out)
    assert out.count("\n") == 1 and result["run"] == "results/runs/dumbbell-static-seed1"
    assert [scheme["scheme"] for scheme in result["schemes"]] == ["static", "nv", "maxmin"]
    assert result["engine"] == "guest" and "in_training" not in result
    assert main([*LEARN, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["in_training"] == {"engine": "sim", "schemes": result["schemes"]}


def test_schemes_are_scored_on_the_same_flows(engines: Engines) -> None:
    arguments = ["--set", "traffic.start_spread_s=500ms", "--set", "traffic.size_bytes=200k", "--out", "run"]
    assert main([*STATIC, *arguments]) == 0
    by_scheme = [[flows for flows, _, _ in engine.resets] for engine in engines.opened if engine.resets]
    assert len(by_scheme) == 3 and by_scheme[0] == by_scheme[1] == by_scheme[2]
    assert by_scheme[0][0] != by_scheme[0][1]  # and every episode draws its own
    assert all(isinstance(flow, Flow) for flow in by_scheme[0][0])


def test_a_failing_engine_leaves_a_run_that_can_go_on(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*STATIC, "--out", "whole"]) == 0
    engines.num_steps, engines.fail_at = 0, 25  # in the second scheme's first episode
    capsys.readouterr()
    assert main([*STATIC, "--out", "run"]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        "iroko: the guest went silent; what works here says python -m iroko.doctor; go on with: python -m iroko.run --resume --out run"
    )
    manifest = read_manifest(tmp_path / "run")
    assert (manifest.status, manifest.reason) == (INCOMPLETE, "the guest went silent") and engines.all_closed
    engines.fail_at, already = None, len(engines.opened)
    assert main(["--resume", "--out", "run"]) == 0
    assert len(engines.opened) - already == 1 + 2  # one to look, and the two schemes that were left
    assert read_manifest(tmp_path / "run").status == COMPLETE
    assert (tmp_path / "run/steps.parquet").read_bytes() == (tmp_path / "whole/steps.parquet").read_bytes()


def test_training_goes_on_from_its_checkpoint(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iroko.run.train.SECTION_STEPS", {"sim": 100, "guest": 100})
    engines.fail_at = 200
    assert main([*LEARN, "--envs", "1", "--out", "run"]) == 1
    assert list((tmp_path / "run/checkpoint/ppo").iterdir())
    engines.num_steps, engines.fail_at = 0, None
    assert main([*LEARN, "--envs", "1", "--resume"]) == 2  # it is not in results/runs
    assert "no unfinished run" in capsys.readouterr().err
    assert main(["--resume", "--out", "run"]) == 0
    assert engines.num_steps < 300 + 2 * 3 * 20
    steps = read_run(tmp_path / "run").learning["step"].tolist()
    assert steps == sorted(set(steps)) and steps[0] < 200 < steps[-1]


def test_resume_finds_the_latest_run_that_agrees(engines: Engines, capsys: pytest.CaptureFixture[str]) -> None:
    engines.fail_at = 25
    assert main(STATIC) == 1
    assert main([*STATIC, "--resume", "--seed", "9"]) == 2
    assert "no unfinished run" in capsys.readouterr().err
    assert main([*STATIC, "--resume"]) == 0
    assert os.listdir("results/runs") == ["dumbbell-static-seed1"]
    before = len(engines.opened)
    assert main(["--resume", "--out", "results/runs/dumbbell-static-seed1"]) == 0
    assert len(engines.opened) == before  # a complete run is only printed again


def test_a_run_of_another_config_is_not_resumed(engines: Engines, capsys: pytest.CaptureFixture[str]) -> None:
    engines.fail_at = 25
    assert main([*STATIC, "--out", "run"]) == 1
    capsys.readouterr()
    assert main(["--resume", "--out", "run", "--rate", "20M"]) == 2
    assert "topology.rate_bps is 10000000.0 there and 20000000.0 here" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_close_everything_and_mark_the_folder(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(engines, "act", lambda: os.kill(os.getpid(), number))
    engines.fail_at = 25
    assert main([*STATIC, "--out", "run"]) == code
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == f"iroko: stopped by {signal.Signals(number).name}; go on with: python -m iroko.run --resume --out run"
    assert read_manifest(tmp_path / "run").status == INCOMPLETE and engines.all_closed
    assert signal.getsignal(number) == before


def test_an_error_of_our_own_making_marks_the_folder_and_shows_itself(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines.fail_at = 25
    monkeypatch.setattr(engines, "act", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main([*STATIC, "--out", "run"])
    assert read_manifest(tmp_path / "run").status == INCOMPLETE and engines.all_closed


def test_a_default_baseline_that_is_missing_is_left_out_with_a_warning(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines.missing = {"nv"}
    assert main([*SHORT, "--agent", "static", "--out", "run"]) == 0
    assert "warning: nv is left out: this kernel has no 'nv'" in capsys.readouterr().err
    manifest = read_manifest(tmp_path / "run")
    assert manifest.left_out == {"nv": "this kernel has no 'nv': load its module"} and len(manifest.warnings) == 1
    assert read_run(tmp_path / "run").schemes == ["static", "dctcp", "maxmin"]


def test_a_missing_baseline_that_was_asked_for_is_an_error(engines: Engines, capsys: pytest.CaptureFixture[str]) -> None:
    engines.missing = {"nv"}
    assert main([*STATIC, "--out", "run"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("iroko: this kernel has no 'nv': load its module")


@pytest.mark.parametrize("asked", [True, False])
def test_what_the_hosts_kernel_lacks_is_known_before_the_start(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: bool
) -> None:
    monkeypatch.setattr(
        "iroko.engines.kernel.missing_transports", lambda names: {"nv": "no nv here"} if "nv" in names else {}, raising=False
    )
    arguments = [*STATIC] if asked else [*SHORT, "--agent", "static"]
    code = main([*arguments, "--engine", "mininet", "--out", "run"])
    err = capsys.readouterr().err
    if asked:
        assert code == 2 and err == "iroko: no nv here; what works here says python -m iroko.doctor\n" and not (tmp_path / "run").exists()
    else:
        assert code == 0 and "warning: nv is left out: no nv here" in err


def test_a_saved_model_is_scored_without_training(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LEARN, "--out", "run"]) == 0
    model = ["--model", "run/model/ppo", "--baseline", "none"]
    assert main([*SHORT, *model, "--out", "scored"]) == 0
    first, again = read_run(tmp_path / "run"), read_run(tmp_path / "scored")
    assert again.schemes == ["ppo"] and len(again.learning) == 0
    assert again.steps["reward"].tolist() == first.steps.loc[first.steps["scheme"] == "ppo", "reward"].tolist()
    capsys.readouterr()
    for wrong, message in (
        ([*SHORT, "--topo", "star"], "topology="),
        ([*SHORT, "--agent", "random"], "is of agent 'ppo': expected --agent ppo"),
    ):
        assert main([*wrong, *model, "--out", "bad"]) == 2
        err = capsys.readouterr().err
        assert err.startswith("iroko: model ") and message in err and err.count("\n") == 1
    assert not (tmp_path / "bad").exists()


def test_one_policy_for_all_hosts_from_end_to_end(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hosts = ["--deployment", "hosts"]
    assert main([*LEARN, *hosts, "--out", "run"]) == 0
    shown = capsys.readouterr()
    assert "dumbbell, pairs, deployment hosts, on guest" in " ".join(shown.out.split())
    # 300 steps of the network, however many hosts decided in each: a rollout of 128 is finished.
    assert "train ppo took" in shown.err and "384 steps" in shown.err
    run = read_run(tmp_path / "run")
    assert run.config.scenario.deployment == "hosts"
    assert 'deployment = "hosts"' in (tmp_path / "run/config.toml").read_text()
    # Learning curves show the common reward, as those of a central agent do.
    assert run.learning["reward"].tolist() == pytest.approx([run.learning["reward"].mean()] * len(run.learning), abs=2)
    assert main(["--resume", "--out", "run", *hosts]) == 0
    assert main(["--resume", "--out", "run", "--deployment", "central"]) == 2
    assert "environment.deployment is 'hosts' there and 'central' here" in capsys.readouterr().err


def test_a_model_of_hosts_is_scored_on_any_fabric(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LEARN, "--deployment", "hosts", "--out", "run"]) == 0
    model = ["--model", "run/model/ppo", "--baseline", "none"]
    assert main([*SHORT, *model, "--out", "same"]) == 0
    first, again = read_run(tmp_path / "run"), read_run(tmp_path / "same")
    assert again.config.scenario.deployment == "hosts"
    assert again.steps["reward"].tolist() == first.steps.loc[first.steps["scheme"] == "ppo", "reward"].tolist()
    for name, other in (("wide", ["--set", "topology.num_left=5"]), ("star", ["--topo", "star"]), ("fast", ["--rate", "1G"])):
        assert main([*SHORT, *other, *model, "--out", name]) == 0
        run = read_run(tmp_path / name)
        limits = run.steps["limits_bps"].iloc[-1]
        assert len(limits) == run.config.scenario.fabric.num_hosts
    capsys.readouterr()
    assert main([*SHORT, *model, "--deployment", "central", "--out", "bad"]) == 2
    assert "is of deployment 'hosts': expected --deployment hosts, or none" in capsys.readouterr().err
    assert not (tmp_path / "bad").exists()


BAD = [
    (["--deployment", "host"], "unknown deployment 'host'. Did you mean 'hosts'?"),
    (["--topo", "fatree"], "unknown topology 'fatree'. Did you mean 'fattree'?"),
    (["--agent", "pppo"], "unknown agent 'pppo'. Did you mean 'ppo'?"),
    (["--baseline", "vegass"], "unknown agent 'vegass'. Did you mean 'vegas'?"),
    (["--traffic", "strid"], "unknown traffic 'strid'. Did you mean 'stride'?"),
    (["--engine", "gest"], "unknown engine 'gest'. Did you mean 'guest'?"),
    (["--transport", "cubik"], "unknown transport 'cubik'. Did you mean 'cubic'?"),
    (["--reward", "iroko"], "unknown reward 'iroko'"),
    (["--set", "topology.rate=1M"], "unknown key of topology fattree 'rate'. Did you mean 'rate_bps'?"),
    (["--set", "environment.interval=1s"], "unknown key of environment 'interval'. Did you mean 'interval_s'?"),
    (["--set", "agent.ppo.gama=1"], "unknown key of agent ppo 'gama'. Did you mean 'gamma'?"),
    (["--set", "agent.ppo.gamma=2"], "gamma=2"),
    (["--set", "agent.ppo.seed=2"], "agent.ppo.seed: expected the run's seed, set by --seed"),
    (["--set", "agent.nv.alpha=2"], "nv has no parameters"),
    (["--rate", "fast"], "rate 'fast': expected a number such as 10M"),
    (["--rate", "10T"], "rate_bps=1e+13"),
    (["--interval", "0"], "interval_s=0"),
    (["--interval", "300ms", "--episode", "1s"], "expected a whole number of intervals"),
    (["--set", "topology.k=5"], "k=5"),
    (["--topo", "dumbbell", "--set", "topology.num_left=501"], "num_left=501"),
    (["--config", "missing.toml"], "config missing.toml: No such file or directory"),
    (["--config", "bad.toml"], "config bad.toml is not TOML"),
    (["--model", "missing"], "missing: No such file or directory"),
    (["--steps", "0"], "steps=0"),
    (["--steps", "many"], "'--steps'"),
    (["--stepz", "1"], "--stepz"),
    (["--seed", "-1"], "seed=-1"),
    (["--out", "taken"], "out=taken: exists already"),
    (["--resume", "--out", "taken"], "taken is no run folder"),
    (["--resume"], "no unfinished run"),
    (["--agent", "ddpg", "--baseline", "ppo"], "baseline 'ppo' learns: name it with --agent"),
    (["--train-engine", "mininet", "--envs", "2"], "envs=2 with train_engine mininet"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(arguments) for arguments, _ in BAD])
def test_bad_input_is_one_line_and_nothing_is_started(
    engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    (tmp_path / "bad.toml").write_text("run = [")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    before = sorted(tmp_path.rglob("*"))
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("iroko: ") and err.count("\n") == 1 and message in err
    assert sorted(tmp_path.rglob("*")) == before and engines.opened == []


def test_a_machine_without_the_engine_is_one_line(engines: Engines, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    def refuse(name: str, topology: Topology, seed: int = 0) -> Engine:
        raise UnsupportedError("engine mininet needs root: start it with sudo")

    monkeypatch.setattr("iroko.run.job.open_engine", refuse)
    assert main([*STATIC, "--out", "run"]) == 2
    assert capsys.readouterr().err == "iroko: engine mininet needs root: start it with sudo; what works here says python -m iroko.doctor\n"
    assert not (tmp_path / "run").exists()


def test_help_and_errors_come_without_the_learning_libraries() -> None:
    script = (
        "import sys; from iroko.run.command import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'stable_baselines3', 'pandas', 'matplotlib', 'gymnasium'} & set(sys.modules);"
        "print(code, sorted(heavy))"
    )
    for arguments, code in ((["--help"], 0), (["--topo", "fatree"], 2)):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True,
                              cwd=Path(__file__).parents[2])  # fmt: skip
        assert done.stdout.splitlines()[-1] == f"{code} []"


def test_the_program_ends_with_the_exit_code() -> None:
    done = subprocess.run([sys.executable, "-m", "iroko.run", "--rate", "x"], capture_output=True, text=True, check=False,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert (
        (done.returncode, done.stdout) == (2, "") and done.stderr.startswith("iroko: rate_bps: rate 'x'") and done.stderr.count("\n") == 1
    )


def test_a_path_that_is_not_utf8_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    strange = tmp_path / os.fsdecode(b"d\xff")
    strange.mkdir()
    monkeypatch.chdir(strange)
    options = ["--topo", "dumbbell", "--agent", "none", "--baseline", "cubic", "--engine", "sim", "--episode", "1s"]
    for out in ([], ["--out", "here"], ["--out", str(tmp_path / os.fsdecode(b"o\xfe"))]):
        assert main([*options, *out]) == 2
        said = capsys.readouterr().err.splitlines()
        assert "expected a path in UTF-8: rename the folder, or name another one" in said[-1]
    assert not any(strange.iterdir())
