"""How switches choose among equal paths: settings of Linux's multipath hash (`Documentation/networking/ip-sysctl.rst`).

Policy 1 would reuse the hash that the sender's socket left in the packet, which virtual Ethernet carries along: all switches of a path
would choose alike. Policy 3 hashes the chosen fields anew, and from Linux 6.11 on with a seed that each namespace sets for itself.
"""

import os
from enum import IntFlag

from iroko.engines.addressing import multipath_seed

_SEED = "ipv4/fib_multipath_hash_seed"
_FIELDS = "ipv4/fib_multipath_hash_fields"
_POLICY = "ipv4/fib_multipath_hash_policy"
_L4, _CUSTOM = "1", "3"


class _Field(IntFlag):
    """`FIB_MULTIPATH_HASH_FIELD_*` of `net/ip_fib.h`."""

    SRC_IP = 1
    DST_IP = 2
    IP_PROTO = 4
    SRC_PORT = 16
    DST_PORT = 32


_HASHED = _Field.SRC_IP | _Field.DST_IP | _Field.IP_PROTO | _Field.SRC_PORT | _Field.DST_PORT


def _has(setting: str) -> bool:
    return os.path.exists(f"/proc/sys/net/{setting}")


def multipath_settings(switch: str) -> dict[str, str]:
    """The sysctls below `/proc/sys/net` of a switch with equal paths, as far as this kernel has them."""
    if not _has(_FIELDS):
        return {_POLICY: _L4}
    settings = {_FIELDS: str(int(_HASHED)), _POLICY: _CUSTOM}
    return settings | {_SEED: str(multipath_seed(switch))} if _has(_SEED) else settings


def describe_multipath() -> dict[str, str]:
    """For the manifest: that flows take other paths than in the simulator under `ecmp`, where this kernel lacks a seed for each switch."""
    return {} if _has(_SEED) else {"multipath": "no seed per switch before Linux 6.11: under ecmp, switches of a path choose alike"}
