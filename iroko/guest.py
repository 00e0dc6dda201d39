"""`python -m iroko.guest build` and `shell`: see `iroko.engines.guest.command`."""

import sys

from iroko.engines.guest.command import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    sys.exit(main())
