"""What the engines' tests share."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from iroko.topology import Topology
from tests.engines.driver import Driver, Open, open_driver


@pytest.fixture(scope="module")
def drive(exact_engine: str) -> Iterator[Open]:
    """Opens an engine for a topology; the engines stay open for the module, so that equal topologies boot one guest."""
    with ExitStack() as stack:
        drivers: dict[Topology, Driver] = {}

        def get(topology: Topology) -> Driver:
            if topology not in drivers:
                drivers[topology] = stack.enter_context(contextmanager(open_driver)(exact_engine, topology))
            return drivers[topology]

        yield get
