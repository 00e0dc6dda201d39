"""Objects found by name."""

import importlib
import inspect
import sys
from pathlib import Path

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.registry import check_name, list_names, load


def test_a_known_name_passes() -> None:
    assert check_name("fruit", "fig", ["fig", "plum"]) == "fig"


def test_an_unknown_name_lists_the_known_and_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        check_name("fruit", "plumb", ["plum", "fig"])
    assert str(caught.value) == "unknown fruit 'plumb'. Did you mean 'plum'? Known: fig, plum"


def test_no_guess_when_nothing_is_near() -> None:
    with pytest.raises(InputError) as caught:
        check_name("fruit", "xyz", ["plum", "fig"])
    assert "Did you mean" not in str(caught.value)


def test_the_folder_s_files_are_the_names() -> None:
    folder = Path(__file__).parent.parent / "traffic"
    assert list_names("traffic") == sorted(path.stem for path in folder.glob("[!_]*.py"))
    assert {"dumbbell", "fattree", "star"} <= set(list_names("topologies"))


@pytest.mark.parametrize("folder", ["topologies", "traffic"])
def test_each_file_holds_a_documented_function_of_its_name(folder: str) -> None:
    for name in list_names(folder):
        function = load(folder, folder, name)
        assert function.__name__ == name
        assert inspect.getdoc(function)
        required = [key for key, value in inspect.signature(function).parameters.items() if value.default is inspect.Parameter.empty]
        assert required == (["topology", "rng"] if folder == "traffic" else [])


def test_a_private_module_is_no_name() -> None:
    with pytest.raises(InputError, match="unknown traffic '_common'"):
        load("traffic", "traffic", "_common")


def test_loading_by_a_misspelt_name() -> None:
    with pytest.raises(InputError, match=r"unknown topology 'fatree'. Did you mean 'fattree'"):
        load("topologies", "topology", "fatree")


def test_random_is_ours() -> None:
    topology = load("topologies", "topology", "star")(num_hosts=3)
    assert len(load("traffic", "traffic", "random")(topology, np.random.default_rng(0))) == 3


def test_a_folder_of_somebody_else_is_neither_searched_nor_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "traffic"
    place.mkdir()
    (place / "ring.py").touch()
    (place / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert importlib.import_module("traffic").__file__ == str(place / "__init__.py")
    assert load("traffic", "traffic", "pairs").__module__ == "iroko.traffic.pairs"
    with pytest.raises(InputError, match=rf"traffic 'ring': {place} is not searched: add --path {tmp_path}, or name traffic/ring.py"):
        load("traffic", "traffic", "ring")
    monkeypatch.delitem(sys.modules, "traffic")
