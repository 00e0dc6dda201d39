"""The trials that per-flow policies learn on."""

import numpy as np

from iroko.agents import _flow_tasks


def test_drawn_trials_follow_from_the_generator() -> None:
    first, again, other = (_flow_tasks.draw_trials(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again and first != other
    assert len(first) == _flow_tasks.NUM_TRIALS and sum(trial.endless for trial in first) == len(_flow_tasks.LONG)


def test_each_generation_has_a_lone_flow_and_some_that_share_a_long_link() -> None:
    for seed in range(5):
        trials = _flow_tasks.draw_trials(np.random.default_rng(seed))[_flow_tasks.NUM_FINITE :]
        *short, alone, few, more = trials
        assert len(alone.flows) == 1 < len(few.flows) < len(more.flows)
        assert [trial.topology.ports[0].rate_bps for trial in short] == [1e9, 1e10, 1e11]
        for trial in (alone, few, more):
            assert 90e-6 <= 2 * 3 * trial.topology.ports[0].delay_s <= 360e-6
