"""Environments in TorchRL and Minari, where these are installed; `test_learners.py` has the contracts that they rely on."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

import iroko  # noqa: F401
from iroko.envs.hosts import HostsEnv
from iroko.scenario import Scenario

DUMBBELL = "iroko/Dumbbell-v0"
SHORT: dict[str, Any] = {"engine": "sim", "episode_s": 0.5, "traffic": "random"}


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


def torchrl_environments() -> dict[str, Callable[[], Any]]:
    from torchrl.envs import GymEnv, GymWrapper, PettingZooWrapper

    def over_vector(mode: str, **vector: Any) -> Any:
        return GymWrapper(gymnasium.make_vec(DUMBBELL, num_envs=3, **SHORT | vector | ({} if vector else {"autoreset_mode": mode})))

    return {
        "GymEnv": lambda: GymEnv(DUMBBELL, **SHORT),
        "GymEnv frame_skip": lambda: GymEnv(DUMBBELL, frame_skip=2, **SHORT),
        "GymEnv from_pixels": lambda: GymEnv(DUMBBELL, from_pixels=True, pixels_only=False, **SHORT),
        "GymWrapper": lambda: GymWrapper(gymnasium.make(DUMBBELL, **SHORT)),
        "GymWrapper SameStep": lambda: over_vector("SameStep"),
        "GymWrapper Disabled": lambda: over_vector("Disabled"),
        "GymWrapper sync": lambda: over_vector("", vectorization_mode="sync", vector_kwargs={"autoreset_mode": "Disabled"}),
        "PettingZooWrapper": lambda: PettingZooWrapper(HostsEnv(Scenario(episode_s=0.5, traffic="random"), engine="sim")),
    }


TORCHRL = ("GymEnv", "GymEnv frame_skip", "GymEnv from_pixels", "GymWrapper", "GymWrapper SameStep", "GymWrapper Disabled",
           "GymWrapper sync", "PettingZooWrapper")  # fmt: skip


@needs("torchrl")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", TORCHRL)
def test_torchrl(name: str) -> None:
    import torch
    from torchrl.envs.utils import check_env_specs

    make = torchrl_environments()[name]
    env = make()
    check_env_specs(env)
    env.close()
    rollouts = []
    for _ in range(2):
        env = make()
        env.set_seed(3)
        torch.manual_seed(0)
        # Longer than an episode, so that all or some environments are reset on the way.
        rollouts.append(env.rollout(12, break_when_any_done=False))
        env.close()
    assert rollouts[0].batch_size[-1] == 12
    assert bool((rollouts[0] == rollouts[1]).all())


@needs("torchrl")
@pytest.mark.filterwarnings("default")
def test_a_collector_of_torchrl() -> None:
    from torchrl.collectors import Collector

    collector = Collector(torchrl_environments()["GymWrapper Disabled"], None, frames_per_batch=24, total_frames=48)
    assert [batch.numel() for batch in collector] == [24, 24]
    collector.shutdown()


# --- Minari


@needs("minari", "jax", "h5py")
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("deployment", ["central", "hosts"])
def test_minari_records_infos(deployment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from minari import DataCollector

    env = DataCollector(gymnasium.make(DUMBBELL, deployment=deployment, **SHORT), record_infos=True)
    env.reset(seed=1)
    for _ in range(5):
        env.step(np.ones(4, np.float32))
    data = env.create_dataset("iroko/test-v0", algorithm_name="full rate", author="Iroko", code_permalink="https://example.org")
    infos = data[0].infos
    assert len(data) == 1 and len(infos["time_s"]) == len(infos["reward_queue"]) == 6
    env.close()
