"""The commands. Each is one module with `add_parser` (its flags) and a function that runs it."""

import os
import sys
from collections.abc import Sequence

from litsweep.errors import LitsweepError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 only when its work was done.

    A person's mistake gives one paragraph. Importing the commands takes a second, and Ctrl-C may come then.
    """
    try:
        from litsweep.cli.commands import execute

        status = execute(argv)
        sys.stdout.flush()  # here, where a reader that has gone is expected
        return status
    except LitsweepError as error:
        print(f"litsweep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        from litsweep.sweep.contract import ExitCode

        print("litsweep: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `litsweep status | head`: what is left unwritten goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
