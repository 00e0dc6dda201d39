"""What all tests share."""

import os

import pytest
from hypothesis import settings

from iroko.errors import UnsupportedError
from iroko.guest.build import kernel_path

# The same examples every time, and no deadline: a loaded machine is no failure.
settings.register_profile("iroko", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("iroko")


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


@pytest.fixture(params=[pytest.param("guest", marks=pytest.mark.guest), pytest.param("mininet", marks=pytest.mark.root)])
def engine_name(request: pytest.FixtureRequest) -> str:
    request.getfixturevalue({"guest": "guest_kernel", "mininet": "root"}[request.param])
    return str(request.param)
