"""The name of the process that listens on a port, for messages."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

_LISTENS = "0A"
_LONGEST = 60


def port_holder(port: int) -> str:
    """Return the process that listens on a TCP port of this machine, or `another program` if unknown."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has exited, or belongs to another user
            if any(_target(file) in sockets for file in (process / "fd").iterdir()):
                return f"process {process.name} ({_command(process)})"
    return "another program"


def _target(file: Path) -> str:
    """Return what an open file is, or an empty text if it is closed by now, as the listing's own file is."""
    try:
        return str(file.readlink())
    except FileNotFoundError:
        return ""


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                words = line.split()
                if int(words[1].rpartition(":")[2], 16) == port and words[3] == _LISTENS:
                    yield words[9]


def _command(process: Path) -> str:
    words = (process / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    line = " ".join(shlex.join([Path(words[0]).name, *words[1:]]).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
