"""The scripts in examples/ run, in the simulator, and show what they claim to."""

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from tests.fake_run import make_run

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_{name}", ROOT / "examples" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_random_limits_score_below_zero(capsys: pytest.CaptureFixture[str]) -> None:
    # Half of the link rate on average, regardless of what others send: queues fill.
    assert load("random_policy").main(num_steps=30) < 0
    assert capsys.readouterr().out.startswith("30 steps of random limits: reward -")


def test_ppo_learns_on_the_vector_environment() -> None:
    before, after = load("train_ppo").main(num_steps=2048)
    # Without limits two senders fill the bottleneck's queue.
    assert before < 0.5 < after


def test_a_flow_over_three_bottlenecks_gets_less_than_those_over_one() -> None:
    long, *short = load("own_network").main()
    assert len(short) == 3
    for rate_bps in short:
        # Each link between switches carries the long flow and one short one: 10 Mbit/s of frames, of which 1,448 in 1,514 bytes are data.
        assert long < rate_bps
        assert 0.97 * 10e6 * 1448 / 1514 < long + rate_bps < 10e6 * 1448 / 1514


def test_hosts_by_themselves_keep_the_bottleneck_busy_and_the_queue_short() -> None:
    goodput_bps, queue_bytes = load("hosts_pettingzoo").main()
    assert 8e6 < goodput_bps < 10e6
    assert queue_bytes < 10_000


def test_a_figure_is_drawn_from_a_run_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "run", engine="sim", agents=[], baselines=["dctcp", "cubic"])
    load("read_run").main(tmp_path / "run", tmp_path / "queues.png")
    assert (tmp_path / "queues.png").read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out.splitlines() == [
        "dctcp: reward 1.50 per step, largest queue 1 kB",
        "cubic: reward 1.50 per step, largest queue 2 kB",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_names_its_question(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 60
    assert re.match(r'"""[A-Z].*\?$', lines[0]), "the docstring begins with the question that the script answers"
