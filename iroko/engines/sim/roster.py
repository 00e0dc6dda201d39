"""Which transport and policy each flow of an episode has, and how they are written into a simulation's memory."""

import importlib
from collections.abc import Sequence
from pathlib import Path

from iroko.engines.sim import layout as w
from iroko.engines.sim.transports._common import Transport
from iroko.errors import InputError, UnsupportedError
from iroko.flows import UDP, Flow
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.words import RECORD, WORDS
from iroko.registry import check_name
from iroko.snapshot import Integers


def transport_names() -> list[str]:
    """The transports that the simulator has, `udp` first."""
    folder = Path(__file__).parent / "transports"
    found = sorted(path.stem for path in folder.glob("[!_]*.py"))
    return [UDP, *(name for name in found if name != UDP)]


def load_transport(name: str) -> Transport:
    """A transport by its name.

    Raises:
        UnsupportedError: there is none of this name.
    """
    try:
        check_name("transport of the sim engine", name, transport_names())
    except InputError as error:
        raise UnsupportedError(f"{error}; or use --engine guest, which has every one of Linux") from error
    found: Transport = importlib.import_module(f"iroko.engines.sim.transports.{name}").TRANSPORT
    return found


class Roster:
    """The transports and policies of an episode's flows.

    Attributes:
        transports, policies: each once; records of these sections.
        of_flows: the transport of each flow.
        num_pairs: pairs of hosts between which a flow with a policy runs.
    """

    def __init__(self, flows: Sequence[Flow], transport: str, policy: Policy | None = None) -> None:
        """Look the transports up.

        Args:
            transport, policy: of flows that name none; policy None: the built-in one.

        Raises:
            UnsupportedError: the simulator has no transport of a name.
        """
        names = dict.fromkeys([transport, *(flow.transport for flow in flows if flow.transport is not None)])
        numbers = {name: number for number, name in enumerate(names)}
        self.transports = [load_transport(name) for name in names]
        self._transport_of = [numbers[flow.transport or transport] for flow in flows]
        self.of_flows = [self.transports[number] for number in self._transport_of]
        policies: dict[Policy, int] = {}
        pairs: dict[tuple[str, str], int] = {}
        self._policy_of: list[tuple[int, int] | None] = []
        default = policy or dctcp_like()
        for flow, kind in zip(flows, self.of_flows, strict=True):
            if not kind.owns_window:
                self._policy_of.append(None)
                continue
            number = policies.setdefault(flow.policy or default, len(policies))
            self._policy_of.append((number, pairs.setdefault((flow.source, flow.destination), len(pairs))))
        self.policies = list(policies)
        self.num_pairs = len(pairs)

    def write(self, memory: Integers) -> None:
        """Write the sections of transports and policies; the least round-trip times begin as 0, none."""
        for number, transport in enumerate(self.transports):
            record = memory[int(memory[w.TRANSPORTS_AT]) + number * w.TRANSPORT_RECORD :][: w.TRANSPORT_RECORD]
            record[w.IS_UDP], record[w.OWNS_WINDOW] = transport.datagrams, transport.owns_window
            record[w.ECN] = w.ECT if transport.ecn else 0
            functions = (transport.begin, transport.acked, transport.grow, transport.reduce, transport.phase, transport.restart)
            record[w.ON_BEGIN : w.ON_RESTART + 1] = [function.address for function in functions]
        for number, policy in enumerate(self.policies):
            start = int(memory[w.POLICIES_AT]) + number * RECORD
            memory[start : start + WORDS] = policy.to_words()

    def write_flow(self, memory: Integers, number: int, record: Integers) -> None:
        """Write into the record of flow `number` where its transport, policy and pair of hosts are."""
        record[w.TRANSPORT] = self._transport_of[number] * w.TRANSPORT_RECORD
        if (found := self._policy_of[number]) is not None:
            own = int(memory[w.FLOWS_AT]) + number * w.FLOW
            record[w.POLICY] = int(memory[w.POLICIES_AT]) + found[0] * RECORD - own
            record[w.PAIR] = int(memory[w.PAIRS_AT]) + found[1] - own
