"""The header, the simulator's twin and the plain reference agree bit for bit, and with what they gave when this was written."""

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import iroko.policy
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Card, Policy
from tests.policy.states import OUTPUTS, Integers, random_policy, random_rows, run_reference, run_twin

HEADER = Path(iroko.policy.__file__).parent
ROWS_C = Path(__file__).parent / "rows.c"
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler: expected cc, gcc or clang on the PATH")
GOLDEN = "c84af544d491d3d819bce6f8af895bc91b58756e2fa6f8ae1aa1e33548008362"
"""SHA-256 of the outputs for `golden_inputs`."""


def policies(rng: np.random.Generator) -> list[Policy]:
    """Built in, usual, as large as may be, and small."""
    return [dctcp_like(), *(random_policy(rng, kind) for kind in ("any", "small", "extreme") for _ in range(3))]


def compile_rows(folder: Path, *options: str) -> ctypes.CDLL:
    """Compile the header with the calls of `states.py`; a warning is an error."""
    library = folder / "rows.so"
    command = [
        str(COMPILER),
        "-O2",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-shared",
        "-fPIC",
        *options,
        f"-I{HEADER}",
        str(ROWS_C),
        "-o",
        str(library),
    ]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def run_header(library: ctypes.CDLL, policy: Policy, rows: Integers) -> Integers:
    out = np.zeros((len(rows), OUTPUTS), dtype=np.int64)
    data = policy.to_bytes()
    assert library.policy_bytes() == len(data)
    library.run_rows(data, rows.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(len(rows)), out.ctypes.data_as(ctypes.c_void_p))
    return out


def assert_same(got: Integers, expected: Integers, what: str) -> None:
    if (differ := np.argwhere(got != expected)).size:
        row, column = differ[0]
        raise AssertionError(
            f"{what}: {len(differ)} differ, first row {row}, output {column}: {got[row, column]} and {expected[row, column]}"
        )


@needs_compiler
def test_header_and_twin_agree_on_a_million_states(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    library = compile_rows(tmp_path)
    chosen = policies(rng)
    actions = set()
    for number, policy in enumerate(chosen):
        rows = random_rows(rng, 1_000_000 // len(chosen))
        expected = run_header(library, policy, rows)
        assert_same(run_twin(policy.to_words(), rows), expected, f"policy {number}, {policy.card.name}")
        actions |= set(expected[:, 13].tolist())
    assert len(actions) > 10_000  # not all of them clamp


@needs_compiler
@pytest.mark.parametrize("options", [("-O0",), ("-O3", "-fsanitize=undefined", "-fno-sanitize-recover=undefined")], ids=("O0", "undefined"))
def test_the_header_does_not_depend_on_the_compiler(tmp_path: Path, options: tuple[str, ...]) -> None:
    rng = np.random.default_rng(2)
    try:
        library = compile_rows(tmp_path, *options)
    except (subprocess.CalledProcessError, OSError):
        pytest.skip(f"{COMPILER} has no {options[-1]}")
    for policy in policies(rng):
        rows = random_rows(rng, 5_000)
        assert_same(run_header(library, policy, rows), run_twin(policy.to_words(), rows), policy.card.name)


def test_reference_and_twin_agree() -> None:
    """On 20,000 of the states: plain Python takes some 50 us for each."""
    rng = np.random.default_rng(3)
    for policy in policies(rng):
        rows = random_rows(rng, 2_000)
        assert_same(run_reference(policy, rows), run_twin(policy.to_words(), rows), policy.card.name)


class Sequence:
    """Numbers that no change of a generator of random numbers can change."""

    def __init__(self) -> None:
        self.state = 12345

    def draw(self, most: int) -> int:
        """A number from 0 to `most` - 1."""
        self.state = (self.state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % (1 << 64)
        return (self.state >> 33) % most


def golden_inputs() -> tuple[Policy, Integers]:
    """A policy with all weights in use, and 2,000 states."""
    sequence = Sequence()

    def row() -> tuple[int, ...]:
        return tuple(sequence.draw(1024) - 512 for _ in range(10))

    policy = Policy(row(), tuple(row() for _ in range(10)), row(), row(), -100, Card("golden"), step=700, first_window=9000)
    most = [1 << 26, 1 << 16, 1 << 17, 1025, 1 << 16, 1 << 16, 1, 1, 1, 2, 1 << 12, 1 << 12, 1 << 12, 1 << 12, 1 << 12,
            1 << 12, 1 << 8, 4, 1 << 16, 1 << 10, 1 << 12, 1 << 12]  # fmt: skip
    rows = np.array([[sequence.draw(limit) for limit in most] for _ in range(2_000)], dtype=np.int64)
    rows[:, [0, 10, 20]] += 1
    rows[:, [12, 21]] += 2
    rows[:, 2] -= 1 << 16
    return policy, rows


def test_golden_vectors() -> None:
    """For machines without a compiler: the twin gives what it gave where it was compared with the header."""
    policy, rows = golden_inputs()
    assert hashlib.sha256(run_twin(policy.to_words(), rows).tobytes()).hexdigest() == GOLDEN


@needs_compiler
def test_golden_vectors_are_the_headers(tmp_path: Path) -> None:
    policy, rows = golden_inputs()
    assert hashlib.sha256(run_header(compile_rows(tmp_path), policy, rows).tobytes()).hexdigest() == GOLDEN
