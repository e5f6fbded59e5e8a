"""The `program:` of every sweep: trains one model with the flags it is given."""

import sys

from litsweep.pipeline import main

if __name__ == "__main__":
    sys.exit(main())
