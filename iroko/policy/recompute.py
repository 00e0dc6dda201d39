"""Repeat a kernel's decisions by the plain reference."""

from collections.abc import Mapping

from iroko.policy.format import Policy
from iroko.policy.log import STATE_NAMES, Decisions
from iroko.policy.reference import Dctcp, FlowState


def find_differences(log: Decisions, policies: Mapping[int, Policy]) -> list[int]:
    """The positions of decisions in a log that the reference would not make: features, action, growth or window differ.

    Args:
        policies: by their numbers in the log.
    """
    different = []
    for position, row in enumerate(log):
        before = {name: int(row[name]) for name in STATE_NAMES}
        dctcp = Dctcp(before["dctcp_cwnd"])
        flow = FlowState(
            policies[int(row["policy"])], dctcp, before["window"], before["gain"], before["last_action"], before["alpha"],
            bool(before["congested"]), [before["rtt_us"]] if before["rtt_us"] else [], before["prior_rtt_us"], before["delivered_then"],
            before["marked_then"], before["lost_then"],
        )  # fmt: skip
        seen = flow.act(int(row["delivered"]), int(row["marked"]), int(row["lost"]), int(row["min_rtt_us"]))
        decided = [*seen.features(), flow.action, flow.gain, flow.bounded(flow.window, dctcp.cwnd)]
        if [*row["features"].tolist(), int(row["action"]), int(row["gain_after"]), int(row["window_after"])] != decided:
            different.append(position)
    return different
