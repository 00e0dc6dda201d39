"""Where Iroko keeps on this machine what is costly to make: the guest kernel, the compiled simulator."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/iroko`, by default `~/.cache/iroko`; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "iroko"
