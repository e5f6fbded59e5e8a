"""The program `litsweep`."""

import contextlib
import os
import sys
from typing import NoReturn

from litsweep.cli import main


def run() -> NoReturn:
    """Run one command, and end the process at once after it.

    At the exit of Python, the client would wait for its service without a limit. The commands use it to read
    only, so nothing is lost. The service ends with the process.
    """
    try:
        status = main()
    except SystemExit as end:  # of the parser, or of SIGTERM
        status = end.code if isinstance(end.code, int) else bool(end.code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
