"""A model is data: what lies in its folder is never run, and what is no model is one clear error."""

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from iroko.agent import Agent, make_agent
from iroko.errors import InputError
from iroko.run.differences import compare_models
from iroko.scenario import Scenario

SCENARIO = Scenario(topology="dumbbell")


def agent(name: str = "ppo") -> Agent:
    return make_agent(name, SCENARIO, SCENARIO.fabric, 1)


class Hostile:
    """Pickled, it makes a file when it is read."""

    def __init__(self, proof: Path) -> None:
        self.proof = str(proof)

    def __reduce__(self) -> tuple[object, tuple[str, int]]:
        return os.open, (self.proof, os.O_CREAT | os.O_WRONLY)


def as_pickle(proof: Path) -> bytes:
    return pickle.dumps(Hostile(proof))


def as_tensors(proof: Path) -> bytes:
    data = io.BytesIO()
    torch.save({"modules": Hostile(proof), "num_steps_done": 1}, data)
    return data.getvalue()


def as_old_tensors(proof: Path) -> bytes:
    data = io.BytesIO()
    torch.save({"modules": Hostile(proof)}, data, _use_new_zipfile_serialization=False)
    return data.getvalue()


def as_stable_baselines(proof: Path) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        made.writestr("data", json.dumps({"policy": {":serialized:": pickle.dumps(Hostile(proof)).hex()}}))
        made.writestr("policy.pth", as_pickle(proof))
    return data.getvalue()


MAKERS: tuple[Callable[[Path], bytes], ...] = (as_pickle, as_tensors, as_old_tensors, as_stable_baselines)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "ppo"
    agent().save(folder)
    return folder


def copy(saved: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    for path in saved.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_the_hostile_file_would_run_if_it_were_unpickled(tmp_path: Path) -> None:
    # So the tests below cannot pass for another reason.
    os.close(pickle.loads(as_pickle(tmp_path / "proof")))
    assert (tmp_path / "proof").exists()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("name", ["ppo", "ddpg", "td3", "sac", "a2c", "reinforce", "ars"])
def test_a_hostile_model_does_not_run(name: str, make: Callable[[Path], bytes], tmp_path: Path) -> None:
    model = tmp_path / name
    learner = agent(name)
    learner.save(model)
    proof = tmp_path / "proof"
    for path in model.iterdir():
        if path.suffix != ".json":
            path.write_bytes(make(proof))
            with pytest.raises(InputError, match="is broken") as caught:
                learner.load(model)
            assert "\n" not in str(caught.value)
    assert not proof.exists()


@pytest.mark.parametrize("make", MAKERS)
def test_comparing_models_does_not_run_them(saved: Path, make: Callable[[Path], bytes], tmp_path: Path) -> None:
    model = copy(saved, tmp_path / "ppo")
    (model / "weights.pt").write_bytes(make(tmp_path / "proof"))
    with pytest.raises(InputError, match="cannot be read"):
        compare_models(saved, model)
    assert not (tmp_path / "proof").exists()


def test_files_of_other_programs_beside_the_model_are_not_read(saved: Path, tmp_path: Path) -> None:
    model = copy(saved, tmp_path / "ppo")
    for name in ("model.zip", "vecnormalize.pkl", "replay.pkl", "data.pkl", "agent.pkl"):
        (model / name).write_bytes(as_pickle(tmp_path / "proof"))
    agent().load(model)
    assert not (tmp_path / "proof").exists()


@pytest.mark.parametrize(("card", "words"), [
    ({}, "has agent=None|has format=None"),
    ({"format": 0, "agent": "ppo"}, "format=0"),
    ([1, 2], "expected a JSON object"),
    (None, "expected a JSON object"),
])  # fmt: skip
def test_a_model_of_another_time_is_a_clear_error(saved: Path, tmp_path: Path, card: object, words: str) -> None:
    model = copy(saved, tmp_path / "ppo")
    (model / "agent.json").write_text(json.dumps(card))
    with pytest.raises(InputError, match=words):
        agent().load(model)


@settings(max_examples=60)
@given(st.data())
def test_noise_is_a_model_or_one_error(saved: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    model = copy(saved, tmp_path_factory.mktemp("noise") / "ppo")
    path = model / data.draw(st.sampled_from(sorted(path.name for path in saved.iterdir())))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    try:
        LEARNER.load(model)
    except InputError as error:
        assert "\n" not in str(error)


LEARNER = agent()
