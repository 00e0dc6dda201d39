"""The trials that per-flow policies learn on."""

import numpy as np

from iroko.agents import _flow_tasks


def test_drawn_trials_follow_from_the_generator() -> None:
    first, again, other = (_flow_tasks.draw_trials(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again and first != other
    assert len(first) == _flow_tasks.NUM_TRIALS and sum(trial.endless for trial in first) == 2
