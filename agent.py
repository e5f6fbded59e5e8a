"""The `program:` of a sweep: trains and tests one model with the given flags."""

import sys

from litsweep.pipeline import main

if __name__ == "__main__":
    sys.exit(main())
