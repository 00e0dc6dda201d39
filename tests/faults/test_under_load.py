"""A machine that is busy: virtual time does not notice, real time says that it did."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from iroko.engines.kernel.mininet import MininetEngine
from iroko.engines.open import open_engine
from iroko.envs.environment import IrokoEnv
from iroko.envs.vector import make_vector
from iroko.run.command import main
from iroko.scenario import Scenario
from iroko.seeds import environment_seeds
from iroko.snapshot import Snapshot
from iroko.topologies.dumbbell import dumbbell
from tests.engines.test_contract import children

MOST_S = 60
"""A burner ends by itself after this, also where the test could not end it."""
BURNER = f"import time; end = time.monotonic() + {MOST_S}\nwhile time.monotonic() < end: pass"
SCENARIO = Scenario(topology="fattree", traffic="random", transport="dctcp", topology_parameters={"k": 4})


@contextlib.contextmanager
def burners(for_each: int) -> Iterator[None]:
    """Keep every processor that we may use busy, with so many programs each."""
    started = []
    try:
        for processor in sorted(os.sched_getaffinity(0)) * for_each:
            started.append(subprocess.Popen([sys.executable, "-S", "-c", BURNER]))
            os.sched_setaffinity(started[-1].pid, {processor})
        yield
        assert all(process.poll() is None for process in started), "the test took so long that its load had ended"
    finally:
        for process in started:
            process.kill()
            process.wait()


def numbers(engine_name: str, steps: int) -> list[bytes]:
    """Every byte of every snapshot of two episodes."""
    topology = SCENARIO.fabric
    taken: list[Snapshot] = []
    with closing(open_engine(engine_name, topology, seed=3)) as engine:
        for seed in (1, 2):
            rng = np.random.default_rng(seed)
            taken.append(engine.reset(SCENARIO.make_flows(topology, rng), SCENARIO.transport, seed))
            taken += [engine.step(rng.uniform(0.2, 1, topology.num_hosts) * topology.host_rates_bps, 0.05) for _ in range(steps)]
    return [np.asarray(value).tobytes() for snapshot in taken for value in vars(snapshot).values()]


def test_numbers_in_virtual_time_are_equal_to_the_byte_under_load(exact_engine: str) -> None:
    alone = numbers(exact_engine, 10)
    with burners(for_each=1):
        loaded = numbers(exact_engine, 10)
    assert loaded == alone
    assert len(set(alone)) > 100  # and they are of something that happened


@pytest.mark.guest
@pytest.mark.usefixtures("guest_kernel")
@pytest.mark.slow
def test_sixteen_guests_at_once_are_each_what_one_is_alone() -> None:
    scenario, num_envs, before = Scenario(episode_s=0.3, traffic="random"), 16, children()
    action = np.full((num_envs, 4), 0.7, dtype=np.float32)
    with closing(make_vector(scenario, num_envs, engine="guest", seed=1)) as vector:
        first = vector.reset()
        steps = [vector.step(action) for _ in range(4)]  # the fourth is of the next episode
        assert [step[2].all() for step in steps] == [False, False, True, False]
    deadline = time.monotonic() + 20
    while children() - before and time.monotonic() < deadline:
        time.sleep(0.05)  # what a guest consists of ends with it, but not before it
    assert children() <= before
    with closing(IrokoEnv(scenario, engine="guest", seed=environment_seeds(1, num_envs)[11])) as alone:
        assert np.array_equal(alone.reset()[0], first[11])
        for number in range(3):
            observation, reward, *_ = alone.step(action[11])
            assert reward == pytest.approx(float(steps[number][1][11]), rel=1e-6)
        assert np.array_equal(observation, steps[2][3][11]["terminal_observation"])


@pytest.mark.root
@pytest.mark.usefixtures("root")
class TestRealTime:
    def test_an_engine_that_cannot_keep_up_says_so(self) -> None:
        engine = MininetEngine(dumbbell())
        try:
            engine.reset([], "udp", 1)
            engine.begin_step(np.full(4, 1e7), 0.5)
            time.sleep(0.2)  # it has begun by now
            # Stand still as a machine without a processor for it would, beyond the end of the step.
            os.kill(engine.network.process.pid, signal.SIGSTOP)
            time.sleep(1)
            os.kill(engine.network.process.pid, signal.SIGCONT)
            engine.finish_step()
        finally:
            engine.close()
        clock = engine.clock
        assert clock.steps == clock.late_steps == 1
        assert 0.5 < clock.lateness_s < 60
        assert "did not keep up with real time: in 1 of 1 steps" in clock.warnings[0]

    def test_a_run_on_a_machine_that_cannot_keep_up_says_so_in_manifest_and_table(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # No machine fills links this fast, or keeps a tenth of this interval: it needs no load.
        options = ["--topo", "dumbbell", "--agent", "none", "--baseline", "static", "--engine", "mininet", "--rate", "1G",
                   "--interval", "1ms", "--episode", "10ms", "--episodes", "1", "--out", str(tmp_path / "run")]  # fmt: skip
        assert main(options) == 0
        table = capsys.readouterr().out
        manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
        warnings = [line for line in manifest["warnings"] if "did not keep up with real time" in line]
        assert len(warnings) == 1 and warnings[0].startswith("score static: ")
        clock = manifest["clocks"]["static"]
        assert clock["steps"] == 10 and 0 < clock["late_steps"] <= 10 and clock["lateness_s"] > 100e-6
        assert f"warning: {warnings[0]}" in table.splitlines()
        assert main([*options, "--resume", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["warnings"] == manifest["warnings"]
