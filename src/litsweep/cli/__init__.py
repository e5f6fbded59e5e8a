"""The commands. Each is a module whose `add_flags` adds the flags and sets the `execute` function."""

import sys
from collections.abc import Sequence

from litsweep.cli.streams import open_streams, output_failed
from litsweep.errors import LitsweepError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Return the exit code, which is 0 only if the command did its work.

    A user's mistake prints one paragraph. Ctrl-C is handled even during the imports.
    """
    open_streams()
    try:
        from litsweep.cli.commands import execute

        status = execute(argv)
        sys.stdout.flush()  # here, because the disk may be full, or the reader may have closed the pipe
        return status
    except LitsweepError as error:
        print(f"litsweep: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        from litsweep.sweep.contract import ExitCode

        print(f"litsweep: {str(interrupt) or 'interrupted'}", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except OSError as error:
        if what := output_failed(error):
            print(f"litsweep: {what}", file=sys.stderr)
        return 1
