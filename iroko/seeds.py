"""Every random stream of Iroko, derived from one seed by purpose.

A stream is numpy's `SeedSequence(seed, spawn_key=(purpose, ...))`: the purpose is a member of `Purpose`, and what follows it tells the
streams of one purpose apart (an episode, an environment, a number of steps). Two streams share no state when their seeds, purposes or
numbers differ, so episode 1 of seed 1 is not episode 0 of seed 2, and no agent trains on an episode on which it is scored.

    a run's seed ─┬─ SCORED_EPISODE, episode ──────────────── reset(seed=...) of that episode
                  ├─ SCORING_ENGINE ───────────────────────── entropy of the guest in which schemes are scored
                  ├─ TRAINING_SECTION, steps done ─┬───────── the vector environment of a section of a training
                  │                                ├─ ENVIRONMENT, index ── reset(seed=...) of one of its environments
                  │                                └─ LEARNING_TRIALS ───── the trials from which policies of flows learn
                  └─ AGENT | LEARNER, steps done | SEARCH ─── what an agent draws itself
    an environment's seed ─┬─ ENGINE ──────────────────────── entropy of its guest
                           └─ its generator `np_random` ───── one seed for each episode, and one for a successor
    an episode's seed ─┬─ TRAFFIC ─────────────────────────── its flows
                       └─ TRANSPORT ─┬─────────────────────── the seed that its engine gets
                                     ├─ PORT_NUMBERS ──────── the port number of its first flow
                                     ├─ JITTER, host ──────── the jitter of a host's UDP packets
                                     └─ FLOW_STATE ────────── the state of each flow's own generator in the simulator

Derived seeds are below 2^63. Golden values in `tests/test_seeds.py` pin the derivation: whoever changes it changes every result.
"""

from collections.abc import Sequence
from enum import IntEnum, unique

import numpy as np

from iroko.snapshot import Integers


@unique
class Purpose(IntEnum):
    """What a stream is for; the number is a part of its spawn key and never changes."""

    SCORED_EPISODE = 1
    SCORING_ENGINE = 2
    TRAINING_SECTION = 3
    ENVIRONMENT = 4
    ENGINE = 5
    AGENT = 6
    LEARNER = 7
    TRAFFIC = 8
    TRANSPORT = 9
    PORT_NUMBERS = 10
    FLOW_STATE = 11
    TRIAL = 12
    PARITY_CASE = 13
    PARITY_ENGINE = 14
    BENCHMARK = 15
    JITTER = 16
    SEARCH = 18
    LEARNING_TRIALS = 19


def derive(seed: int, purpose: Purpose, *numbers: int) -> np.random.SeedSequence:
    """The root of one stream.

    Args:
        seed: 0 to 2^64 - 1.
        numbers: 0 to 2^32 - 1 each, as many for every stream of a purpose.
    """
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *numbers))


def _seed(sequence: np.random.SeedSequence) -> int:
    return int(sequence.generate_state(1, np.uint64)[0]) >> 1


def scored_episode_seed(seed: int, episode: int) -> int:
    """The seed of an episode in which schemes are scored: equal for all schemes of a run."""
    return _seed(derive(seed, Purpose.SCORED_EPISODE, episode))


def scoring_engine_seed(seed: int) -> int:
    """The seed of the engine in which a scheme is scored."""
    return _seed(derive(seed, Purpose.SCORING_ENGINE))


def training_section_seed(seed: int, num_steps_done: int) -> int:
    """The seed of the vector environment of a training, which begins a new one after so many steps."""
    return _seed(derive(seed, Purpose.TRAINING_SECTION, num_steps_done))


def environment_seeds(seed: int, num_envs: int) -> list[int]:
    """The seed of each environment of a vector environment; the first ones do not depend on how many follow."""
    return [_seed(derive(seed, Purpose.ENVIRONMENT, index)) for index in range(num_envs)]


def engine_seed(seed: int) -> int:
    """The seed of the engine that an environment opens."""
    return _seed(derive(seed, Purpose.ENGINE))


def next_seed(rng: np.random.Generator) -> int:
    """The seed of the next episode of an environment, or of the environment that takes its place, from its generator `np_random`."""
    return int(rng.integers(1 << 63))


def traffic_generator(episode_seed: int) -> np.random.Generator:
    """The generator from which a pattern of traffic draws an episode's flows."""
    return np.random.default_rng(derive(episode_seed, Purpose.TRAFFIC))


def transport_seed(episode_seed: int) -> int:
    """The seed that an engine gets for an episode: whatever a transport or a routing draws there follows from it."""
    return _seed(derive(episode_seed, Purpose.TRANSPORT))


def port_offset(transport_seed: int, span: int) -> int:
    """An offset of an episode's port numbers, 0 to `span` - 1."""
    return _seed(derive(transport_seed, Purpose.PORT_NUMBERS)) % span


def jitter_seed(transport_seed: int, host: int) -> int:
    """The seed of the jitter of a host's UDP packets, 64 bits."""
    return int(derive(transport_seed, Purpose.JITTER, host).generate_state(1, np.uint64)[0])


def flow_states(transport_seed: int, num_flows: int) -> Integers:
    """The first states of the flows' own generators in the simulator, 31 bits each, shape `(num_flows,)`.

    The state of a flow does not depend on how many follow it.
    """
    return derive(transport_seed, Purpose.FLOW_STATE).generate_state(num_flows).astype(np.int64) >> 1


def agent_generator(seed: int) -> np.random.Generator:
    """The generator of an agent that draws its decisions."""
    return np.random.default_rng(derive(seed, Purpose.AGENT))


def learner_seed(seed: int, num_steps_done: int) -> int:
    """The seed of the global generators that a learner of Stable-Baselines3 draws from, 32 bits, for a section of its training."""
    return int(derive(seed, Purpose.LEARNER, num_steps_done).generate_state(1)[0])


def search_generator(seed: int) -> np.random.Generator:
    """The generator from which a search over policies draws its candidates."""
    return np.random.default_rng(derive(seed, Purpose.SEARCH))


def learning_trials_generator(section_seed: int) -> np.random.Generator:
    """The generator of the trials from which policies of flows learn in a section of a training."""
    return np.random.default_rng(derive(section_seed, Purpose.LEARNING_TRIALS))


def trial_generator() -> np.random.Generator:
    """The generator with which a scenario draws flows only to check itself."""
    return np.random.default_rng(derive(0, Purpose.TRIAL))


def parity_generator(case: Sequence[int], stream: int) -> np.random.Generator:
    """The generator of an episode of a parity case.

    Args:
        case: numbers that name the case and the episode.
        stream: tells apart what is fixed in all variants of the episode and what each variant draws.
    """
    return np.random.default_rng(derive(0, Purpose.PARITY_CASE, *case, stream))


def parity_engine_seed(case: Sequence[int], variant: int) -> int:
    """The seed that both engines get for a variant of an episode of a parity case."""
    return _seed(derive(0, Purpose.PARITY_ENGINE, *case, variant))


def benchmark_generator(seed: int) -> np.random.Generator:
    """The generator of a measurement of speed."""
    return np.random.default_rng(derive(seed, Purpose.BENCHMARK))
