"""Hand the learned control to the kernel, and keep it: by this process's descriptor, or by a file in the BPF file system."""

import contextlib
import errno
import os
from pathlib import Path

import numpy as np

from iroko.errors import UnsupportedError
from iroko.flows import LEARNED
from iroko.policy.bpf import objects
from iroko.policy.bpf.deployment import CARD_MAP, LIST_PROGRAM, POLICIES_MAP
from iroko.policy.bpf.libbpf import BpfError, Object, call, call_for_pointer, library
from iroko.policy.bpf.records import CARD, name_policy
from iroko.policy.bpf.support import choose_object, require_capabilities
from iroko.policy.format import Policy

FOLDER = Path(__file__).parent
BPF_FILES = Path("/sys/fs/bpf")
PINNED = BPF_FILES / "iroko"
"""Where the deployment is kept that no process holds."""
_BPF_STRUCT_OPS, _BPF_F_LINK = 44, 1 << 13
_AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")


class Loaded:
    """The learned control, in the kernel until `close` or the end of this process, unless `pin` was called.

    Raises:
        UnsupportedError: this kernel or process cannot load it, or there already is a control of this name.
    """

    def __init__(self, policy: Policy, program: Path | None = None) -> None:
        program = program or FOLDER / choose_object()
        require_capabilities()
        if LEARNED in _AVAILABLE.read_text().split():
            raise UnsupportedError(
                f"this kernel has a congestion control {LEARNED!r} already: change its policy with `iroko deploy --set POLICY`, or "
                "remove it with `iroko deploy --remove`"
            )
        self.link = -1
        self._object = Object(program)
        try:
            control = self._object.map(LEARNED)
            flags = library().bpf_map__map_flags(control) | _BPF_F_LINK
            call("flags of the control", "bpf_map__set_map_flags", control, flags)
            self._object.load()
            objects.write_element(self._object.map_descriptor(POLICIES_MAP), 0, policy.to_bytes())
            objects.write_element(self._object.map_descriptor(CARD_MAP), 0, _describe(policy))
            self.link = self._register(control)
        except BaseException:
            self._object.close()
            raise

    def _register(self, control: int) -> int:
        what = f"congestion control {LEARNED}"
        try:
            link = call(what, "bpf_link__fd", call_for_pointer(what, "bpf_map__attach_struct_ops", control))
            descriptor = call(what, "bpf_map__fd", control)
            # libbpf before 1.2 fills in the control, and leaves it to the caller to make the link.
            return call(what, "bpf_link_create", descriptor, 0, _BPF_STRUCT_OPS, None) if link == descriptor else link
        except BpfError as error:
            if error.number == errno.EEXIST:
                raise UnsupportedError(f"{what} is there already: see `iroko deploy --status`") from error
            raise

    def pin(self) -> None:
        """Keep the control after this process has ended, until `remove_pinned`.

        Raises:
            UnsupportedError: there is no BPF file system.
        """
        require_bpf_files()
        try:
            PINNED.mkdir(mode=0o700, exist_ok=True)
            call(f"{PINNED}/list", "bpf_obj_pin", self._object.program_descriptor(LIST_PROGRAM), os.fsencode(PINNED / "list"))
            call(f"{PINNED}/link", "bpf_obj_pin", self.link, os.fsencode(PINNED / "link"))
        except BaseException:
            remove_pinned()
            raise

    def close(self) -> None:
        """Remove the control, unless it is pinned; flows that run over it go on until they end. Safe twice."""
        if self.link >= 0:
            os.close(self.link)
        self.link = -1
        self._object.close()


def require_bpf_files() -> None:
    """Raise UnsupportedError where there is no BPF file system to pin to."""
    with open("/proc/self/mounts") as file:
        mounts = [line.split()[1:3] for line in file]
    if [str(BPF_FILES), "bpf"] not in mounts:
        raise UnsupportedError(f"{BPF_FILES} is not mounted: `mount -t bpf bpf {BPF_FILES}`, or keep the control with --hold")


def is_pinned() -> bool:
    """Whether the control is kept by a file rather than by a process."""
    return (PINNED / "link").exists()


def remove_pinned() -> bool:
    """Remove the pinned control; returns whether there was one."""
    there = False
    for name in ("link", "list"):
        with contextlib.suppress(FileNotFoundError):
            (PINNED / name).unlink()
            there = True
    with contextlib.suppress(OSError):
        PINNED.rmdir()
    return there


def _describe(policy: Policy) -> bytes:
    """The card of a deployment by this process."""
    card = np.zeros((), CARD)
    card["pid"] = os.getpid()
    name_policy(card, policy)
    return card.tobytes()
