"""Policies as files: JSON of integers, and a card that describes the policy and its training.

    {"format": "iroko-policy", "version": 1,
     "card": {"name": ..., "features": [...], "training": ..., "commit": ..., "scores": {...}, "guard": 2048},
     "first_window": 10240, "step": 1024,
     "hidden_bias": [10 numbers], "hidden": [10 lists of 10], "output": [10], "skip": [10], "output_bias": 0}

Weights, biases, the guard's factor, the initial window and the step are integers in Q10: 1024 is 1. Reading a file runs no code of it.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from iroko.errors import InputError
from iroko.policy.words import FEATURE_NAMES, FEATURES, HIDDEN, MAGIC, VERSION, WORDS
from iroko.registry import show
from iroko.system.small_files import read_json, unreadable

FORMAT = "iroko-policy"
MAX_FILE_BYTES = 64_000
MAX_WEIGHT = 32_767
"""Of a weight or bias, Q10: 32."""
MIN_FIRST_WINDOW, MAX_FIRST_WINDOW = 2 * 1024, 10 * 1024
MAX_STEP = 4 * 1024
MIN_GUARD, MAX_GUARD = 1024, 64 * 1024
_MAX_TEXT = 2_000
_MAX_SCORES = 200
_KEYS = ("format", "version", "card", "first_window", "step", "hidden_bias", "hidden", "output", "skip", "output_bias")
_CARD_KEYS = ("name", "features", "training", "commit", "scores", "guard")

Row = tuple[int, ...]


@dataclass(frozen=True)
class Card:
    """The origin of a policy: name, features, training, scores.

    Attributes:
        name: what tables call it.
        training: how it was made, in words.
        commit: the commit of Iroko that made it; empty: unknown.
        scores: what it reached, by name; finite numbers.
        guard: factor in Q10 within which the policy's window stays around DCTCP's, 1 to 64; at 1 it is DCTCP.
    """

    name: str
    training: str = ""
    commit: str = ""
    scores: dict[str, float] = field(default_factory=dict, hash=False)
    guard: int = 2 * 1024

    def __post_init__(self) -> None:
        for key in ("name", "training", "commit"):
            text = getattr(self, key)
            if not isinstance(text, str) or len(text) > _MAX_TEXT or not text.isprintable():
                raise InputError(f"policy: {key}={show(text)}: expected one line of text, at most {_MAX_TEXT:,} characters")
        if not self.name:
            raise InputError("policy: name='': expected a name")
        _check_integer("guard", self.guard, MIN_GUARD, MAX_GUARD)
        good = isinstance(self.scores, dict) and len(self.scores) <= _MAX_SCORES
        if not good or not all(_is_score(key, value) for key, value in self.scores.items()):
            raise InputError(f"policy: scores={show(self.scores)}: expected at most {_MAX_SCORES} names, each with a finite number")


@dataclass(frozen=True)
class Policy:
    """A network 10-10-1 with ReLU and a skip connection, and how its action moves the window; integers in Q10.

    Attributes:
        hidden_bias: shape `(10,)`.
        hidden: shape `(10, 10)`, one row for each hidden unit.
        output: from the hidden units, shape `(10,)`.
        skip: from the features, shape `(10,)`.
        step: segments that a round adds to the window, 0 to 4.
        first_window: segments, 2 to 10.
        card: its description, with the guard factor.

    Raises:
        InputError: a value of another type or shape, or out of range.
    """

    hidden_bias: Row
    hidden: tuple[Row, ...]
    output: Row
    skip: Row
    output_bias: int
    card: Card
    step: int = 1024
    first_window: int = MAX_FIRST_WINDOW

    def __post_init__(self) -> None:
        if not isinstance(self.card, Card):
            raise InputError(f"policy: card={show(self.card)}: expected a Card")
        if not isinstance(self.hidden, (list, tuple)) or len(self.hidden) != HIDDEN:
            raise InputError(f"policy: hidden={show(self.hidden)}: expected {HIDDEN} rows")
        rows = tuple(_read_row(f"hidden[{number}]", row, FEATURES) for number, row in enumerate(self.hidden))
        object.__setattr__(self, "hidden", rows)
        for key, length in (("hidden_bias", HIDDEN), ("output", HIDDEN), ("skip", FEATURES)):
            object.__setattr__(self, key, _read_row(key, getattr(self, key), length))
        _check_integer("output_bias", self.output_bias, -MAX_WEIGHT, MAX_WEIGHT)
        _check_integer("step", self.step, 0, MAX_STEP)
        _check_integer("first_window", self.first_window, MIN_FIRST_WINDOW, MAX_FIRST_WINDOW)

    def to_words(self) -> npt.NDArray[np.int64]:
        """The members of `struct iroko_policy` in their order, shape `(136,)`."""
        flat = [weight for row in self.hidden for weight in row]
        words = np.array([MAGIC, VERSION, self.card.guard, self.first_window, self.step, *self.hidden_bias, *flat, *self.output, *self.skip,
                          self.output_bias], dtype=np.int64)  # fmt: skip
        assert len(words) == WORDS
        return words

    def to_bytes(self) -> bytes:
        """`struct iroko_policy` as it lies in the memory of a little-endian machine: 544 bytes."""
        return self.to_words().astype("<i4").tobytes()

    def to_table(self) -> dict[str, Any]:
        """What `write_policy` writes."""
        card = {"name": self.card.name, "features": list(FEATURE_NAMES), "training": self.card.training, "commit": self.card.commit,
                "scores": self.card.scores, "guard": self.card.guard}  # fmt: skip
        return {"format": FORMAT, "version": VERSION, "card": card, "first_window": self.first_window, "step": self.step,
                "hidden_bias": list(self.hidden_bias), "hidden": [list(row) for row in self.hidden], "output": list(self.output),
                "skip": list(self.skip), "output_bias": self.output_bias}  # fmt: skip

    @classmethod
    def from_table(cls, table: Any) -> "Policy":
        """Make a policy of what a file holds.

        Raises:
            InputError: it is no policy, of another version, or a value is out of range.
        """
        if not isinstance(table, dict) or table.get("format") != FORMAT:
            raise InputError(f'policy: expected a table with "format": "{FORMAT}"')
        version = table.get("version")
        if isinstance(version, bool) or version != VERSION:
            raise InputError(f"policy: version={show(version)}: expected {VERSION}, the only one that this Iroko reads")
        _check_keys("policy", table, _KEYS)
        card = table["card"]
        _check_keys("card", card, _CARD_KEYS)
        if card["features"] != list(FEATURE_NAMES):
            raise InputError(f"policy: features={show(card['features'])}: expected {', '.join(FEATURE_NAMES)}")
        known = {key: card[key] for key in _CARD_KEYS if key != "features"}
        return cls(**{key: table[key] for key in _KEYS[3:]}, card=Card(**known))


def read_policy(path: str | Path) -> Policy:
    """Read a policy from a file of at most 64 kB.

    Raises:
        InputError: it cannot be read, or is no policy; the message names the file and what is wrong.
    """
    path = Path(path)
    try:
        table = read_json(path, MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise unreadable("policy", path, error) from error
    try:
        return Policy.from_table(table)
    except InputError as error:
        raise InputError(f"policy {path}: {str(error).removeprefix('policy: ')}") from error


def write_policy(policy: Policy, path: str | Path) -> None:
    """Write a policy so that `read_policy` reads the same.

    Raises:
        OSError: the file cannot be written.
    """
    rows = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in policy.to_table().items()]
    Path(path).write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def _check_keys(what: str, table: Any, keys: tuple[str, ...]) -> None:
    if not isinstance(table, dict):
        raise InputError(f"policy: {what}={show(table)}: expected a table")
    if unknown := sorted(set(table) - set(keys)):
        raise InputError(f"policy: unknown key {show(unknown[0])} of {what}: expected {', '.join(keys)}")
    if missing := [key for key in keys if key not in table]:
        raise InputError(f"policy: {what} has no {missing[0]}: expected {', '.join(keys)}")


def _check_integer(key: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InputError(f"policy: {key}={show(value)}: expected a whole number, {least} <= {key} <= {most}")


def _read_row(key: str, row: Any, length: int) -> Row:
    if not isinstance(row, (list, tuple)) or len(row) != length:
        raise InputError(f"policy: {key}={show(row)}: expected {length} whole numbers")
    for value in row:
        _check_integer(key, value, -MAX_WEIGHT, MAX_WEIGHT)
    return tuple(row)


def _is_score(key: Any, value: Any) -> bool:
    named = isinstance(key, str) and 0 < len(key) <= _MAX_TEXT and key.isprintable()
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return named and number and abs(value) < math.inf
