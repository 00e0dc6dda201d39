"""Hostile policies: all valid, all under the guard, and what the worst of them does."""

from benchmarks.flows.guard import GUARD, hostile_policies, policies, scenarios
from iroko.envs.flow_trials import Trials
from iroko.policy.format import Policy
from iroko.scenario import Scenario
from tests.small_trials import ENDLESS


def test_there_are_two_hundred_policies_that_differ_and_twenty_scenarios() -> None:
    tested = policies()
    assert len(tested) == len({policy.to_bytes() for policy in tested}) == 200
    assert {policy.card.guard for policy in tested} == {GUARD}
    assert all(Policy.from_table(policy.to_table()) == policy for policy in tested)
    found = scenarios()
    assert len(found) == len({name for name, _ in found}) == 20


def test_an_idle_policy_is_held_up_by_the_guard() -> None:
    idle = hostile_policies()[1]
    reference, guarded = Trials(Scenario(), 2, 0).run(ENDLESS, ["dctcp", idle])
    assert guarded.delivered_bytes.sum() > 0.5 * reference.delivered_bytes.sum()
