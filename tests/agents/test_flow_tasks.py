"""The trials that per-flow policies learn on."""

import numpy as np

from iroko.agents import _flow_tasks


def test_drawn_trials_follow_from_the_generator() -> None:
    first, again, other = (_flow_tasks.draw_trials(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again and first != other
    assert len(first) == _flow_tasks.NUM_TRIALS and sum(trial.endless for trial in first) == len(_flow_tasks.LONG)


def test_each_generation_has_a_lone_flow_and_some_that_share_a_long_link() -> None:
    for seed in range(5):
        fair, alone, few = _flow_tasks.draw_trials(np.random.default_rng(seed))[_flow_tasks.NUM_FINITE :]
        assert len(alone.flows) == 1 and len(few.flows) > 1 and len(fair.flows) > 1
        round_trip_s = 2 * 3 * few.topology.ports[0].delay_s
        assert 90e-6 <= round_trip_s <= 360e-6
