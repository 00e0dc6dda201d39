"""`python -m iroko.run`."""

import sys

from iroko.run.command import main

if __name__ == "__main__":
    sys.exit(main())
