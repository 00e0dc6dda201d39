"""The policies of the parity cases."""

from benchmarks.parity.cases import Case
from benchmarks.parity.policies import POLICIES
from iroko.policy.builtin import dctcp_like


def test_there_are_two_that_differ_and_flows_name_theirs() -> None:
    assert len(set(POLICIES.values())) == len(POLICIES) == 2
    assert POLICIES["iroko"] == dctcp_like() and POLICIES["iroko-delay"].card.guard == 4096
    for name, policy in POLICIES.items():
        case = Case("dumbbell-2", name, "10G")
        assert case.runs_over == "iroko" and {flow.policy for flow in case.plan(0).flows} == {policy}
