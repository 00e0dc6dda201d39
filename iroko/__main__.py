"""`python -m iroko COMMAND`: the program `iroko`, see `iroko.cli.program`."""

import sys

from iroko.cli.program import main

if __name__ == "__main__":
    sys.exit(main())
