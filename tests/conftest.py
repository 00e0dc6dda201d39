"""What all tests share."""

import os

import pytest
from hypothesis import settings

from iroko.engines.guest.build import kernel_path
from iroko.errors import UnsupportedError

# The same examples every time, and no deadline: a loaded machine is no failure.
settings.register_profile("iroko", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("iroko")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `soak` takes long and runs only when asked for: `pytest -m soak`, `make soak`."""
    if "soak" in (config.option.markexpr or ""):
        return
    left_out = [item for item in items if item.get_closest_marker("soak")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("soak")]


@pytest.fixture(scope="session")
def guest_kernel() -> None:
    """Skip, saying why, where no guest can run."""
    try:
        kernel_path()
    except UnsupportedError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def root() -> None:
    """Skip, saying why, where we may not make namespaces on the host."""
    if os.geteuid() != 0:
        pytest.skip("the mininet engine needs root")


@pytest.fixture(params=["sim", pytest.param("guest", marks=pytest.mark.guest), pytest.param("mininet", marks=pytest.mark.root)])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Each engine, for what holds on all of them."""
    if needs := {"guest": "guest_kernel", "mininet": "root"}.get(request.param):
        request.getfixturevalue(needs)
    return str(request.param)


@pytest.fixture(scope="module", params=["sim", pytest.param("guest", marks=pytest.mark.guest)])
def exact_engine(request: pytest.FixtureRequest) -> str:
    """The engines in virtual time, for what comes out by arithmetic."""
    if request.param == "guest":
        request.getfixturevalue("guest_kernel")
    return str(request.param)
