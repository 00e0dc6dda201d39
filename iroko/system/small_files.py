"""Reading small files that somebody else may have made: plain files only, of bounded size, and JSON of bounded depth."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from iroko.errors import InputError
from iroko.registry import printable

MAX_JSON_BYTES = 32_000_000
MAX_JSON_PARTS = 2_000_000
"""Lists and tables in one file, each of which takes much more memory than its two brackets."""


def read_bytes(path: Path, max_bytes: int, *, links: bool = True) -> bytes:
    """The content of a plain file.

    Args:
        links: whether the last part of the path may be a link.

    Raises:
        OSError: it cannot be read.
        ValueError: it is a pipe or device, or larger than `max_bytes`.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if links else os.O_NOFOLLOW)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is no plain file")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"is larger than {max_bytes:,} bytes")
    return content


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """What a file holds as JSON.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, too large, or nested too deep.
    """
    content = read_bytes(path, max_bytes, links=False)
    if content.count(b"[") + content.count(b"{") > MAX_JSON_PARTS:
        raise ValueError(f"holds more than {MAX_JSON_PARTS:,} lists and tables")
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError:
        raise ValueError("has lists or tables in each other too deep") from None


def unreadable(what: str, path: Path, error: Exception, remedy: str = "") -> InputError:
    """The error to raise for a file that `read_bytes` or `read_json` could not read."""
    reason = getattr(error, "strerror", None) or printable(" ".join(str(error).split()))[:160]
    return InputError(f"{what} {path} cannot be read: {reason}{f'; {remedy}' if remedy else ''}")
