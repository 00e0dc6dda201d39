"""Whether this kernel takes the learned control as BPF, and why not."""

import os
import platform
import sys

from iroko.errors import UnsupportedError
from iroko.policy.bpf.kernel_types import BTF_PATH, KernelTypes
from iroko.policy.bpf.libbpf import library

LEAST_VERSION = "6.4"
"""The first Linux with links for `struct_ops`, which end with the process that holds them."""
CAP_NET_ADMIN, CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 12, 21, 38, 39
JIT_PATH = "/proc/sys/net/core/bpf_jit_enable"
_CONTROL = "tcp_congestion_ops"
_SIGNATURES = {2: "before_6_10.bpf.o", 4: "from_6_10.bpf.o"}
"""The compiled program by the number of parameters of the kernel's `cong_control`."""


def choose_object() -> str:
    """The compiled program that fits this kernel.

    Raises:
        UnsupportedError: none does; the message has the reason, and the least version or another remedy.
    """
    if sys.platform != "linux":
        raise UnsupportedError(f"a congestion control can be deployed on Linux {LEAST_VERSION} or later, this is {platform.system()}")
    library()
    release = f"Linux {LEAST_VERSION} or later is needed, this is {platform.release()}"
    if not os.path.exists(BTF_PATH):
        raise UnsupportedError(f"this kernel does not describe its types (no {BTF_PATH}, CONFIG_DEBUG_INFO_BTF); {release}")
    with KernelTypes() as types:
        if not types.has_struct(f"bpf_struct_ops_{_CONTROL}"):
            raise UnsupportedError(f"this kernel takes no congestion control as BPF (CONFIG_BPF_JIT, CONFIG_BPF_SYSCALL); {release}")
        if not types.has_struct("bpf_struct_ops_link"):
            raise UnsupportedError(f"this kernel cannot tie a congestion control to a process by a link; {release}")
        parameters = types.num_parameters(_CONTROL, "cong_control")
    if parameters not in _SIGNATURES:
        raise UnsupportedError(f"cong_control has {parameters} parameters on Linux {platform.release()}: expected 2 or 4; update Iroko")
    if not _is_jit_on():
        raise UnsupportedError("the kernel compiles no BPF programs: switch it on with `sysctl net.core.bpf_jit_enable=1`")
    return _SIGNATURES[parameters]


def missing_capabilities() -> list[str]:
    """The capabilities that loading needs and this process lacks."""
    try:
        with open("/proc/self/status") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
    except OSError:
        return []
    held = int(status.get("CapEff", "0"), 16)
    if held >> CAP_SYS_ADMIN & 1:
        held |= 1 << CAP_BPF | 1 << CAP_PERFMON
    wanted = {"CAP_BPF": CAP_BPF, "CAP_PERFMON": CAP_PERFMON, "CAP_NET_ADMIN": CAP_NET_ADMIN}
    return [name for name, bit in wanted.items() if not held >> bit & 1]


def require_capabilities() -> None:
    """Raise UnsupportedError where this process may not load programs."""
    if missing := missing_capabilities():
        raise UnsupportedError(f"this process lacks {', '.join(missing)}: start it with sudo")


def _is_jit_on() -> bool:
    try:
        with open(JIT_PATH) as file:
            return file.read().strip() != "0"
    except OSError:
        return True  # only root may read it; loading would tell
