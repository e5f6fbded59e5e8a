"""The commands. Each is a module with `add_parser`, which adds its flags and sets its `execute`."""

import os
import sys
from collections.abc import Sequence

from litsweep.errors import LitsweepError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return the exit code, which is 0 only if the command did its work.

    A user's mistake is reported in one paragraph. Ctrl-C is also handled during the imports, which take a
    second.
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
