"""Flags that several commands share."""

import argparse
import json
import os
from pathlib import Path

from litsweep.errors import LitsweepError

DEFAULT_PORT = 8765


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("LITSWEEP_HOME", "~/.litsweep")),
        help="where the embedded backend keeps its state (default: $LITSWEEP_HOME or ~/.litsweep)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result to FILE, as JSON")


def write_json(path: Path | None, result: dict[str, object]) -> None:
    """Write `result` where the person asked for it, if they did."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(result, indent=2, default=str) + "\n")
    except OSError as error:
        raise LitsweepError(
            f"--json {path}: cannot be written ({error.strerror}); name another file"
        ) from error


def positive(text: str) -> int:
    """A flag's value that must be a whole number above 0."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
