"""Streams of random numbers: derived by purpose, never shared, always the same."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import iroko.envs.slots
import iroko.run.evaluate
from iroko import seeds
from iroko.agent import make_agent
from iroko.engines.addressing import first_port
from iroko.envs.environment import IrokoEnv
from iroko.envs.gym_vector import IrokoVectorEnv
from iroko.envs.vector import make_vector
from iroko.run.evaluate import evaluate
from iroko.scenario import Scenario
from iroko.seeds import Purpose
from tests.fake_engine import FakeEngine, fake_opener
from tests.test_architecture import ROOT, SOURCES, module_name

SCENARIO = Scenario(traffic="random", traffic_parameters={"start_spread_s": 0.4}, episode_s=0.5)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeEngine]:
    """The engines that are opened by name, which are test doubles."""
    engines: list[FakeEngine] = []
    for module in (iroko.envs.slots, iroko.run.evaluate):
        monkeypatch.setattr(module, "open_engine", fake_opener(engines))
    return engines


def words(sequence: np.random.SeedSequence) -> tuple[int, ...]:
    return tuple(sequence.generate_state(4).tolist())


def test_streams_of_different_seeds_purposes_and_numbers_never_collide() -> None:
    numbers = range(12)
    roots = [words(seeds.derive(seed, purpose, number)) for seed in range(12) for purpose in Purpose for number in numbers]
    roots += [words(seeds.derive(seed, purpose)) for seed in range(12) for purpose in Purpose]
    roots += [words(np.random.SeedSequence(seed)) for seed in range(12)]  # what reset(seed=...) begins from
    assert len(set(roots)) == len(roots) == 12 * len(Purpose) * 13 + 12


def test_no_episode_is_that_of_another_seed_purpose_or_environment() -> None:
    first_sections = [0, 2048, 4096]
    scored = [seeds.scored_episode_seed(seed, episode) for seed in range(50) for episode in range(50)]
    trained = [
        environment
        for seed, done in itertools.product(range(50), first_sections)
        for environment in seeds.environment_seeds(seeds.training_section_seed(seed, done), 16)
    ]
    vectors = [each for seed in range(50) for each in seeds.environment_seeds(seed, 16)]
    everything = [*scored, *trained, *vectors, *range(1000)]
    assert len(set(everything)) == len(everything)
    assert max(everything) < 1 << 63


def test_neighbouring_seeds_share_no_episode(opened: list[FakeEngine]) -> None:
    # The fault that was: with seed + episode, episode 1 of seed 1 was episode 0 of seed 2.
    agent = make_agent("static", SCENARIO, SCENARIO.make_topology())
    for seed in range(1, 6):
        evaluate(agent, SCENARIO, "guest", 2, seed)
    episodes = [(flows, seed) for engine in opened for flows, _, seed in engine.resets]
    assert len(episodes) == 10
    assert len({seed for _, seed in episodes}) == 10 and len({flows for flows, _ in episodes}) == 10


def test_environment_i_of_one_seed_is_not_environment_i_less_1_of_the_next(opened: list[FakeEngine]) -> None:
    drawn = []
    for seed in (1, 2, 3):
        vector = make_vector(SCENARIO, 3, engine="guest", seed=seed)
        vector.reset()
        vector.close()
        drawn.append([engine.resets[0][2] for engine in opened[-3:]])
        vector = make_vector(SCENARIO, 3, engine="guest", seed=0)
        vector.seed(seed)
        vector.reset()
        vector.close()
        assert [engine.resets[0][2] for engine in opened[-3:]] == drawn[-1]  # the constructor's seed and that of `seed` mean the same
    assert len({each for row in drawn for each in row}) == 9


def test_a_seed_of_a_gymnasium_vector_environment_means_the_same_when_made_and_when_reset() -> None:
    seeds_of = seeds.environment_seeds(5, 3)
    flows = []
    for own, given in ((seeds_of, None), ([0, 0, 0], 5), ([1, 1, 1], seeds_of)):
        env = IrokoVectorEnv([SCENARIO] * 3, own)
        env.reset(seed=given)
        flows.append([member.flows for member in env.core.members])
        env.close()
    assert flows[0] == flows[1] == flows[2]
    single = IrokoEnv(SCENARIO, engine=FakeEngine(SCENARIO.make_topology()))
    single.reset(seed=seeds_of[1])
    assert single.flows == flows[0][1]


def test_a_reset_with_a_seed_repeats_and_one_without_goes_on() -> None:
    # Gymnasium's semantics.
    engine = FakeEngine(SCENARIO.make_topology())
    env = IrokoEnv(SCENARIO, engine=engine, seed=4)
    for seed in (None, None, 4, None, None, 7):
        env.reset(seed=seed)
    episodes = [(flows, seed) for flows, _, seed in engine.resets]
    assert episodes[:2] == episodes[2:4]
    assert len({seed for _, seed in episodes}) == 4


def test_what_a_traffic_draws_changes_nothing_that_comes_after_it() -> None:
    engine_seeds = []
    for flows_per_host in (1, 5):
        engine = FakeEngine(SCENARIO.make_topology())
        env = IrokoEnv(Scenario(traffic="random", traffic_parameters={"flows_per_host": flows_per_host}), engine=engine, seed=1)
        env.reset()
        env.reset()
        engine_seeds.append([seed for _, _, seed in engine.resets])
    assert engine_seeds[0] == engine_seeds[1]


def test_the_state_of_a_flow_does_not_depend_on_those_behind_it() -> None:
    many = seeds.flow_states(9, 1000)
    assert np.array_equal(seeds.flow_states(9, 10), many[:10])
    assert len(set(many.tolist()) | set(seeds.flow_states(10, 1000).tolist())) > 1990  # of 31 bits: few are equal by chance
    assert many.min() >= 0 and many.max() < 1 << 31
    assert seeds.environment_seeds(9, 3) == seeds.environment_seeds(9, 5)[:3]


def test_port_numbers_of_neighbouring_episodes_are_not_neighbours() -> None:
    ports = [first_port(seed) for seed in range(1000)]
    assert min(ports) >= 10_000 and max(ports) < 30_000
    assert sum(after - before == 1 for before, after in itertools.pairwise(ports)) < 5


def test_the_derivation_is_pinned() -> None:
    # A change of any of these changes every result of every run: note it in the CHANGELOG and measure README and results/ anew.
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "SCORED_EPISODE": 1, "SCORING_ENGINE": 2, "TRAINING_SECTION": 3, "ENVIRONMENT": 4, "ENGINE": 5, "AGENT": 6, "LEARNER": 7,
        "TRAFFIC": 8, "TRANSPORT": 9, "PORT_NUMBERS": 10, "FLOW_STATE": 11, "TRIAL": 12, "PARITY_CASE": 13, "PARITY_ENGINE": 14,
        "BENCHMARK": 15, "JITTER": 16, "SEARCH": 18, "LEARNING_TRIALS": 19,
    }  # fmt: skip
    assert {
        "scored": seeds.scored_episode_seed(1, 0),
        "engine": seeds.scoring_engine_seed(1),
        "section": seeds.training_section_seed(1, 2048),
        "environments": seeds.environment_seeds(1, 2),
        "own engine": seeds.engine_seed(1),
        "learner": seeds.learner_seed(1, 2048),
        "transport": seeds.transport_seed(1),
        "port": seeds.port_offset(1, 20_000),
        "flows": seeds.flow_states(1, 3).tolist(),
        "parity": seeds.parity_engine_seed((1, 2, 3), 0),
    } == GOLDEN
    assert (seeds.traffic_generator(1).random(), seeds.agent_generator(1).random()) == pytest.approx(DRAWN, abs=1e-15)


GOLDEN: dict[str, object] = {
    "scored": 2327230056060148179,
    "engine": 637987770806161565,
    "section": 7361638705851912172,
    "environments": [2187734312110621572, 1256507448748955776],
    "own engine": 2946236235448961746,
    "learner": 1533865090,
    "transport": 1789717570968830922,
    "port": 388,
    "flows": [890310300, 863237789, 51026327],
    "parity": 6810015834233764200,
}
DRAWN = (0.019296234681773883, 0.5876989127681226)


def test_no_other_module_derives_or_seeds_a_stream() -> None:
    allowed = {"iroko.seeds"}
    words_of = ("default_rng", "SeedSequence", "RandomState", "random.seed", "random.Random", "seed + ", "seed+", "+ seed", "seed * ")
    found = {
        f"{module_name(path)}: {word}"
        for path in [*SOURCES, *(ROOT / "benchmarks").rglob("*.py")]
        if module_name(path) not in allowed
        for word in words_of
        if word in path.read_text(encoding="utf-8")
    }
    assert not found, "derive streams in iroko/seeds.py"


@pytest.mark.slow
def test_another_process_derives_the_same() -> None:
    code = "from iroko import seeds; print(seeds.scored_episode_seed(3, 4), seeds.environment_seeds(3, 4))"
    here = f"{seeds.scored_episode_seed(3, 4)} {seeds.environment_seeds(3, 4)}"
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert ran.stdout.strip() == here
