"""Flags of several commands."""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from litsweep.errors import LitsweepError, reason_of

DEFAULT_PORT = 8765
HIGHEST_PORT = 65535


def default_data_dir() -> Path:
    """Return the default data folder."""
    return Path(os.environ.get("LITSWEEP_HOME") or "~/.litsweep")


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Add `--data-dir`."""
    parser.add_argument(
        "--data-dir",
        type=_named,
        default=str(default_data_dir()),
        help="data folder of the embedded backend (default: $LITSWEEP_HOME or ~/.litsweep)",
    )


def _named(text: str) -> Path:
    """Return a folder's path. Raises ArgumentTypeError for an empty text and for the ~ of an unknown user."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a folder")
    try:
        Path(text).expanduser()
    except RuntimeError:
        fix = "write the whole path"
        raise argparse.ArgumentTypeError(f"{text!r}: there is no such user's home; {fix}") from None
    return Path(text)


def data_dir_flags(data_dir: Path) -> list[str]:
    """Return the flags with which a further command uses the same data folder."""
    return [] if data_dir == default_data_dir() else ["--data-dir", str(data_dir)]


def add_sweep(parser: argparse.ArgumentParser) -> None:
    """Add the argument for a sweep's path."""
    parser.add_argument(
        "sweep",
        type=sweep_path,
        metavar="SWEEP",
        help="ENTITY/PROJECT/ID as `wandb sweep` printed it, or ID if it is unique",
    )


def page_path(text: str) -> str:
    """Return a path of a server, or the path in the address of a page there, which a user may have copied."""
    address = urlsplit(text.strip())
    return unquote(address.path) if address.scheme in ("http", "https") else text


def sweep_path(text: str) -> str:
    """Return a sweep's path, also of one of its pages: ENTITY/PROJECT/sweeps/ID, or a view below it."""
    path = page_path(text)
    match path.strip("/").split("/"):
        case [entity, project, "sweeps", sweep, *_]:
            return f"{entity}/{project}/{sweep}"
    return path


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    help = "also write the result to FILE as JSON; an earlier result there is replaced"
    parser.add_argument("--json", type=_result_file, metavar="FILE", help=help)


def _result_file(text: str) -> Path:
    """Return the path of a file for a result. Raises ArgumentTypeError for a file with something else."""
    path = writable(text)
    try:
        begin = _first_byte(path)
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: cannot be used ({reason_of(error)})") from None
    if begin not in (b"", b"{"):
        raise argparse.ArgumentTypeError(f"{text!r} exists and is not a result; name another file")
    return path


def _first_byte(path: Path) -> bytes:
    """Return the first byte of a file, or b"" if there is no such regular file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(1)


def writable(text: str) -> Path:
    """Return the path of an output file. Raises ArgumentTypeError for a folder, or one in none."""
    if not text:
        raise argparse.ArgumentTypeError("is empty; name a file")
    path = Path(text)
    try:
        if path.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file")
        if not path.absolute().parent.is_dir():
            raise argparse.ArgumentTypeError(f"{text!r} is in a folder that does not exist")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: cannot be used ({reason_of(error)})") from None
    return path


def write_json(path: Path | None, result: Mapping[str, object]) -> None:
    """Write `result` to `path`, unless that is None."""
    if path is None:
        return
    try:
        path.write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
    except OSError as error:
        raise LitsweepError(
            f"--json {path}: cannot be written ({error.strerror}); name another file"
        ) from error


def add_port(parser: argparse.ArgumentParser) -> None:
    """Add `--port`. Only its default, None, lets the server use a free port if DEFAULT_PORT is taken."""
    parser.add_argument(
        "--port", type=port,
        help=f"port of the embedded backend, 0 for a free one (default: {DEFAULT_PORT}, a free one if that "
        "is taken)",
    )  # fmt: skip


def show_other_port(asked: int | None, url: str) -> None:
    """Print on stderr which process holds the default port, if the server at `url` uses another one."""
    from litsweep.server.port_holder import port_holder

    used = urlsplit(url).port
    if asked is None and used != DEFAULT_PORT:
        holder = port_holder(DEFAULT_PORT)
        print(f"Port {DEFAULT_PORT} is taken by {holder}: the server listens on port {used}", file=sys.stderr)


def port(text: str) -> int:
    """Return a flag's value that must be a TCP port, or 0 for a free one."""
    if not text.isdigit() or int(text) > HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to {HIGHEST_PORT}, or 0 for a free one")
    return int(text)
