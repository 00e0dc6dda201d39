"""The report's file: whole and alone, escaped, equal to the tables, the same bytes each time, and clear where something is missing."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iroko.analysis.scores import HEADINGS, score_schemes
from iroko.errors import InputError
from iroko.report import write_report
from iroko.report.__main__ import main
from iroko.report.render import encode
from iroko.report.tables import MEASURES
from iroko.rundir.config import make_config
from iroko.rundir.folder import RunFolder
from iroko.rundir.manifest import INCOMPLETE
from tests.fake_run import make_frames, make_run, make_run_config

HOSTILE = "</script><script>window.attacked=1</script><img src=x onerror='window.attacked=1'>\"&amp;"
VOID = {"meta", "link", "br", "img", "input", "hr", "line", "path", "circle", "rect"}


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in its order, no name is listed twice."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.open, self.ids = text, list[str](), list[str]()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {}
        self.tables: dict[str, list[list[tuple[str, dict[str, str | None]]]]] = {}
        self._table = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"
        assert len(set(self.ids)) == len(self.ids), "an id is listed twice"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        assert len(attributes) == len(attrs), f"<{tag}> has an attribute twice"
        self.elements.append((tag, attributes))
        if "id" in attributes:
            self.ids.append(str(attributes["id"]))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = str(attributes["id"])
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append(("", attributes))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.setdefault(self.open[-1] if self.open else "", []).append(data)
        if any(tag in self.open for tag in ("td", "th")) and "svg" not in self.open:
            row = self.tables[self._table][-1]
            row[-1] = (row[-1][0] + ("|" if self.open[-1] == "small" else "") + data.strip(), row[-1][1])

    @property
    def data(self) -> Any:
        (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', self.text, re.DOTALL)
        return json.loads(text)


def hostile_run(path: Path) -> Path:
    """A run of which every text that comes from outside tries to break out of the page."""
    make_run(path)
    manifest = json.loads((path / "manifest.json").read_text())
    manifest |= {"status": INCOMPLETE, "reason": HOSTILE, "commit": HOSTILE, "left_out": {HOSTILE: HOSTILE}, "warnings": [HOSTILE]}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return read(write_report(make_run(tmp_path_factory.mktemp("report") / "run", gain_in_training=0.5).path))


def test_the_page_is_sound_html_and_names_every_part(page: Page) -> None:
    assert page.text.startswith("<!DOCTYPE html>\n") and page.text.rstrip().endswith("</html>")
    addresses = {str(attributes["href"])[1:] for tag, attributes in page.elements if tag == "a" and str(attributes["href"]).startswith("#")}
    assert addresses <= set(page.ids) and {"results", "figures", "fabric", "settings", "files"} <= addresses
    for _, attributes in page.elements:
        for key in ("aria-labelledby", "for"):
            assert attributes.get(key) is None or attributes[key] in page.ids


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for tag, attributes in page.elements:
        assert "src" not in attributes and "srcset" not in attributes and "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        if "href" in attributes:
            assert re.match(r"(#|data:,$|\./|[\w.-]+(/|$))", str(attributes["href"])), attributes["href"]
    without_names = page.text.replace("http://www.w3.org/2000/svg", "")
    assert "://" not in without_names and "@import" not in without_names and "url(" not in without_names.replace("url(#", "")


def test_the_policy_allows_this_script_and_this_style_alone(page: Page) -> None:
    import base64
    import hashlib

    (policy,) = (attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv") == "Content-Security-Policy")
    parts = dict(part.split(" ", 1) for part in str(policy).split("; "))
    assert parts["default-src"] == "'none'" and "unsafe" not in str(policy)
    for tag in ("script", "style"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert parts[f"{tag}-src"] == f"'sha256-{digest}'"


def test_texts_from_outside_cannot_leave_their_place(tmp_path: Path) -> None:
    page = read(write_report(hostile_run(tmp_path / "run")))
    assert sum(tag == "script" for tag, _ in page.elements) == 2 and not [tag for tag, _ in page.elements if tag == "img"]
    assert sum(HOSTILE in text for text in page.words["p"]) == 3 and any(HOSTILE in text for text in page.words["dd"])


def test_data_in_the_page_cannot_end_its_element() -> None:
    data = {"name": "</script><!--", "other": "<script>&\u2028"}
    text = encode(data)
    assert not set("<>&\u2028") & set(text) and json.loads(text) == data
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode([float("nan")])


def test_the_table_has_the_numbers_of_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", gain_in_training=0.5)
    page = read(write_report(run.path))
    head, *rows = page.tables["table-run-scores"]
    assert [cell for cell, _ in head] == ["scheme", *(HEADINGS[name].replace("\n", " ") for name in MEASURES)]
    for row, score in zip(rows, score_schemes(run), strict=True):
        for (cell, attributes), name in zip(row[1:], MEASURES, strict=True):
            value = getattr(score, name)
            assert float(str(attributes["data-v"])) == value
            shown = float(cell.split("|")[0].replace(",", "").replace("\N{MINUS SIGN}", "-"))
            assert shown == pytest.approx(
                value / 1e3 if name.endswith("_bytes") else value, abs=0.0051 if name.endswith("_bytes") else 0.00051
            )
    ppo = dict(zip(MEASURES, (cell for cell, _ in rows[0][1:]), strict=True))
    assert ppo["goodput_share"] == "0.500" and ppo["queue_mean_bytes"] == "1.00" and ppo["reward"] == "6.500|± 7.071"


def test_the_figures_have_the_numbers_of_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", gain_in_training=0.5)
    charts = read(write_report(run.path)).data["charts"]
    for series, score in zip(charts["run-reward"]["series"], score_schemes(run), strict=True):
        assert series["value"] == pytest.approx(score.reward, rel=1e-5)
        assert series["high"] - series["value"] == pytest.approx(score.deviations["reward"], rel=1e-4)
        assert series["points"] == [1.5, 11.5]
    spots = {series["label"]: series for series in charts["run-tradeoff"]["series"]}
    assert spots["New Vegas"]["x"] == 2.0 and spots["New Vegas"]["y"] == 0.4
    both = {(series["label"], series.get("of")): series["value"] for series in charts["run-gap"]["series"]}
    assert both == {(name, of): value for name in ("PPO", "New Vegas") for of, value in (("simulator", 7.0), ("guest kernel", 6.5))}
    learning = {series["label"]: series for series in charts["run-learning"]["series"]}
    assert learning["PPO"]["x"] == [20, 40, 60] and learning["PPO"]["y"] == [-1, 0.5, 1] and learning["max-min"]["level"] == 6.5
    (queue,) = (series for series in charts["run-queue-time"]["series"] if series["label"] == "PPO")
    assert queue["x"] == [0.5, 1, 1.5, 2] and queue["y"] == [1, 1, 1, 1]


def test_the_title_names_scenario_and_schemes_and_reward_comes_first(page: Page) -> None:
    assert page.words["h1"] == ["dumbbell, pairs: PPO, New Vegas and max-min"] and "run run" in " ".join(page.words["p"])
    assert page.tables["table-run-scores"][0][1][0] == "reward per step"


def test_the_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", gain_in_training=0.5)
    first = write_report(run.path).read_bytes()
    assert write_report(run.path).read_bytes() == first
    assert not list(run.path.glob(".*part*"))


def test_a_run_without_learners_has_no_learning_curve(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", learning=False, agents=[], baselines=["nv", "maxmin"])
    page = read(write_report(run.path))
    assert "run-learning" not in page.data["charts"] and "run-gap" not in page.data["charts"] and "run-reward" in page.data["charts"]
    assert any("nothing was trained" in text for text in page.words["dd"])


def test_a_run_of_one_episode_shows_no_deviation(tmp_path: Path) -> None:
    page = read(write_report(make_run(tmp_path / "run", episodes=1).path))
    assert "±" not in page.text
    assert all(series["low"] is None for series in page.data["charts"]["run-reward"]["series"])


def test_an_unfinished_run_says_so_and_how_to_go_on(tmp_path: Path) -> None:
    config = make_run_config()
    folder = RunFolder(tmp_path / "run", config)
    folder.write_scores("ppo", *make_frames(config, "ppo"))
    folder.mark(INCOMPLETE, "stopped by Ctrl-C")
    folder.close()
    page = read(write_report(tmp_path / "run"))
    notices = " ".join(page.words["p"])
    assert "This run is not finished: stopped by Ctrl-C." in notices and f"--resume --out {tmp_path / 'run'}" in notices
    assert page.data["fabric"] is None and page.tables == {} and "scenario" in " ".join(page.words["h3"]).lower()


def test_a_folder_of_something_else_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"is no folder of a run or an experiment: it has neither config\.toml nor experiment\.toml"):
        write_report(tmp_path)
    assert main([str(tmp_path)]) == 2 and "is no folder of a run or an experiment" in capsys.readouterr().err


def test_the_command_writes_the_file_and_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    assert main([str(run.path)]) == 0 and str(run.path / "report.html") in capsys.readouterr().out
    assert (run.path / "report.html").stat().st_size < 300_000


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    (run.path / "report.html").mkdir()
    with pytest.raises(InputError, match=r"report\.html cannot be written: Is a directory"):
        write_report(run.path)


def test_finite_flows_have_their_slowdowns(tmp_path: Path) -> None:
    from iroko.analysis.completions import score_completions
    from iroko.rundir.manifest import COMPLETE
    from iroko.rundir.reader import read_run

    config = make_config({"topology": {"name": "dumbbell"}, "environment": {"interval_s": 0.5, "episode_s": 2},
                          "traffic": {"name": "pairs", "size_bytes": 20_000},
                          "run": {"engine": "guest", "agents": [], "baselines": ["nv", "maxmin"]}})  # fmt: skip
    folder = RunFolder(tmp_path / "run", config)
    for scheme, time_s in (("nv", 0.2), ("maxmin", np.nan)):
        steps, flows = make_frames(config, scheme)
        folder.write_scores(scheme, steps, flows.assign(completion_s=time_s).astype({"completion_s": "Float64"}))
    folder.join_scores()
    folder.mark(COMPLETE)
    folder.close()
    scores = score_completions(read_run(tmp_path / "run"))
    page = read(write_report(tmp_path / "run"))
    _, *rows = page.tables["table-run-completions"]
    assert float(str(rows[0][2][1]["data-v"])) == pytest.approx(next(one for one in scores[0].classes if one.flows).slowdown[0])
    assert rows[2][2][0] == "∞" and rows[2][2][1]["data-v"] == "Infinity" and rows[2][-1][0] == "4"
    nv, maxmin = page.data["charts"]["run-slowdown-50"]["series"]
    assert nv["y"][0] > 1 and maxmin["y"] == [None]
