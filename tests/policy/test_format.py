"""Files of policies: what is written is read again, and a bad file is one clear error."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from iroko.errors import InputError
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Card, Policy, read_policy, write_policy
from iroko.policy.words import WORDS
from tests.policy.states import random_policy


def test_a_policy_survives_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for kind in ("any", "extreme"):
        policy = random_policy(rng, kind)
        write_policy(policy, tmp_path / "policy.json")
        assert read_policy(tmp_path / "policy.json") == policy
    card = Card("named", "by hand, λ = 1", "0123abc", {"small_p99": 0.25}, 1536)
    policy = Policy(**{**vars(dctcp_like()), "card": card})
    write_policy(policy, tmp_path / "policy.json")
    assert read_policy(tmp_path / "policy.json").card == card


def test_words_and_bytes_are_the_structure_of_the_header() -> None:
    policy = dctcp_like()
    words = policy.to_words()
    assert words.shape == (WORDS,) and policy.to_bytes() == words.astype("<i4").tobytes() and len(policy.to_bytes()) == 544
    assert policy.to_bytes()[:4] == b"Irk0"
    assert hash(policy) == hash(Policy(**vars(policy)))


CHANGES: list[tuple[Any, str]] = [
    ({"format": "other"}, "format"),
    ({"version": 2}, "version=2: expected 1"),
    ({"version": True}, "version=True"),
    ({"step": 4097}, "step=4097: expected a whole number, 0 <= step <= 4096"),
    ({"step": 1.5}, "step=1.5"),
    ({"step": None}, "step=None"),
    ({"first_window": 10_241}, "first_window <= 10240"),
    ({"output_bias": 1 << 20}, "output_bias"),
    ({"output_bias": True}, "output_bias=True"),
    ({"hidden": [[0] * 10] * 9}, "expected 10 rows"),
    ({"hidden": [[0] * 10] * 9 + [[0] * 11]}, "hidden[9]"),
    ({"hidden_bias": [0] * 9 + ["0"]}, "hidden_bias='0'"),
    ({"skip": "0123456789"}, "skip='0123456789'"),
    ({"output": {}}, "output={}"),
    ({"speed": 1}, "unknown key 'speed'"),
    ({"card": []}, "card=[]"),
    ({"card": {"guard": 1023}}, "guard=1023: expected a whole number, 1024 <= guard"),
    ({"card": {"guard": 2.0}}, "guard=2.0"),
    ({"card": {"name": ""}}, "expected a name"),
    ({"card": {"name": "a\u001b[2Jb"}}, "expected one line"),
    ({"card": {"training": "x" * 2001}}, "training="),
    ({"card": {"scores": {"p99": float("inf")}}}, "finite"),
    ({"card": {"scores": [1]}}, "finite"),
    ({"card": {"features": ["marked_share"]}}, "features="),
    ({"card": {"extra": 1}}, "unknown key 'extra' of card"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES, ids=[said for _, said in CHANGES])
def test_a_bad_file_is_one_clear_error(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    table = dctcp_like().to_table()
    if isinstance(change.get("card"), dict):
        change = {"card": table["card"] | change["card"]}
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(table | change))
    with pytest.raises(InputError) as caught:
        read_policy(path)
    message = str(caught.value)
    assert str(path) in message and said in message and "\n" not in message and len(message) < 600


@pytest.mark.parametrize("missing", ["version", "card", "step", "hidden", "output_bias"])
def test_a_missing_key_is_named(missing: str, tmp_path: Path) -> None:
    table = dctcp_like().to_table()
    del table[missing]
    (tmp_path / "bad.json").write_text(json.dumps(table))
    with pytest.raises(InputError, match=missing):
        read_policy(tmp_path / "bad.json")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"null", b"[" * 50_000, b" " * 70_000, b'{"format": NaN}', b"1" * 5000],
                         ids=["empty", "list", "cut", "bytes", "null", "deep", "large", "nan", "digits"])  # fmt: skip
def test_what_is_no_policy_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match="policy"):
        read_policy(path)


def test_places_that_hold_no_file(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "none.json")
    for path in (tmp_path, tmp_path / "none.json", tmp_path / "link.json", Path("/dev/zero")):
        with pytest.raises(InputError, match="cannot be read"):
            read_policy(path)
