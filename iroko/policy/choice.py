"""How a scenario names its policy: a built-in one, or a file that stays the same."""

import dataclasses
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from iroko.errors import InputError
from iroko.flows import LEARNED, Flow
from iroko.policy.builtin import BUILTIN
from iroko.policy.format import MAX_FILE_BYTES, Policy, read_policy
from iroko.registry import show
from iroko.scenario import Scenario
from iroko.system.small_files import read_bytes, unreadable


def check_policy(name: Any, sha256: Any) -> str:
    """See that there is such a policy.

    Args:
        name: of a built-in policy, or the path of a file.
        sha256: of the file when the scenario was first made; empty: now.

    Returns:
        The SHA-256 of the file; empty: the policy is built in.

    Raises:
        InputError: there is none, it is no policy, or the file is another than it was.
    """
    if not isinstance(name, str) or not name:
        raise InputError(f"policy={show(name)}: expected the path of a policy's file, or one of {', '.join(BUILTIN)}")
    if not isinstance(sha256, str):
        raise InputError(f"policy_sha256={show(sha256)}: expected the SHA-256 of the policy's file, or ''")
    if name in BUILTIN:
        if sha256:
            raise InputError(f"policy_sha256={show(sha256)}: expected '', as policy {name} is built in")
        return ""
    try:
        digest = hashlib.sha256(read_bytes(_path(name), MAX_FILE_BYTES)).hexdigest()
    except (OSError, ValueError) as error:
        remedy = f"name a file, or a built-in policy: {', '.join(BUILTIN)}"
        raise unreadable("policy", Path(name), error, remedy) from error
    if sha256 and sha256 != digest:
        raise InputError(f"policy {name}: the file has changed, its SHA-256 is {digest}, expected {sha256}; restore it, or begin a new run")
    _read(name, digest)
    return digest


def load_policy(name: str, sha256: str = "") -> Policy:
    """The policy of a name that `check_policy` has checked.

    Raises:
        InputError: its file is at fault, or another than it was.
    """
    return BUILTIN[name]() if name in BUILTIN else _read(name, check_policy(name, sha256))


def with_policies(scenario: Scenario, flows: list[Flow]) -> list[Flow]:
    """The flows, each with the scenario's policy that runs over `iroko` and names none.

    Raises:
        InputError: as `load_policy`.
    """
    learned = [(flow.transport or scenario.transport) == LEARNED for flow in flows]
    if not any(learned):
        return flows
    policy = load_policy(scenario.policy, scenario.policy_sha256)
    return [
        dataclasses.replace(flow, policy=policy) if chosen and flow.policy is None else flow
        for flow, chosen in zip(flows, learned, strict=True)
    ]


@lru_cache(maxsize=16)
def _read(name: str, _digest: str) -> Policy:
    """Read a file once for each content: every episode asks for it."""
    return read_policy(_path(name))


def _path(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)
