"""Which engine serves where, what each lacks, and what it has to do first."""

import importlib
import platform

import pytest

from iroko.agent import TCP_NAMES
from iroko.engines.open import default_engine, first_use, missing_transports
from iroko.topologies.dumbbell import dumbbell


@pytest.mark.parametrize(("system", "machine", "engine"), [
    ("Linux", "x86_64", "guest"), ("Linux", "aarch64", "sim"), ("Darwin", "arm64", "sim"), ("Darwin", "x86_64", "sim"),
])  # fmt: skip
def test_the_simulator_serves_where_the_guest_cannot_run(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, engine: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert default_engine() == engine


def test_the_simulator_says_which_transports_it_has() -> None:
    known = ["cubic", "dctcp", "iroko", "nv", "reno", "udp", "vegas"]
    missing = missing_transports("sim", [*known, "bbr"])
    line = f"engine sim has no transport 'bbr', only {', '.join(known)}: use engine guest, which has every one of Linux"
    assert missing == {"bbr": line}


def test_the_guest_lacks_nothing() -> None:
    assert missing_transports("guest", ["udp", *TCP_NAMES]) == {}


def test_of_the_machine_its_kernel_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = importlib.import_module("iroko.engines.kernel")
    monkeypatch.setattr(kernel, "missing_transports", lambda names: {name: "load it" for name in names if name == "nv"}, raising=False)
    assert missing_transports("mininet", ["nv", "cubic"]) == {"nv": "load it"}


def test_only_the_simulator_has_something_to_do_first(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = importlib.import_module("iroko.engines.sim.code_cache")
    monkeypatch.setattr(compiled, "is_compiled", lambda: False, raising=False)
    assert str(first_use("sim")).startswith("compiling the simulator, once")
    monkeypatch.setattr(compiled, "is_compiled", lambda: True, raising=False)
    assert first_use("sim") is None
    assert first_use("guest") is None and first_use("mininet") is None


def test_who_opens_the_simulator_is_told_that_it_compiles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.import_module("iroko.engines.sim.code_cache"), "is_compiled", lambda: False)
    engine = importlib.import_module("iroko.engines.open")
    monkeypatch.setattr(engine, "_asked", set())
    for _ in range(2):
        engine.open_engine("sim", dumbbell()).close()
        engine.open_batch([dumbbell()]).close()
    assert capsys.readouterr().err.count("compiling the simulator, once") == 1
