"""The learned policies of an episode's flows in the guest kernel, and its log of their decisions."""

import os
from collections.abc import Sequence

import numpy as np

from iroko.errors import UnsupportedError
from iroko.flows import LEARNED, Flow
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.log import DECISION, Decisions

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


def load_policies(policies: Sequence[Policy]) -> None:
    """Give the kernel the policies of an episode; it forgets the last one's, and all round-trip times.

    Raises:
        UnsupportedError: this kernel has no learned control.
    """
    try:
        descriptor = os.open(_POLICIES_PATH, os.O_WRONLY)
    except FileNotFoundError as error:
        raise UnsupportedError(f"this kernel has no transport {LEARNED!r}: use --engine guest or --engine sim") from error
    try:
        os.write(descriptor, b"".join(policy.to_bytes() for policy in policies))
    finally:
        os.close(descriptor)


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
