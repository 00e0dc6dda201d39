"""Flows as a file has them: between addresses, not yet between hosts of a fabric."""

import hashlib
import os
import stat
from typing import NamedTuple

from iroko.errors import InputError
from iroko.registry import show


class Record(NamedTuple):
    """One flow of a file.

    Attributes:
        source, destination: addresses, or names of hosts.
        start_s: from the start of the file's time.
        size_bytes: application bytes.
        place: where it stands in the file, for messages.
    """

    source: str
    destination: str
    start_s: float
    size_bytes: int
    place: str


MAX_FILE_BYTES = 20e9
Stamp = tuple[int, int, int]
"""What tells that a file is still the one that was read: its inode, size, and time of change in ns."""


def stamp(path: str) -> Stamp:
    """The stamp of a file.

    Raises:
        InputError: there is no such file.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError) as error:
        raise InputError(f"file={show(path)} of traffic replay: {getattr(error, 'strerror', None) or error}") from error
    # A pipe would have to be read twice.
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"file={show(path)} of traffic replay is no regular file: expected a capture (pcap, pcapng) or CSV")
    if found.st_size > MAX_FILE_BYTES:
        raise InputError(
            f"file={show(path)} of traffic replay has {found.st_size / 1e9:,.0f} GB: expected at most {MAX_FILE_BYTES / 1e9:g} GB; "
            "cut the capture, such as with editcap -s 128"
        )
    return found.st_ino, found.st_size, found.st_mtime_ns


def digest(path: str) -> str:
    """The SHA-256 of a file, read piece by piece.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"file={show(path)} of traffic replay: {error.strerror or error}") from error
