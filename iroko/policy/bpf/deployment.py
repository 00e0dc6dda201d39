"""The learned control that is loaded on this machine: its policy, its flows, its counts and its decisions."""

import ctypes
import os
import struct
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from iroko.errors import UnsupportedError
from iroko.flows import LEARNED
from iroko.policy.bpf import objects
from iroko.policy.bpf.libbpf import call, call_for_pointer, library
from iroko.policy.bpf.records import CARD, COUNTS, FLOW, name_policy, policy_from_bytes
from iroko.policy.format import Policy
from iroko.policy.log import DECISION, Decisions
from iroko.policy.words import WORDS

CONTROL_PROGRAM, LIST_PROGRAM = "iroko_control", "iroko_list"
CARD_MAP, POLICIES_MAP, COUNTS_MAP, FLOWS_MAP, DECISIONS_MAP = (
    "iroko_card",
    "iroko_policies",
    "iroko_counts",
    "iroko_flows",
    "iroko_decisions",
)
_BPF_TRACE_ITER, _BPF_NOEXIST = 28, 1
_OPTIONS = struct.Struct("<QIIQII")  # struct bpf_link_create_opts, up to target_btf_id
_READ_BYTES = 1 << 16
_POLL_MS = 100
_SAMPLE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


@dataclass(frozen=True)
class Summary:
    """The loaded policy, and its counts since it was loaded.

    Attributes:
        policy: its name.
        age_s: time since it was loaded or its policy was set.
        pid: of the process that loaded it.
        opened, fallbacks: flows that began, and flows without ECN, which became `reno`.
        guarded: decisions whose window the guard moved.
    """

    policy: str
    age_s: float
    pid: int
    opened: int
    fallbacks: int
    decisions: int
    guarded: int
    timeouts: int


class Deployment:
    """The loaded control, by descriptors of its maps and programs; use `find`, and `close` it.

    Attributes:
        link: the number of its link in the kernel.
    """

    def __init__(self, link: int, program: int, maps: dict[str, int]) -> None:
        self.link, self.program, self.maps = link, program, maps

    @classmethod
    def find(cls) -> "Deployment | None":
        """Find the control that is loaded; None: there is none.

        Raises:
            UnsupportedError: this process may not see BPF programs.
        """
        for number in objects.numbers(objects.LINK):
            if (link := objects.open_number(objects.LINK, number)) is None:
                continue
            try:
                control = objects.link_map(link)
            finally:
                os.close(link)
            if control is not None and (found := cls._of_control(number, control)):
                return found
        return None

    @classmethod
    def _of_control(cls, link: int, control: int) -> "Deployment | None":
        """The deployment whose control's map has this number; None: it is another control's."""
        descriptor = objects.open_number(objects.MAP, control)
        if descriptor is None:
            return None
        try:
            info = objects.map_info(descriptor)
            if info.name != LEARNED:
                return None
            # In the value of such a map the kernel gives the numbers of the programs for the functions.
            value = objects.read_element(descriptor, 0, info.value_size) or b""
        finally:
            os.close(descriptor)
        return cls._of_programs(link, set(struct.unpack(f"<{len(value) // 4}I", value)))

    @classmethod
    def _of_programs(cls, link: int, candidates: set[int]) -> "Deployment | None":
        program = objects.find_program(objects.BPF_PROG_TYPE_STRUCT_OPS, CONTROL_PROGRAM, candidates)
        if program is None:
            return None
        opened = [objects.open_number(objects.MAP, one) for one in objects.program_info(program).map_numbers]
        return cls(link, program, {objects.map_info(one).name: one for one in opened if one is not None})

    @classmethod
    def expect(cls) -> "Deployment":
        """Find the control, as `find`.

        Raises:
            UnsupportedError: none is loaded.
        """
        if (found := cls.find()) is None:
            raise UnsupportedError("no policy is deployed on this machine: load one with `iroko deploy POLICY`")
        return found

    def close(self) -> None:
        """Close the descriptors; the control stays. Safe twice."""
        descriptors = list(self.maps.values()) + ([self.program] if self.program >= 0 else [])
        self.maps, self.program = {}, -1
        objects.close_all(descriptors)

    def __enter__(self) -> "Deployment":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _card(self) -> npt.NDArray[np.void]:
        return np.frombuffer(objects.read_element(self.maps[CARD_MAP], 0, CARD.itemsize) or b"", CARD).copy()

    def read_policy(self, number: int = 0) -> Policy | None:
        """The policy of a number; 0 serves all flows whose mark names none."""
        data = objects.read_element(self.maps[POLICIES_MAP], number, 4 * WORDS)
        return None if data is None else policy_from_bytes(data, self._card()["name"][0].decode(errors="replace") or "?")

    def policy_numbers(self) -> list[int]:
        """The numbers that have a policy."""
        return objects.element_keys(self.maps[POLICIES_MAP])

    def set_policy(self, policy: Policy) -> None:
        """Let running and new flows decide by this policy from their next round on."""
        objects.write_element(self.maps[POLICIES_MAP], 0, policy.to_bytes())
        card = self._card()
        name_policy(card, policy)
        objects.write_element(self.maps[CARD_MAP], 0, card.tobytes())

    def add_policy(self, number: int, policy: Policy) -> None:
        """Give flows with this mark (SO_MARK) a policy of their own.

        Raises:
            BpfError: the number is in use.
        """
        objects.write_element(self.maps[POLICIES_MAP], number, policy.to_bytes(), _BPF_NOEXIST)

    def remove_policy(self, number: int) -> None:
        """Undo `add_policy`."""
        objects.remove_element(self.maps[POLICIES_MAP], number)

    def read_summary(self) -> Summary:
        """Read the loaded policy's name and age, and the counts of all processors."""
        size = library().libbpf_num_possible_cpus() * COUNTS.itemsize
        rows = np.frombuffer(objects.read_element(self.maps[COUNTS_MAP], 0, size) or b"", COUNTS)
        card = self._card()[0]
        age_s = (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - int(card["loaded_ns"])) / 1e9
        counts = {name: int(rows[name].sum()) for name in ("opened", "fallbacks", "decisions", "guarded", "timeouts")}
        return Summary(card["name"].decode(errors="replace"), age_s, int(card["pid"]), **counts)

    def read_flows(self) -> npt.NDArray[np.void]:
        """The flows of the whole machine, in every namespace: rows of `FLOW`."""
        program = objects.find_program(objects.BPF_PROG_TYPE_TRACING, LIST_PROGRAM)
        if program is None:
            raise UnsupportedError(
                "the program that lists flows has gone: remove the control with `iroko deploy --remove`, and deploy again"
            )
        try:
            target = (ctypes.c_uint32 * 4)(self.maps[FLOWS_MAP])
            options = _OPTIONS.pack(_OPTIONS.size, 0, 0, ctypes.addressof(target), ctypes.sizeof(target), 0)
            link = call("list of flows", "bpf_link_create", program, 0, _BPF_TRACE_ITER, options)
        finally:
            os.close(program)
        try:
            reader = call("list of flows", "bpf_iter_create", link)
        finally:
            os.close(link)
        with open(reader, "rb", buffering=_READ_BYTES) as file:
            return np.frombuffer(file.read(), FLOW)

    def log_decisions(self, seconds: float) -> Decisions:
        """All decisions of the next seconds, rows of `iroko.policy.log.DECISION`; the kernel drops what exceeds its 4 MB."""
        parts: list[bytes] = []

        def take(_: int, data: int, size: int) -> int:
            parts.append(ctypes.string_at(data, size))
            return 0

        sample = _SAMPLE(take)  # kept while the kernel's rows are read
        buffer = call_for_pointer("log of decisions", "ring_buffer__new", self.maps[DECISIONS_MAP], sample, None, None)
        try:
            self._set_logging(True)
            try:
                end_s = time.monotonic() + seconds
                while time.monotonic() < end_s:
                    library().ring_buffer__poll(buffer, _POLL_MS)
            finally:
                self._set_logging(False)
            library().ring_buffer__poll(buffer, 0)
        finally:
            library().ring_buffer__free(buffer)
        return np.frombuffer(b"".join(parts), DECISION)

    def _set_logging(self, logging: bool) -> None:
        card = self._card()
        card["logging"] = logging
        objects.write_element(self.maps[CARD_MAP], 0, card.tobytes())
