"""The ingredients of a run: all that, beside its config, decides its bytes. None of it names a person, a machine or a place.

In the simulator and in the guest equal configs and equal ingredients give equal bytes; where bytes differ, an ingredient does.
"""

import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

from iroko.system.privileges import NUMERIC

SOURCES = ("iroko", "iroko/topologies", "iroko/traffic", "iroko/agents")
"""In a checkout the last three are links, which a search from the first does not follow."""
PACKAGES = (
    "cma", "gymnasium", "llvmlite", "matplotlib", "mininet", "networkx", "numba", "numpy", "pandas", "pyarrow", "sb3-contrib",
    "stable-baselines3", "torch",
)  # fmt: skip
_FEATURES = ("sse4_2", "avx", "fma", "f16c", "amx", "asimd", "sve")
"""What processors' features begin with that those libraries look at."""


def package_version(name: str) -> str | None:
    """The installed version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def packages() -> dict[str, str]:
    return {name: version for name in PACKAGES if (version := package_version(name))}


def hash_files(folder: Path, paths: Iterable[Path]) -> str:
    """A hash of the names, as from `folder` on, and the contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def sources_hash() -> str:
    """A hash of every file of Iroko's code, the user's own topologies, traffic and agents among them."""
    root = Path(__file__).resolve().parents[2]
    kinds = (".py", ".patch", ".config", ".json")
    return hash_files(root, {path for name in SOURCES for path in (root / name).rglob("*") if path.suffix in kinds and path.is_file()})


def processor() -> dict[str, str]:
    """Model, and the features that mathematical libraries choose their code by; empty where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return {"processor": platform.processor()} if platform.processor() else {}
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in reversed(lines))}
    features = (told.get("flags") or told.get("Features") or "").split()
    return {"processor": told.get("model name", ""), "features": " ".join(sorted(one for one in features if one.startswith(_FEATURES)))}


def machine() -> dict[str, str]:
    """System, kernel, C library and processor."""
    return {
        "system": platform.system(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()).strip(),
        "architecture": platform.machine(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        **processor(),
    }


def guest_kernel() -> dict[str, str]:
    """The built guest kernel, see `iroko.engines.guest.build.describe_kernel`; empty: none."""
    from iroko.engines.guest import describe_kernel, kernel_path
    from iroko.errors import UnsupportedError

    try:
        return describe_kernel(kernel_path())
    except (UnsupportedError, OSError):
        return {}


def variables() -> dict[str, str]:
    """Those of `NUMERIC` that are set."""
    return {name: os.environ[name] for name in NUMERIC if name in os.environ}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What differs between the ingredients of two runs, one line each."""
    return [
        f"{name}: {before.get(name, 'none')} there, {now.get(name, 'none')} here"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
