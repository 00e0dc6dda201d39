"""The schemes that are compared: DCTCP, on whose network all run, the policy of the package, rivals, and further trainings."""

from pathlib import Path

from iroko.policy.builtin import SHIPPED
from iroko.policy.choice import load_policy
from iroko.policy.format import Policy, read_policy

REFERENCE = "dctcp"
RIVALS = ("nv", "cubic")
POLICIES = Path("results/flows/policies")
"""Policies of further trainings, a file each."""

Schemes = dict[str, Policy | str]


def find_schemes(policy: str = SHIPPED, folder: Path = POLICIES) -> Schemes:
    """Policy or transport of each scheme by its name, without the reference.

    Args:
        policy: a built-in policy's name, or a file; its scheme is `iroko`.
        folder: of further policies; their schemes are called as their files.
    """
    trained = {path.stem: read_policy(path) for path in sorted(folder.glob("*.json"))}
    return {"iroko": load_policy(policy), **{name: name for name in RIVALS}, **trained}
