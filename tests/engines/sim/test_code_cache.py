"""Copies of the simulator with equal sources share their compiled code."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from numba.core import config

from iroko.engines.sim.code_cache import CacheOfSources, Locator, code_folder


def function_of(path: Path, text: str) -> Any:
    path.parent.mkdir()
    path.write_text(text)
    spec = importlib.util.spec_from_file_location("copied", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.function


def test_the_place_follows_the_content_and_not_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    text = "def function():\n    return 1\n"
    places = []
    for folder, content in (("first", text), ("second", text), ("third", text.replace("1", "2"))):
        path = tmp_path / folder / "module.py"
        locator = Locator.from_function(function_of(path, content), str(path))
        assert locator is not None and Path(locator.get_cache_path()).is_dir()
        places.append((locator.get_cache_path(), locator.get_source_stamp(), locator.get_disambiguator()))
    assert places[0] == places[1] != places[2]


def test_a_place_that_cannot_be_made_is_left_to_numbas_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "file"))
    path = tmp_path / "folder" / "module.py"
    assert Locator.from_function(function_of(path, "def function():\n    return 1\n"), str(path)) is None


def test_numbas_settings_are_ours_while_a_function_is_made_only() -> None:
    before = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    with CacheOfSources():
        assert str(code_folder()) == config.CACHE_DIR
        assert config.CACHE_LOCATOR_CLASSES.startswith("iroko.engines.sim.code_cache.Locator")
    assert before == (config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES)


def test_the_event_loop_is_kept_there() -> None:
    importlib.import_module("iroko.engines.sim.kernels")
    assert list(code_folder().glob("kernels-*/kernels.advance-*.nbc"))
