"""Optional dependencies: which extra of the distribution brings a module, and the one error for a module that is missing."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from iroko.errors import MissingExtraError

DISTRIBUTION = "iroko-net"
EXTRA_OF = {
    "torch": "train", "stable_baselines3": "train", "sb3_contrib": "train", "tensorboard": "train", "cma": "train", "pandas": "train",
    "pyarrow": "train", "matplotlib": "report", "jinja2": "report", "mininet": "kernel", "pettingzoo": "hosts", "ray": "ray",
}  # fmt: skip
"""For each optional module the extra that brings it; `report` brings pandas and pyarrow too."""


def explain_import(error: ImportError, what: str = "this") -> MissingExtraError | None:
    """Turn a failed import of an optional module into the error that names its extra; None: the module belongs to no extra.

    Args:
        what: what needs the module, for the message.
    """
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or module not in EXTRA_OF:
        return None
    return missing(module, what)


def missing(module: str, what: str = "this") -> MissingExtraError:
    """The error for an optional module that is not installed."""
    return MissingExtraError(f"{what} needs {module}: pip install '{DISTRIBUTION}[{EXTRA_OF[module]}]'", name=module)


@contextmanager
def naming_extras(what: str = "this") -> Iterator[None]:
    """Let a failed import of an optional module name the extra that brings it.

    Args:
        what: what needs the module, for the message.

    Raises:
        MissingExtraError: an optional module is not installed.
    """
    try:
        yield
    except ImportError as error:
        if (explained := explain_import(error, what)) is not None:
            raise explained from error
        raise


def require(what: str, *modules: str) -> None:
    """Check that optional modules are installed, without importing them.

    Raises:
        MissingExtraError: one is not.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise missing(module, what)
