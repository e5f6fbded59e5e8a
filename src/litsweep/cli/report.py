"""`litsweep report`: one HTML file with the charts and tables of a sweep."""

import argparse
import os
from pathlib import Path

from litsweep.cli.options import add_data_dir, add_sweep, writable
from litsweep.cli.server_address import find_sweep
from litsweep.errors import LitsweepError, count
from litsweep.launch.variables import client_settings


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the command's flags."""
    add_sweep(parser)
    parser.add_argument(
        "-o",
        "--output",
        type=writable,
        default=Path("report.html"),
        metavar="FILE",
        help="the file; an earlier report there is replaced (default: report.html)",
    )
    add_data_dir(parser)
    parser.set_defaults(execute=execute)


def execute(args: argparse.Namespace) -> int:
    """Write the report. Return 0."""
    from litsweep.figures.report import report  # the report needs plotly, which takes a second
    from litsweep.figures.sources import read_sweep

    file: Path = args.output
    _check_replaceable(file)
    path = find_sweep(args)
    client_settings()
    sweep = read_sweep(path)
    size = _write(file.resolve(), report(sweep))
    runs = count(len(sweep.runs), "run")
    print(f"{file}: sweep {sweep.path} with {runs}, {size / 1e6:.1f} MB; open it in a browser")
    return 0


def _check_replaceable(file: Path) -> None:
    """Raise LitsweepError if there is a file that is not a report."""
    from litsweep.figures.report import is_report

    try:
        if file.exists() and not (file.is_file() and is_report(file)):
            raise LitsweepError(f"{file} exists and is not a report: name another file with -o, or remove it")
    except OSError as error:
        raise LitsweepError(
            f"{file}: cannot be read ({error.strerror}); name another file with -o"
        ) from error


def _write(file: Path, text: str) -> int:
    """Write a file at once, so that nobody sees a part of it. Return its size in bytes."""
    content = text.encode(errors="replace")
    part = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LitsweepError(f"{file}: cannot be written ({error.strerror}); name another file") from error
    return len(content)
