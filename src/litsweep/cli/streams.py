"""Standard input, output and error of a command: closed, full, or in an encoding that lacks characters."""

import errno
import io
import os
import sys

from litsweep.errors import reason_of

_OF_WRITING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EBADF})


def open_streams() -> None:
    """Replace closed standard streams by the null device, and let no character stop the output."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # as after `>&-`; else the next file would be the standard output
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def output_failed(error: OSError) -> str:
    """Return what to say about an error: nothing if the reader of the standard output has closed the pipe.

    If the output cannot be written, drop the rest of it.
    """
    is_closed = isinstance(error, BrokenPipeError)  # `litsweep status | head`
    if not is_closed and error.errno not in _OF_WRITING:
        return reason_of(error)
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return "" if is_closed else f"cannot write the output ({reason_of(error)})"
