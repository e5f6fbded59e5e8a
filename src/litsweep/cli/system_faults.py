"""Errors of the system, such as missing permissions, as messages for users."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from litsweep.errors import LitsweepError, reason_of


@contextmanager
def explained(args: argparse.Namespace) -> Iterator[None]:
    """Let an error with a file in the block be a LitsweepError: the file, the reason and the fix."""
    try:
        yield
    except OSError as error:
        if not isinstance(error.filename, str):
            raise
        raise LitsweepError(_text(Path(error.filename), reason_of(error), args)) from error


def _text(path: Path, reason: str, args: argparse.Namespace) -> str:
    data_dir: Path | None = getattr(args, "data_dir", None)
    folder = data_dir and data_dir.expanduser().absolute()
    if folder and path.absolute().is_relative_to(folder):
        where = "" if path.absolute() == folder else f"{path.name}: "
        fix = "name a folder that you can read and write"
        return f"--data-dir {data_dir}: cannot be used ({where}{reason}); {fix}"
    return f"{path}: cannot be used ({reason}); change that, or name another file or folder"
