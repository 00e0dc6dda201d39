"""The report in a real browser, without a network: no error, no request, and everything answers to mouse, keyboard and touch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from iroko.report import write_report
from iroko.rundir.folder import write_frame
from tests.fake_run import make_run
from tests.report.browser import Browser, find_chromium

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium here: apt-get install chromium")

READY = "document.querySelectorAll('#fabric-view .port').length > 0"
CHART = "[...document.querySelectorAll('[data-chart]')].find((one) => one.dataset.chart === 'run-reward-time')"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("report") / "run", gain_in_training=0.5, topology={"name": "fattree", "k": 4})
    return write_report(run.path)


@pytest.fixture(scope="module")
def browser(page: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("desk"), 1440, 900) as browser:
        yield browser


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    browser.problems.clear()
    browser.requests.clear()
    browser.open(page)
    browser.wait(READY)
    return browser


def box(browser: Browser, element: str) -> dict[str, float]:
    """Where an element is on the screen, once it is scrolled into sight."""
    browser.run(f"{element}.scrollIntoView({{block: 'center'}})")
    found: dict[str, float] = browser.run(
        f"(() => {{ const b = {element}.getBoundingClientRect(); return {{x: b.x, y: b.y, w: b.width, h: b.height}}; }})()"
    )
    return found


def shown(browser: Browser) -> list[str]:
    """Texts of the tips that are visible."""
    texts: list[str] = browser.run(
        "[...document.querySelectorAll('.tip')].filter((tip) => tip.style.visibility === 'visible').map((tip) => tip.innerText)"
    )
    return texts


@pytest.mark.parametrize(("width", "height", "dark"), [(360, 740, False), (390, 844, True), (1440, 900, True)])
def test_it_fits_each_width_without_an_error_or_a_request(page: Path, tmp_path: Path, width: int, height: int, dark: bool) -> None:
    with Browser(tmp_path, width, height, dark) as browser:
        browser.open(page)
        browser.wait(READY)
        wide = browser.run("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        assert wide[0] == wide[1] and width - 20 < wide[1] <= width  # less the bar that scrolls
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        assert (paper == "rgb(23, 22, 20)") is dark
        assert browser.problems == []
        assert [url for url in browser.requests if not url.startswith("data:")] == [page.resolve().as_uri()]


def test_a_breach_of_the_policy_would_be_seen(opened: Browser) -> None:
    # Whoever counts no errors must be able to see one.
    opened.run(
        "new Promise((done) => { const image = new Image(); image.onerror = () => done(1); image.src = 'https://example.org/x.png'; })"
    )
    opened.run("1")
    assert any("Content Security Policy" in problem for problem in opened.problems)


def test_every_figure_is_drawn(opened: Browser) -> None:
    kinds = {
        "run-reward": ".mark",
        "run-tradeoff": ".mark",
        "run-learning": ".line",
        "run-gap": ".mark.hollow",
        "run-queue-ccdf": ".line",
        "run-queue-time": ".line",
    }
    for name, mark in kinds.items():
        assert opened.run(f"document.querySelectorAll('[data-chart={name}] .plot {mark}').length") > 0, name
    assert opened.run("[...document.querySelectorAll('svg [d]')].filter((one) => /NaN|Infinity/.test(one.getAttribute('d'))).length") == 0
    assert opened.problems == []


def test_on_a_phone_one_legend_serves_all_figures(page: Path, tmp_path: Path) -> None:
    legends = "[...document.querySelectorAll('.charts .legend')].filter((one) => one.childElementCount && one.offsetParent).length"
    with Browser(tmp_path, 360, 740) as browser:
        browser.open(page)
        browser.wait(READY)
        assert browser.run(legends) == 1
        lines = "document.querySelectorAll('[data-chart$=-time] .plot .line').length"
        before = browser.run(lines)
        browser.run("document.querySelector('.shared [aria-pressed]').click()")
        assert browser.run(lines) == before - 3
        assert browser.problems == []


def test_the_slider_opens_at_the_worst_queue(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", agents=[], baselines=["nv"], learning=False)
    steps = run.steps.assign(
        backlog_mean_bytes=[(9.0 if row % 4 == 2 else 1.0) * one for row, one in enumerate(run.steps["backlog_mean_bytes"])]
    )
    write_frame(run.path / "steps.parquet", steps)
    with Browser(tmp_path / "profile", 1440, 900) as browser:
        browser.open(write_report(run.path))
        browser.wait(READY)
        assert browser.run("document.querySelector('#fabric-view output').textContent") == "1 to 1.5 s of 2 s"


def test_what_lies_below_a_cut_is_written_at_the_edge(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    write_frame(run.path / "steps.parquet", run.steps.assign(reward=run.steps["reward"] - 900.0 * (run.steps["scheme"] == "nv")))
    with Browser(tmp_path / "profile", 1440, 900) as browser:
        browser.open(write_report(run.path))
        browser.wait(READY)
        assert browser.run("document.querySelector('[data-chart=run-reward] .cut').textContent").startswith("\N{MINUS SIGN}894")
        assert browser.run("document.querySelectorAll('[data-chart=run-reward] .plot .error').length") == 2
        assert browser.problems == []


def test_the_slider_moves_time(opened: Browser) -> None:
    state = "document.querySelector('#fabric-view output').textContent"
    before = opened.run(state)
    opened.run("(() => { const s = document.getElementById('fabric-time'); s.value = s.max; s.dispatchEvent(new Event('input')); })()")
    assert before == "0 to 0.5 s of 2 s" and opened.run(state) == "1.5 to 2 s of 2 s"
    assert opened.problems == []


def test_playing_runs_to_the_end_and_stops(opened: Browser) -> None:
    opened.run("document.querySelector('.play').click()")
    opened.wait("(() => { const s = document.getElementById('fabric-time'); return s.value === s.max; })()")
    opened.wait("document.querySelector('.play').textContent.includes('Play')")
    assert opened.problems == []


def test_a_port_tells_what_the_run_measured(opened: Browser) -> None:
    # In the run made up for this, New Vegas keeps 2,000 bytes in every port on a path, and each flow takes 0.4 of its link.
    opened.run(
        "(() => { const s = document.querySelector('[data-choice=scheme]'); s.selectedIndex = 1; s.dispatchEvent(new Event('change')); })()"
    )
    opened.wait("document.querySelector('#fabric-view figcaption').textContent.includes('under New Vegas')")
    name = opened.run("document.querySelector('.below td button').textContent")
    line = "document.querySelector(`.hit[data-port='${document.querySelector('.below td button').dataset.port}']`)"
    at = box(opened, line)
    opened.mouse("mouseMoved", at["x"] + at["w"] / 2, at["y"] + at["h"] / 2)
    (text,) = shown(opened)
    assert text.startswith(name) and "2 kB" in text
    assert opened.problems == []


def test_hover_reads_values_and_dragging_zooms(opened: Browser) -> None:
    svg = f"{CHART}.querySelector('.plot > svg')"
    at = box(opened, svg)
    y = at["y"] + at["h"] / 2
    opened.mouse("mouseMoved", at["x"] + at["w"] - 20, y)
    (text,) = shown(opened)
    assert text.startswith("time (s) 2") and "PPO" in text and "max-min" in text
    ticks = f"[...{CHART}.querySelectorAll('.plot > svg > text')].map((one) => one.textContent).join(' ')"
    whole = opened.run(ticks)
    for kind, part in (("mousePressed", 0.4), ("mouseMoved", 0.5), ("mouseMoved", 0.7), ("mouseReleased", 0.7)):
        opened.mouse(kind, at["x"] + at["w"] * part, y)
    assert opened.run(ticks) != whole
    opened.run(f"{CHART}.querySelector('[aria-label=\"Show all\"]').click()")
    assert opened.run(ticks) == whole
    assert opened.problems == []


def test_keys_read_values_aloud_and_zoom(opened: Browser) -> None:
    opened.run(f"{CHART}.querySelector('.plot > svg').focus()")
    ticks = f"[...{CHART}.querySelectorAll('.plot > svg > text')].map((one) => one.textContent).join(' ')"
    whole = opened.run(ticks)
    opened.key("ArrowRight")
    assert opened.run(f"{CHART}.querySelector('[aria-live]').textContent").startswith("time (s) 0.5: ")
    opened.key("+")
    assert opened.run(ticks) != whole
    opened.key("0")
    assert opened.run(ticks) == whole


def test_the_legend_hides_a_scheme(opened: Browser) -> None:
    lines = f"{CHART}.querySelectorAll('.plot .line').length"
    before = opened.run(lines)
    opened.run(f"{CHART}.querySelector('[aria-pressed]').click()")
    assert opened.run(lines) == before - 1
    assert opened.run(f"{CHART}.querySelector('[aria-pressed]').getAttribute('aria-pressed')") == "false"


def test_columns_sort_both_ways(opened: Browser) -> None:
    rewards = "[...document.querySelectorAll('#table-run-scores tbody tr')].map((row) => Number(row.cells[1].dataset.v))"
    names = "[...document.querySelectorAll('#table-run-scores tbody tr')].map((row) => row.cells[0].dataset.v)"
    goodput = "document.querySelectorAll('#table-run-scores th button')[2].click()"
    assert opened.run(names) == ["ppo", "new vegas", "max-min"]
    opened.run(goodput)
    assert opened.run(names) == ["ppo", "new vegas", "max-min"]
    opened.run(goodput)
    assert opened.run(names) == ["max-min", "new vegas", "ppo"]
    assert len(opened.run(rewards)) == 3


def test_the_numbers_of_a_figure_open_as_a_table(opened: Browser) -> None:
    opened.run("document.querySelector('[data-chart=run-reward] details').open = true")
    opened.wait("document.querySelectorAll('[data-chart=run-reward] details tbody tr').length === 3")
    first: list[Any] = opened.run(
        "[...document.querySelectorAll('[data-chart=run-reward] details tbody tr:first-child td')].map((one) => one.textContent)"
    )
    assert first[:2] == ["PPO", "6.5"]


def test_names_of_an_attacker_stay_text(tmp_path: Path) -> None:
    from tests.report.test_report import HOSTILE, hostile_run

    page = write_report(hostile_run(tmp_path / "run"))
    with Browser(tmp_path / "profile", 800, 600) as browser:
        browser.open(page)
        browser.wait(READY)
        assert HOSTILE in browser.run("document.querySelector('.notices').innerText")
        assert browser.run("window.attacked") is None and browser.problems == []
