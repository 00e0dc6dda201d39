"""A page as one HTML file: escaped by Jinja, its data as JSON, its one script and one style sheet allowed by their hashes."""

import base64
import colorsys
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from iroko.report.page import Ink, Page

FOLDER = Path(__file__).parent / "page"
SCRIPTS = ("basics.js", "chart.js", "kinds.js", "gestures.js", "fabric.js", "page.js")
DARK_LIGHTNESS = 0.66
"""A scheme's colour is made at least this light on a dark page."""


def render(page: Page) -> str:
    """The file's text; equal pages give equal texts."""
    style = Markup("\n" + _read("style.css") + "".join(map(ink_rule, page.inks)))  # our own files, and checked colours  # nosec B704
    script = Markup('\n"use strict";\n(() => {\n' + "\n".join(map(_read, SCRIPTS)) + "})();\n")  # our own files  # nosec B704
    charts = {chart["name"]: chart for section in page.sections for chart in section.charts}
    data = {"charts": charts, "fabric": page.fabric, "inks": {ink.name: ink.spec for ink in page.inks}}
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            style=style,
            script=script,
            data=Markup(encode(data)),  # JSON in which no tag can begin  # nosec B704
            policy=policy(str(style), str(script)),
        )
    )


def policy(style: str, script: str) -> str:
    """The Content-Security-Policy: this style sheet and this script, by their hashes, and nothing else from anywhere."""
    own = f"script-src '{_digest(script)}'; style-src '{_digest(style)}'"
    return f"default-src 'none'; {own}; img-src data:; base-uri 'none'; form-action 'none'"


def encode(data: Any) -> str:
    """JSON that can stand in a script element: nothing in it can end the element or begin a comment.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(data, allow_nan=False, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def ink_rule(ink: Ink) -> str:
    """The style of a scheme's colour, on a light and on a dark page."""
    return (
        f".{ink.name} {{ --ink: {ink.look.color}; }}\n"
        f"@media (prefers-color-scheme: dark) {{ .{ink.name} {{ --ink: {dark_color(ink.look.color)}; }} }}\n"
    )


def dark_color(color: str) -> str:
    """The same hue, light enough for a dark page."""
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    if lightness < 0.1:  # a black has no hue to speak of
        return "#ece9e4"
    parts = colorsys.hls_to_rgb(hue, max(lightness, DARK_LIGHTNESS), min(saturation, 0.75))
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
