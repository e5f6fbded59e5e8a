"""The address of the running server, in `server.json` of its data folder."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from litsweep.server.data_dir import SERVER_INFO, usable


@dataclass(frozen=True)
class ServerInfo:
    """The address and process id of a running server, as in `server.json` of its data folder."""

    url: str
    pid: int


def server_info(data_dir: Path) -> ServerInfo | None:
    """Return the server that uses or last used `data_dir`, or None after a clean exit."""
    try:
        return ServerInfo(**json.loads((data_dir / SERVER_INFO).read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):  # the last two: a damaged file
        return None


@contextmanager
def announced(data_dir: Path, info: ServerInfo) -> Iterator[None]:
    """Write the file for the time of the block."""
    path = data_dir / SERVER_INFO
    temporary = path.with_suffix(".new")
    with usable(data_dir):
        temporary.write_text(json.dumps(asdict(info)) + "\n")
        temporary.rename(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
