"""What a run shows: numbers from a clock that the tests move."""

import io

import pytest
from rich.console import Console

from iroko.agent import Progress
from iroko.run.display import format_duration
from iroko.run.progress import LiveDisplay, Meter, PlainDisplay, open_display, sparkline


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def progress(num_steps: int, reward: float | None = None, total: int = 1000, virtual_s: float = 0.0, real_s: float = 0.0) -> Progress:
    return Progress(num_steps, total, reward, virtual_s, real_s)


def test_speed_and_time_left_come_from_the_last_stretch() -> None:
    clock = Clock()
    meter = Meter(10, clock)
    assert meter.speed is None and meter.left_s is None and meter.pace() == ""
    for second in range(60):
        clock.now_s = 100.0 + second
        meter.update(progress(10 * second if second < 30 else 300 + 20 * (second - 30)))
    assert meter.speed == pytest.approx(20)
    assert meter.left_s == pytest.approx((1000 - 880) / 20)
    assert meter.pace() == "880 of 1,000 steps, 20 steps/s, 6 s left"


def test_the_reward_is_per_step_and_the_mean_of_the_last_episodes() -> None:
    meter = Meter(10, Clock())
    for number, reward in enumerate([None, 100.0, 100.0, 10.0, 20.0, 30.0, 40.0, 50.0]):
        meter.update(progress(number, reward))
    assert meter.rewards == [10.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert meter.reward == pytest.approx(3.0) and meter.reward_in_words() == "reward 3.000 per step"


def test_the_rewards_of_a_long_training_are_thinned() -> None:
    meter = Meter(1, Clock())
    for number in range(5000):
        meter.update(progress(number, float(number)))
    assert len(meter.rewards) <= 1000 and meter.rewards[-1] == 4999.0 and meter.rewards == sorted(meter.rewards)


def test_virtual_time_is_set_against_real_time() -> None:
    meter = Meter(1, Clock())
    meter.update(progress(1))
    assert meter.time_ratio() == ""
    meter.update(progress(1, virtual_s=21.0, real_s=2.0))
    assert meter.time_ratio() == "virtual time 10.5x real time"


@pytest.mark.parametrize(("time_s", "text"), [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1:00 min"), (187, "3:07 min"), (3787, "1:03:07 h")])
def test_durations(time_s: float, text: str) -> None:
    assert format_duration(time_s) == text


def test_sparklines() -> None:
    assert sparkline([]) == "" and sparkline([2.0, 2.0]) == "▁▁"
    assert sparkline([0.0, 1.0, 7.0]) == "▁▂█"
    assert sparkline([float(value) for value in range(800)], width=8) == "▁▂▃▄▅▆▇█"


def plain(clock: Clock) -> tuple[PlainDisplay, io.StringIO]:
    file = io.StringIO()
    return PlainDisplay(Console(file=file, width=200), "fattree", 10, clock), file


def test_plain_lines_come_now_and_then() -> None:
    clock = Clock()
    display, file = plain(clock)
    display.phase("train ppo")
    for second in range(25):
        clock.now_s = 100.0 + second
        display.progress(progress(second * 10, 5.0, virtual_s=second + 1.0, real_s=0.5))
    display.note("warning: [late]")
    display.phase("figures")
    display.close()
    display.close()
    assert file.getvalue().splitlines() == [
        "iroko: fattree",
        "iroko: train ppo",
        "iroko: train ppo: 100 of 1,000 steps, 10 steps/s, 1:30 min left, reward 0.500 per step, virtual time 22.0x real time",
        "iroko: train ppo: 200 of 1,000 steps, 10 steps/s, 1:20 min left, reward 0.500 per step, virtual time 42.0x real time",
        "iroko: warning: [late]",
        "iroko: train ppo took 24 s: 240 steps",
        "iroko: figures",
        "iroko: figures took 0 s",
    ]


def test_a_phase_that_is_broken_off_is_not_said_to_be_done() -> None:
    display, file = plain(Clock())
    display.phase("train ppo")
    display.close(done=False)
    display.close()
    assert file.getvalue().splitlines() == ["iroko: fattree", "iroko: train ppo"]


def test_without_a_terminal_nothing_is_redrawn() -> None:
    file = io.StringIO()
    display = open_display(Console(file=file), "run", ["train ppo"], 10, live=False)
    display.phase("train ppo")
    display.close()
    assert isinstance(display, PlainDisplay) and "\x1b" not in file.getvalue()


def test_the_live_display_shows_what_is_done_under_way_and_to_come() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    display = open_display(console, "fattree, stride", ["train ppo", "score ppo", "figures"], 10, live=True)
    assert isinstance(display, LiveDisplay)
    try:
        display.phase("train ppo")
        display.phase("score ppo")
        display.progress(progress(5, 20.0, virtual_s=4.0, real_s=2.0))
        display.progress(progress(6, 70.0, virtual_s=4.0, real_s=2.0))
        with console.capture() as capture:
            console.print(display.render())
    finally:
        display.close()
        display.close()
    text = capture.get()
    for part in (
        "fattree, stride",
        "✓ train ppo",
        "▶ score ppo",
        "6 of 1,000 steps",
        "reward 4.500 per step",
        "▁█",
        "2.0x real time",
        "  figures",
    ):
        assert part in text
