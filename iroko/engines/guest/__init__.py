"""The guest: a Linux kernel as an ordinary process, whose clock moves only when everything in it sleeps.

Public here: `GuestEngine`, the `guest` engine; its kernel (`kernel_path`, `describe_kernel`); and what it needs of its host, for the
doctor.
"""

from typing import TYPE_CHECKING

from iroko.engines.lazy import offer

if TYPE_CHECKING:
    from iroko.engines.guest.build import describe_kernel as describe_kernel
    from iroko.engines.guest.build import kernel_path as kernel_path
    from iroko.engines.guest.engine import GuestEngine as GuestEngine
    from iroko.engines.guest.host import GUEST_BYTES as GUEST_BYTES
    from iroko.engines.guest.host import has_nameless_memory as has_nameless_memory
    from iroko.engines.guest.host import raised_limits as raised_limits
    from iroko.engines.guest.host import why_unfit as why_unfit
    from iroko.engines.guest.landlock import landlock_version as landlock_version
    from iroko.engines.guest.syscalls import has_seccomp as has_seccomp

__getattr__ = offer(__name__, {
    "GuestEngine": "engine", "kernel_path": "build", "describe_kernel": "build", "GUEST_BYTES": "host", "has_nameless_memory": "host",
    "raised_limits": "host", "why_unfit": "host", "landlock_version": "landlock", "has_seccomp": "syscalls",
})  # fmt: skip
