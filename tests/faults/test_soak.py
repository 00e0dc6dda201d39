"""For as long as `SOAK_S` says, on each engine: memory and descriptors stay what they were after the first part."""

import json
import os
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from iroko.engines.base import Engine
from iroko.engines.open import missing_transports, open_engine
from iroko.scenario import Scenario
from tests.engines.test_contract import children

pytestmark = [pytest.mark.soak]
SOAK_S = 1200.0
"""Real seconds of each of the tests, of which there are two for each engine: two hours in all."""
FIRST_PART = 0.3
"""Of the time: caches and pools fill meanwhile."""
GROWTH_BYTES = 8_000_000
EPISODE_S, STEP_S = 2.0, 0.1
SCENARIOS = [Scenario(traffic="random", transport="udp"), Scenario(traffic="random", transport="cubic"),
             Scenario(traffic="random", transport="dctcp"), Scenario(traffic="websearch", transport="cubic")]  # fmt: skip


class Use:
    """What this process and those that it started use, now and before."""

    def __init__(self) -> None:
        self.memory: list[int] = []
        self.descriptors: list[int] = []

    def note(self) -> None:
        processes = [os.getpid(), *sorted(children())]
        self.memory.append(sum(_memory_bytes(pid) for pid in processes))
        self.descriptors.append(sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in processes))

    def check_flat(self) -> None:
        """From the end of the first part on, neither goes up."""
        first, last = self._early(self.memory), self.memory[-len(self.memory) // 4 :]
        assert np.mean(last) - np.mean(first) < GROWTH_BYTES, [round(value / 1e6) for value in self.memory]
        assert max(self.descriptors) == self._early(self.descriptors)[0], self.descriptors

    @staticmethod
    def _early(values: list[int]) -> list[int]:
        begin = round(FIRST_PART * len(values))
        return values[begin : begin + max(1, len(values) // 4)]


def _memory_bytes(pid: int) -> int:
    """What a process has in memory of its own: without files, whose share would change when other programs that map them end."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return 1024 * sum(int(line.split()[1]) for line in file if line.startswith(("Pss_Anon:", "Pss_Shmem:")))


def episode(engine: Engine, scenario: Scenario, seed: int, num_steps: int) -> bytes:
    """An episode of changing limits; gives what its flows delivered in each step."""
    rng = np.random.default_rng(seed)
    flows = scenario.make_flows(engine.topology, rng)
    engine.reset(flows, scenario.transport, seed)
    rates = np.array(engine.topology.host_rates_bps)
    delivered = [engine.step(rng.uniform(0.05, 1, len(rates)) * rates, STEP_S).flow_bytes for _ in range(num_steps)]
    assert scenario.traffic == "websearch" or sum(delivered).sum() > 0  # of which the first flow may come late
    return np.concatenate(delivered).tobytes()


def scenarios(engine_name: str) -> list[Scenario]:
    missing = missing_transports(engine_name, sorted({scenario.transport for scenario in SCENARIOS}))
    return [scenario for scenario in SCENARIOS if scenario.transport not in missing]


def note_soak(name: str, engine_name: str, **numbers: float) -> None:
    """Keep what a soak did, beside the temporary files, and show it with `pytest -s`."""
    print(json.dumps({"soak": name, "engine": engine_name} | numbers))


def test_resets_for_a_long_time(engine_name: str) -> None:
    # In real time an episode of some steps takes as long as it is, and resets are what may leak.
    num_steps = 3 if engine_name == "mininet" else round(EPISODE_S / STEP_S)
    use, chosen, resets, end = Use(), scenarios(engine_name), 0, time.monotonic() + SOAK_S
    next_note = 0.0
    with closing(open_engine(engine_name, chosen[0].fabric, seed=1)) as engine:
        first = [episode(engine, scenario, 7, num_steps) for scenario in chosen]
        while time.monotonic() < end:
            episode(engine, chosen[resets % len(chosen)], resets + 100, num_steps)
            resets += 1
            if time.monotonic() > next_note:
                episode(engine, chosen[0], 7, num_steps)  # always the same one: each has sockets of its own
                use.note()
                next_note = time.monotonic() + SOAK_S / 60
        again = [episode(engine, scenario, 7, num_steps) for scenario in chosen]
        virtual_s = engine.clock.virtual_s
    note_soak("resets", engine_name, resets=resets, virtual_s=round(virtual_s), megabytes=use.memory[-1] / 1e6)
    use.check_flat()
    if engine_name == "sim":
        assert again == first


def test_engines_opened_and_closed_for_a_long_time(engine_name: str) -> None:
    use, chosen, lives, end = Use(), scenarios(engine_name), 0, time.monotonic() + SOAK_S
    shared = len(list(Path("/dev/shm").glob("iroko-guest-*")))
    next_note = 0.0
    while time.monotonic() < end:
        with closing(open_engine(engine_name, chosen[0].fabric, seed=lives)) as engine:
            episode(engine, chosen[lives % len(chosen)], lives, 3)
        lives += 1
        if time.monotonic() > next_note:
            use.note()
            next_note = time.monotonic() + SOAK_S / 60
    note_soak("lives", engine_name, lives=lives, megabytes=use.memory[-1] / 1e6)
    use.check_flat()
    assert len(list(Path("/dev/shm").glob("iroko-guest-*"))) <= shared + 16  # other runs' come and go
