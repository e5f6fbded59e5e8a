"""The commands. Each is a module whose `add_flags` adds the flags and sets the `execute` function."""

import os
import sys
from collections.abc import Sequence

from litsweep.errors import LitsweepError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return the exit code, which is 0 only if the command did its work.

    A user's mistake prints one paragraph. Ctrl-C is handled even during the imports.
    """
    try:
        from litsweep.cli.commands import execute

        status = execute(argv)
        sys.stdout.flush()  # here, because the reader may have closed the pipe
        return status
    except LitsweepError as error:
        print(f"litsweep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        from litsweep.sweep.contract import ExitCode

        print("litsweep: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `litsweep status | head`: drop the rest of the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
