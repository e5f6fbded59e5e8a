import sys

from litsweep.cli import main

sys.exit(main())
