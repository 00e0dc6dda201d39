"""The learned policies of an episode's flows in the kernel, and the guest kernel's log of their decisions."""

import os
from collections.abc import Sequence

import numpy as np

from iroko.errors import UnsupportedError
from iroko.flows import LEARNED, Flow
from iroko.policy.bpf.deployment import Deployment
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.log import DECISION, Decisions

_DEPLOYED_MARK, _MAX_PIDS, _MAX_DEPLOYED = 1 << 30, 1 << 22, 64
"""Marks of an episode's flows beside a deployed policy: each process has its own 64."""
_POLICIES_PATH, _DECISIONS_PATH = "/proc/iroko_policies", "/proc/iroko_decisions"


def number_policies(flows: Sequence[Flow], transport: str) -> tuple[list[Policy], list[int]]:
    """The policies of an episode, each once, and for each flow the number of its policy; 0 for a flow that has none.

    Args:
        transport: of flows that name none. A flow over `iroko` without a policy has the built-in one.
    """
    numbers: dict[Policy, int] = {}
    of_flows = []
    for flow in flows:
        learned = (flow.transport or transport) == LEARNED
        of_flows.append(numbers.setdefault(flow.policy or dctcp_like(), len(numbers)) if learned else 0)
    return list(numbers), of_flows


class EpisodePolicies:
    """An episode's policies in the kernel: in the guest's own list, or beside the one that `iroko deploy` has loaded."""

    def __init__(self) -> None:
        self.deployment: Deployment | None = None
        self.numbers: list[int] = []

    def load(self, policies: Sequence[Policy]) -> int:
        """Give the kernel the policies; it forgets the last episode's. Returns the number (SO_MARK) of the first, the others follow.

        Raises:
            UnsupportedError: this kernel has no learned control, or holds no more policies.
        """
        try:
            descriptor = os.open(_POLICIES_PATH, os.O_WRONLY)
        except FileNotFoundError:
            return self._add(policies)
        try:
            os.write(descriptor, b"".join(policy.to_bytes() for policy in policies))
        finally:
            os.close(descriptor)
        return 0

    def _add(self, policies: Sequence[Policy]) -> int:
        self.close()
        if len(policies) > _MAX_DEPLOYED:
            raise UnsupportedError(f"{len(policies)} policies in an episode: engine mininet holds {_MAX_DEPLOYED}; use --engine guest")
        self.deployment = Deployment.expect()
        first = _DEPLOYED_MARK | (os.getpid() % _MAX_PIDS) * _MAX_DEPLOYED
        for number, policy in enumerate(policies, first):
            self.deployment.remove_policy(number)  # an engine of the same process number may have been killed
            self.deployment.add_policy(number, policy)
            self.numbers.append(number)
        return first

    def close(self) -> None:
        """Remove what was added beside the deployed policy; safe twice."""
        if self.deployment:
            while self.numbers:
                self.deployment.remove_policy(self.numbers.pop())
            self.deployment.close()
        self.deployment = None


class DecisionLog:
    """The kernel's log, which it keeps from the first read on."""

    _ROWS = 4096

    def __init__(self) -> None:
        self.descriptor = -1

    def read(self) -> Decisions:
        """The decisions since this was last called, of the kernel's last 65,536; none the first time, and none where there is no log."""
        if self.descriptor < 0:
            try:
                self.descriptor = os.open(_DECISIONS_PATH, os.O_RDONLY)
            except FileNotFoundError:
                return np.zeros(0, DECISION)
        parts = []
        while part := os.read(self.descriptor, self._ROWS * DECISION.itemsize):
            parts.append(part)
        return np.frombuffer(b"".join(parts), DECISION)

    def close(self) -> None:
        """Close the log; safe twice."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
        self.descriptor = -1
