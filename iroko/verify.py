"""`python -m iroko.verify FOLDER`: see `iroko.run.verification`."""

import sys

from iroko.run.verification import app, main

__all__ = ["app", "main"]

if __name__ == "__main__":
    sys.exit(main())
