"""Models as files without pickle: a card that says what the model fits, its weights, and to go on learning what it has seen."""

import io
import json
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from iroko.errors import InputError
from iroko.system.small_files import read_json
from iroko.system.tensors import read_tensors

CARD, WEIGHTS, REPLAY = "agent.json", "weights.pt", "replay.pt"
MAX_CARD_BYTES = 4_000_000
FORMAT = 3
"""Of the saved files; a change that older code cannot read raises it."""


def write_model(folder: Path, card: dict[str, Any], state: dict[str, Any], replay: dict[str, Any] | None) -> None:
    """Write the files; the card also tells Iroko's version."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).write_text(json.dumps(card | {"iroko": _iroko_version()}, indent=2) + "\n", encoding="utf-8")
    _save(state, folder / WEIGHTS)
    if replay is not None:
        _save(replay, folder / REPLAY)


def _save(state: dict[str, Any], path: Path) -> None:
    """By way of memory: torch says of a full disk that positions are unexpected, a file says that it is full."""
    content = io.BytesIO()
    torch.save(state, content)
    path.write_bytes(content.getbuffer())


def check_card(folder: Path, expected: dict[str, Any]) -> None:
    """Refuse a model that does not fit.

    Raises:
        InputError: the card cannot be read, or differs from what is expected; the message names the first difference.
    """
    card = _read_card(folder)
    for key, mine in expected.items():
        if card.get(key) != mine:
            found, wanted = _shorten(card.get(key)), _shorten(mine)
            raise InputError(f"model {folder} has {key}={found}, this run has {wanted}: score it with the scenario it was trained in")


def read_weights(folder: Path) -> io.BytesIO:
    """The weights as a file in memory that is safe to load; see `read_tensors`."""
    path = folder / WEIGHTS
    try:
        return read_tensors(path)
    except OSError as error:
        raise InputError(f"model {path}: {error.strerror or error}; give a folder that a run has written") from error
    except ValueError as error:
        raise broken_weights(folder, error) from error


def read_replay(folder: Path) -> io.BytesIO | None:
    """What the model has seen; None: that was not saved, or it does not learn from it."""
    path = folder / REPLAY
    try:
        return read_tensors(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"model {path} is broken ({reason}): remove the checkpoint to begin anew") from error


def broken_weights(folder: Path, error: Exception) -> InputError:
    """The error to raise for weights that were read, but hold something else than expected."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return InputError(f"model {folder / WEIGHTS} is broken ({reason[:100]}): train again")


def _read_card(folder: Path) -> dict[str, Any]:
    try:
        card = read_json(folder / CARD, MAX_CARD_BYTES)
    except OSError as error:
        raise InputError(f"model {folder / CARD}: {error.strerror or error}; give a folder that a run has written") from error
    except ValueError as error:
        raise InputError(f"model {folder / CARD} is not JSON: {error}") from error
    if not isinstance(card, dict):
        raise InputError(f"model {folder / CARD}: expected a JSON object")
    return card


def _shorten(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) > 8:
        return f"{value[0]!r} to {value[-1]!r} ({len(value)})"
    return repr(value)


def _iroko_version() -> str:
    try:
        return version("iroko")
    except PackageNotFoundError:
        return "not installed"
