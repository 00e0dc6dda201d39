"""Frames and windows of the environments."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb

import iroko.envs.render
from iroko.analysis.plots.frames import BLOCK_PIXELS, QUEUE_COLOR, FabricFrames
from iroko.envs.environment import IrokoEnv
from iroko.envs.gym_vector import IrokoVectorEnv
from iroko.envs.hosts import HostsEnv
from iroko.envs.vector import IrokoVecEnv
from iroko.errors import ClosedError, InputError, UnknownArgumentError, UnsupportedError
from iroko.scenario import Scenario
from iroko.topology import Topology
from tests.fake_engine import FakeEngine, make_snapshot

SCENARIO = Scenario(episode_s=0.5, traffic="pairs")
FULL = np.ones(4, np.float32)
Frame = iroko.envs.render.Frame


def make_env(mode: str | None = "rgb_array", scenario: Scenario = SCENARIO) -> IrokoEnv:
    return IrokoEnv(scenario, engine=FakeEngine(scenario.fabric), render_mode=mode)


def queue_pixels(frame: Frame) -> int:
    """How many pixels have the colour of queues; the legend has some in each frame."""
    return int((np.abs(frame / 255 - to_rgb(QUEUE_COLOR)) < 0.02).all(axis=-1).sum())


def draw(topology: Topology, fill: float, load: float = 0.0) -> Frame:
    """A frame of queues that are all filled alike, and ports that are all loaded alike."""
    queues = [port.queue_bytes * fill for port in topology.ports]
    sent = [round(port.rate_bps / 8 * load) for port in topology.ports]
    return FabricFrames(topology, "test").draw(make_snapshot(topology, backlog_mean_bytes=queues, port_bytes=sent))


@pytest.mark.parametrize("name", ["dumbbell", "fattree", "star"])
def test_a_queue_grows_on_the_picture_as_it_grows_in_the_switch(name: str) -> None:
    topology = Scenario(topology=name).fabric
    empty, half, full = (queue_pixels(draw(topology, fill)) for fill in (0, 0.5, 1))
    assert empty < half < full
    assert half - empty == pytest.approx((full - empty) / 2, rel=0.2)


def test_a_busy_port_is_darker_and_wider() -> None:
    topology = SCENARIO.fabric
    idle, half, busy = (draw(topology, 0, load) for load in (0.0, 0.5, 1.0))
    assert idle.mean() > half.mean() > busy.mean()


def test_frames_suit_video_encoders_and_belong_to_the_caller() -> None:
    env = make_env()
    env.reset(seed=1)
    first = env.render()
    assert isinstance(first, np.ndarray) and first.dtype == np.uint8 and first.ndim == 3
    assert [size % BLOCK_PIXELS for size in first.shape[:2]] == [0, 0] and first.shape[2] == 3
    kept = first.copy()
    for _ in range(4):
        env.step(FULL)
    later = env.render()
    assert np.array_equal(first, kept) and later is not None and queue_pixels(later) > queue_pixels(first)
    assert np.array_equal(later, env.render())
    first[:] = 0
    assert np.array_equal(later, env.render())
    env.close()


def test_nothing_is_drawn_twice_over() -> None:
    # A frame shows its own interval only, whatever was drawn before.
    topology = SCENARIO.fabric
    frames = FabricFrames(topology, "test")
    busy = make_snapshot(topology, backlog_mean_bytes=[float(port.queue_bytes) for port in topology.ports])
    idle = frames.draw(make_snapshot(topology))
    assert not np.array_equal(frames.draw(busy), idle)
    assert np.array_equal(frames.draw(make_snapshot(topology)), idle)


def test_the_title_names_the_scenario() -> None:
    other = dataclasses.replace(SCENARIO, transport="dctcp")
    frames = []
    for scenario in (SCENARIO, other):
        env = make_env(scenario=scenario)
        env.reset(seed=1)
        frames.append(env.render())
        env.close()
    assert frames[0] is not None and frames[1] is not None
    different = (frames[0] != frames[1]).any(axis=-1)
    assert different[:34].any() and not different[34:].any()


def test_render_out_of_order_or_without_a_mode() -> None:
    env = make_env(None)
    env.reset()
    with pytest.raises(InputError, match="make the environment with render_mode='rgb_array'"):
        env.render()
    env = make_env()
    with pytest.raises(ClosedError, match="call reset first"):
        env.render()
    env.reset()
    env.close()
    with pytest.raises(ClosedError, match="render after close"):
        env.render()


def test_collections_of_frames() -> None:
    env = gymnasium.make("iroko/Dumbbell-v0", engine="sim", episode_s=0.5, render_mode="rgb_array_list")
    env.reset(seed=1)
    for _ in range(3):
        env.step(FULL)
    frames: Any = env.render()
    assert [frame.shape for frame in frames] == [(272, 800, 3)] * 4
    assert not np.array_equal(frames[0], frames[3])
    env.close()


@pytest.mark.filterwarnings("default")
def test_gymnasium_records_videos(tmp_path: Path) -> None:
    pytest.importorskip("moviepy", reason="needs moviepy")
    env = gymnasium.wrappers.RecordVideo(
        gymnasium.make("iroko/Dumbbell-v0", engine="sim", episode_s=0.5, render_mode="rgb_array"), str(tmp_path), lambda episode: True
    )
    assert env.metadata["render_fps"] == 10
    env.reset(seed=1)
    while not env.step(FULL)[3]:
        pass
    env.close()
    assert [file.name for file in tmp_path.iterdir()] == ["rl-video-episode-0.mp4"]


@pytest.mark.parametrize("mode", ["vector_entry_point", "sync"])
def test_a_vector_environment_has_a_frame_for_each(mode: str) -> None:
    envs = gymnasium.make_vec(
        "iroko/Dumbbell-v0", num_envs=2, vectorization_mode=mode, engine="sim", traffic="pairs", episode_s=0.5, render_mode="rgb_array"
    )
    assert envs.render_mode == "rgb_array" and "rgb_array" in envs.metadata["render_modes"]
    envs.reset(seed=1)
    envs.step(np.stack([FULL, FULL * 0.1]))
    frames = envs.render()
    assert isinstance(frames, tuple) and len(frames) == 2
    busy, idle = (np.asarray(frame) for frame in frames)
    assert queue_pixels(busy) > queue_pixels(idle)
    envs.close()


def test_frames_of_a_vector_environment_are_those_of_one() -> None:
    envs = IrokoVectorEnv([SCENARIO], [3], render_mode="rgb_array")
    one = IrokoEnv(SCENARIO, engine="sim", render_mode="rgb_array")
    envs.reset(seed=3)
    one.reset(seed=3)
    envs.step(FULL[None])
    one.step(FULL)
    assert np.array_equal(envs.render()[0], one.render())
    envs.close()
    one.close()
    with pytest.raises(ClosedError, match="after close"):
        envs.render()


def test_hosts_and_stable_baselines() -> None:
    hosts = HostsEnv(SCENARIO, engine="sim", render_mode="rgb_array")
    hosts.reset(seed=1)
    frame = hosts.render()
    assert hosts.render_mode == "rgb_array" and frame is not None
    hosts.close()
    envs = IrokoVecEnv([make_env(), make_env()])
    envs.reset()
    tiled = envs.render(mode="rgb_array")
    assert tiled is not None and tiled.shape[0] * tiled.shape[1] >= 2 * frame.shape[0] * frame.shape[1]
    envs.close()


# --- the window


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND"):
        monkeypatch.delenv(name, raising=False)
    backend = mpl.get_backend()
    yield
    plt.close("all")
    plt.switch_backend(backend)


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch, no_display: None) -> None:
    """A window that is a picture in memory, and needs no display."""
    plt.switch_backend("agg")
    monkeypatch.setattr(iroko.envs.render, "_open_display", lambda: None)
    monkeypatch.setattr(iroko.envs.render, "RENDER_FPS", 1000)


@pytest.mark.skipif("not sys.platform.startswith('linux')", reason="needs Linux, where a display has a name")
@pytest.mark.parametrize("kind", [IrokoEnv, HostsEnv])
def test_a_window_without_a_display_is_refused_when_the_environment_is_made(kind: Any, no_display: None) -> None:
    with pytest.raises(UnsupportedError, match=r"no display \(DISPLAY and WAYLAND_DISPLAY are not set\); .* use render_mode='rgb_array'"):
        kind(SCENARIO, render_mode="human")
    with pytest.raises(UnsupportedError, match="no display"):
        gymnasium.make("iroko/Dumbbell-v0", render_mode="human")
    assert iroko.envs.render.render_metadata()["render_modes"] == ["rgb_array"]


def test_a_display_without_a_toolkit_is_refused(no_display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")
    monkeypatch.setattr(iroko.envs.render, "_switch", lambda toolkit: False)
    with pytest.raises(UnsupportedError, match="no toolkit for windows; install one, such as Debian's python3-tk"):
        IrokoEnv(SCENARIO, render_mode="human")
    assert iroko.envs.render.render_metadata()["render_modes"] == ["human", "rgb_array"]


def test_the_first_toolkit_that_works_is_taken(no_display: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")
    tried: list[str] = []

    def switch(toolkit: str) -> bool:
        tried.append(toolkit)
        return toolkit == "gtk3agg"

    monkeypatch.setattr(iroko.envs.render, "_switch", switch)
    assert make_env("human").render_mode == "human"
    assert tried == ["macosx", "qtagg", "gtk4agg", "gtk3agg"]


def test_a_window_shows_every_interval_until_it_is_closed(window: None) -> None:
    env = make_env("human")
    assert plt.get_fignums() == []
    env.reset(seed=1)
    (number,) = plt.get_fignums()
    image = plt.figure(number).axes[0].images[0]
    before = np.array(image.get_array())
    for _ in range(3):
        env.step(FULL)
    assert plt.get_fignums() == [number] and env.render() is None
    assert queue_pixels(np.array(image.get_array())) > queue_pixels(before)
    env.reset()
    assert np.array_equal(np.array(image.get_array()), before)
    plt.close(number)
    env.step(FULL)  # the user has closed it: the episode goes on
    assert plt.get_fignums() == []
    env.close()


def test_closing_the_environment_closes_its_window_only(window: None) -> None:
    first, second = make_env("human"), make_env("human")
    first.reset(seed=1)
    second.reset(seed=1)
    assert len(plt.get_fignums()) == 2
    first.close()
    assert len(plt.get_fignums()) == 1
    second.close()
    assert plt.get_fignums() == []


def test_modes_that_do_not_exist() -> None:
    for mode in ("ansi", "", 3, ["human"]):
        with pytest.raises(UnknownArgumentError, match="expected None or one of human, rgb_array"):
            IrokoEnv(SCENARIO, render_mode=mode)  # type: ignore[arg-type]
    with pytest.raises(UnknownArgumentError, match="expected None or one of rgb_array"):
        IrokoVectorEnv([SCENARIO], [1], render_mode="human")
