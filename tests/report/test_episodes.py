"""Recordings of the fabric and lines over time: sums and means that agree with the steps, and what is left out of a large page."""

import base64
import itertools
import zlib

import numpy as np
import pytest

from iroko.analysis.charts import group_size, thin
from iroko.analysis.episodes import QUEUE_EDGES_BYTES, Episode, episodes, over_time, queue_shares
from iroko.analysis.looks import look
from iroko.analysis.scores import path_backlogs, stack
from iroko.report.layout import layout_nodes
from iroko.report.page import Palette
from iroko.report.recordings import BUDGET, FEWEST_FRAMES, MOST_FRAMES, Plan, plan, record
from iroko.report.render import dark_color
from iroko.report.text import MINUS, NOTHING, count_text, join_words, measure_text, setting_text, time_text
from iroko.rundir.reader import RunData
from iroko.topologies.dumbbell import dumbbell
from iroko.topologies.fattree import fattree
from iroko.topologies.star import star
from iroko.topology import build_topology
from tests.fake_run import make_run

LINKS = {"rate_bps": 1e7, "delay_s": 0.0, "queue_bytes": 100_000, "ecn_bytes": None, "routing": "static"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunData:
    return make_run(tmp_path_factory.mktemp("episodes") / "run")


def unpack(recording: dict[str, object], num_ports: int) -> dict[str, np.ndarray]:
    """As the page does it."""
    data = zlib.decompress(base64.b64decode(str(recording["data"])))
    frames = len(recording["ends"])  # type: ignore[arg-type]
    size = 4 * num_ports * frames
    planes = {
        name: np.frombuffer(data[i * size : (i + 1) * size], "<u4").reshape(num_ports, frames)
        for i, name in enumerate(("mean", "peak", "drops", "marks"))
    }
    return planes | {"load": np.frombuffer(data[4 * size :], "<u2").reshape(num_ports, frames)}


@pytest.mark.parametrize("most", [1, 2, 3, 4, 200])
def test_frames_add_up_to_the_steps(run: RunData, most: int) -> None:
    topology = run.config.scenario.fabric
    episode = list(episodes(run, topology))[1]
    steps = episode.steps.assign(
        backlog_mean_bytes=[np.arange(topology.num_ports) * (step + 1.0) for step in range(4)],
        backlog_peak_bytes=[np.full(topology.num_ports, 100 * step) for step in range(4)],
        port_drops=[np.full(topology.num_ports, step) for step in range(4)], interval_s=[0.5, 0.5, 0.5, 0.25],
    )  # fmt: skip
    recording = record(Episode(**{**vars(episode), "steps": steps}), topology, most, Palette().ink("ppo"), 0)
    planes, spans = unpack(recording, topology.num_ports), np.array(recording["spans"])
    assert len(spans) == min(most, 4) if most != 3 else 2
    assert spans.sum() == 1.75 and recording["ends"][-1] == 2.0
    whole = (stack(steps["backlog_mean_bytes"]) * steps["interval_s"].to_numpy()[:, None]).sum(axis=0) / 1.75
    np.testing.assert_allclose((planes["mean"] * spans).sum(axis=1) / 1.75, whole, atol=0.5)
    assert (planes["peak"].max(axis=1) == 300).all() and (planes["drops"].sum(axis=1) == 6).all()
    rates = np.array([port.rate_bps for port in topology.ports])
    sent = (planes["load"] * 1e-4 * spans).sum(axis=1) * rates / 8
    np.testing.assert_allclose(sent, stack(steps["port_bytes"]).sum(axis=0), rtol=1e-3, atol=100)


def test_a_page_keeps_its_budget_and_says_what_it_left_out() -> None:
    for ports, schemes, seeds, count in itertools.product((10, 96, 768, 6000), (1, 4, 8), (1, 5), (1, 2, 20)):
        kept = plan(ports, schemes, seeds, count)
        recordings = schemes * (1 if kept.first_seeds else seeds) * (1 if kept.first_episodes else count)
        assert FEWEST_FRAMES // 2 <= kept.frames <= MOST_FRAMES
        assert ports * recordings * kept.frames <= BUDGET or kept.frames == FEWEST_FRAMES // 2
    assert plan(96, 4, 1, 2) == Plan(MOST_FRAMES) and plan(96, 4, 1, 2).describe(200) == ""
    large = plan(768, 8, 5, 2)
    assert large.first_episodes and "only the first episode" in large.describe(40) and large.keeps(0, 3, 1) is not large.first_seeds
    assert "a frame of the fabric is 4 steps together" in Plan(50).describe(200)


def test_lines_over_time_are_means_with_their_range(run: RunData) -> None:
    own = [episode for episode in episodes(run, run.config.scenario.fabric) if episode.scheme == "nv"]
    over = over_time(own, "reward")
    assert over.mean.tolist() == [5, 6, 7, 8] and over.low.tolist() == [0, 1, 2, 3] and over.high.tolist() == [10, 11, 12, 13]
    short = Episode(**{**vars(own[0]), "time_s": own[0].time_s[:2], "reward": own[0].reward[:2]})
    assert over_time([short, own[1]], "reward").mean.tolist() == [5, 6, 12, 13]
    assert own[0].without_steps().reward.tolist() == own[0].reward.tolist() and len(own[0].without_steps().steps) == 0


def test_shares_of_longer_queues_are_those_of_the_backlogs(run: RunData) -> None:
    topology = run.config.scenario.fabric
    own = [episode for episode in episodes(run, topology) if episode.scheme == "nv"]
    backlogs = np.concatenate(
        [
            path_backlogs(topology, one.steps, run.flows[(run.flows["scheme"] == "nv") & (run.flows["episode"] == one.episode)])
            for one in own
        ]
    )
    shares = queue_shares(own)
    expected = (backlogs.ravel()[None] > QUEUE_EDGES_BYTES[:, None]).mean(axis=1)
    assert np.nan_to_num(shares).tolist() == expected.tolist() and not (shares == 0).any()
    assert (np.diff(shares[np.isfinite(shares)]) <= 0).all()


def test_long_lines_are_thinned_to_means() -> None:
    assert group_size(200) == 1 and group_size(201) == 2 and group_size(0) == 1
    assert thin(np.array([1.0, 3.0, np.nan, 5.0, 9.0]), 2).tolist() == [2, 5, 9]
    assert np.isnan(thin(np.array([np.nan, np.nan]), 2)).all()


def test_topologies_are_laid_out_by_their_kind() -> None:
    places, layout = layout_nodes(dumbbell(num_left=3, num_right=2))
    assert (
        layout == "sides"
        and {places[f"h{i}"][0] for i in range(3)} == {0.0}
        and places["h4"][0] == 1.0
        and places["s0"][0] < places["s1"][0]
    )
    places, layout = layout_nodes(fattree())
    assert layout == "layers" and {places[f"h{i}"][1] for i in range(16)} == {0.0} and max(y for _, y in places.values()) == 1.0
    assert layout_nodes(star())[1] == "layers"
    ring = build_topology(
        "ring",
        ["h0", "h1", "h2"],
        ["s0", "s1", "s2"],
        [("h0", "s0"), ("h1", "s1"), ("h2", "s2"), ("s0", "s1"), ("s1", "s2"), ("s2", "s0")],
        **LINKS,
    )  # type: ignore[arg-type]
    places, layout = layout_nodes(ring)
    assert layout == "distances" and layout_nodes(ring)[0] == places
    for given in (dumbbell(), fattree(), star(), ring):
        found = layout_nodes(given)[0]
        assert len(set(found.values())) == given.num_hosts + len(given.switches)
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in found.values())


def test_schemes_look_as_in_the_printed_figures() -> None:
    palette = Palette({"ppo-hosts": "PPO per host"})
    first, second = palette.ink("ppo"), palette.ink("ppo-hosts")
    assert first.look == look("ppo") != second.look and second.label == "PPO per host"
    assert palette.ink("ppo") is first and first.name != second.name


def test_colours_are_light_enough_for_a_dark_page() -> None:
    for scheme in ("ppo", "nv", "dctcp", "maxmin", "ddpg", "reinforce", "random", "cubic"):
        color = dark_color(Palette().ink(scheme).look.color)
        red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
        assert 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.4, scheme


@pytest.mark.parametrize(("text", "expected"), [
    (measure_text("queue_mean_bytes", 4321.0), "4.32"), (measure_text("drops", 12345), "12,345"),
    (measure_text("reward", -1.5), f"{MINUS}1.500"), (measure_text("reward", -1e-9), "0.000"),
    (measure_text("reward", float("nan")), NOTHING),
    (measure_text("reward", float("inf")), "∞"),
    (time_text(0.1), "100 ms"), (time_text(0), "0 s"), (setting_text("rate_bps", 10e6), "10 Mbit/s"),
    (setting_text("queue_bytes", 757_000), "757 kB"), (setting_text("delay_s", 2e-5), "20 µs"), (setting_text("k", 4), "4"),
    (setting_text("flag", True), "yes"), (setting_text("x", None), "none"), (count_text(1, "seed"), "1 seed"),
    (join_words(["a", "b", "c"]), "a, b and c"), (join_words([]), ""),
])  # fmt: skip
def test_numbers_as_a_reader_sees_them(text: str, expected: str) -> None:
    assert text == expected
