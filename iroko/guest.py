"""`python -m iroko.guest build` and `shell`: see `iroko.engines.guest.command`."""

import sys

from iroko.engines.guest.command import main

if __name__ == "__main__":
    sys.exit(main())
