"""The bound: known answers for the shortest remaining size first."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.flows.srpt import srpt_slowdowns, srpt_waits_s
from iroko.flows import Flow
from tests.small_trials import FINITE


def test_the_shortest_goes_first_and_the_other_waits_for_it() -> None:
    # The longer one has sent 1 s when the shorter one comes, and has more left.
    waits_s = srpt_waits_s(np.array([0.0, 1.0]), np.array([5.0, 2.0]), [0, 1], [2, 2])
    assert waits_s.tolist() == [2.0, 0.0]


def test_nearly_done_is_not_interrupted() -> None:
    assert srpt_waits_s(np.array([0.0, 4.0]), np.array([5.0, 2.0]), [0, 1], [2, 2]).tolist() == [0.0, 1.0]


def test_flows_between_other_hosts_do_not_wait() -> None:
    assert srpt_waits_s(np.array([0.0, 0.0]), np.array([5.0, 2.0]), [0, 1], [2, 3]).tolist() == [0.0, 0.0]


def test_a_sender_serves_one_flow_at_a_time_and_a_free_receiver_takes_the_next() -> None:
    # 0 -> 3 is first; 0 -> 4 waits for it at its sender, while 1 -> 4 sends until the other has less left.
    waits_s = srpt_waits_s(np.zeros(3), np.array([1.0, 2.0, 3.5]), [0, 0, 1], [3, 4, 4])
    assert waits_s.tolist() == [0.0, 1.0, 2.0]


def test_a_flow_alone_has_a_slowdown_of_1_and_one_that_waits_as_long_as_it_takes_about_2() -> None:
    flows = (Flow("h0", "h2", 0.0, 10**6), Flow("h1", "h2", 0.0, 10**6 + 1))
    trial = replace(FINITE, flows=flows)
    assert srpt_slowdowns(trial) == pytest.approx([1, 2], rel=0.05)
    backwards = replace(FINITE, flows=flows[::-1])
    assert srpt_slowdowns(backwards).tolist() == srpt_slowdowns(trial).tolist()[::-1]
