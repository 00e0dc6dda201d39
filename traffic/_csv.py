"""Flows from a CSV file."""

import csv
import math
from collections.abc import Iterator
from typing import TextIO

from iroko.errors import InputError
from iroko.registry import check_name, show

from ._records import Record

COLUMNS = ("source", "destination", "start_s", "size_bytes")
MOST_LINE_CHARACTERS = 4096


def read_csv(path: str, max_flows: int) -> list[Record]:
    """Read the flows of a CSV file, in the order of its lines.

    The first line names the columns `source,destination,start_s,size_bytes`, in any order; each further line is a flow. Source
    and destination are names of hosts or any other text; `start_s` is in seconds from the start of the episode; `size_bytes` is
    a whole number from 1 up. Empty lines are skipped.

    Raises:
        InputError: the file is not such a file, or holds more flows; the message names the line and the value.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            return list(_records(path, file, max_flows))
    except OSError as error:
        raise InputError(f"file={show(path)} of traffic replay: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is neither a capture (pcap, pcapng) nor text in UTF-8: expected one of them, or CSV") from error
    except csv.Error as error:
        raise InputError(f"{path} is not CSV: {error}") from error


def _records(path: str, file: TextIO, max_flows: int) -> Iterator[Record]:
    rows = csv.reader(_lines(path, file), strict=True)
    heading = next(rows, None)
    if heading is None:
        raise InputError(f"{path} is empty: expected a first line {','.join(COLUMNS)}")
    names = [name.strip() for name in heading]
    for name in names:
        check_name(f"column in {path}, line 1,", name, COLUMNS)
    if sorted(names) != sorted(COLUMNS):
        raise InputError(f"{path}, line 1: columns {','.join(names)[:100]}: expected {','.join(COLUMNS)}, each once")
    count = 0
    for row in rows:
        if not row:
            continue
        place = f"{path}, line {rows.line_num}"
        if len(row) != len(names):
            raise InputError(f"{place}: {len(row)} values: expected {len(names)}, {','.join(names)}")
        count += 1
        if count > max_flows:
            raise InputError(f"{path} holds more than max_flows={max_flows} flows: raise max_flows, or cut the file")
        yield _record(place, dict(zip(names, (value.strip() for value in row), strict=True)))


def _record(place: str, values: dict[str, str]) -> Record:
    for key in ("source", "destination"):
        if not values[key]:
            raise InputError(f"{place}: {key} is empty: expected the name of a host, or an address")
    if values["source"] == values["destination"]:
        raise InputError(f"{place}: source and destination are both {show(values['source'])}: expected two different hosts")
    try:
        start_s = float(_digits(values["start_s"]))
    except ValueError:
        start_s = math.nan
    if not 0 <= start_s < math.inf:
        raise InputError(f"{place}: start_s={show(values['start_s'])}: expected seconds from the start of the episode, 0 or more")
    try:
        size_bytes = int(_digits(values["size_bytes"]))
    except ValueError:
        size_bytes = 0
    if not 1 <= size_bytes <= 1 << 50:
        raise InputError(f"{place}: size_bytes={show(values['size_bytes'])}: expected a whole number of bytes, 1 or more, at most 2^50")
    return Record(values["source"], values["destination"], start_s, size_bytes, place)


def _digits(text: str) -> str:
    """What Python's source allows in numbers no table means: 1_0 is not ten."""
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return text


def _lines(path: str, file: TextIO) -> Iterator[str]:
    """The lines of a file, none of which may fill the memory."""
    while line := file.readline(MOST_LINE_CHARACTERS):
        if len(line) == MOST_LINE_CHARACTERS and not line.endswith("\n"):
            raise InputError(f"{path} has a line of more than {MOST_LINE_CHARACTERS} characters: expected {','.join(COLUMNS)}")
        yield line
