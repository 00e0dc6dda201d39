import pytest

from iroko.envs.phase import CLOSED, HANDED_OVER, NEW, OVER, READY, STEPPING, expect_phase
from iroko.errors import ClosedError


@pytest.mark.parametrize(("phase", "remedy"), [
    (NEW, "call reset first"), (STEPPING, "call finish_step first"), (OVER, "call reset first"), (CLOSED, "make a new environment"),
    (HANDED_OVER, "step the vector environment"),
])  # fmt: skip
def test_a_call_in_the_wrong_phase_names_the_remedy(phase: str, remedy: str) -> None:
    with pytest.raises(ClosedError, match=f"^begin_step .*{remedy}"):
        expect_phase(phase, "begin_step", READY)


@pytest.mark.parametrize("phase", [NEW, READY])
def test_an_allowed_phase_passes(phase: str) -> None:
    expect_phase(phase, "reset", NEW, READY)
    with pytest.raises(ClosedError):
        expect_phase(phase, "finish_step", STEPPING)
