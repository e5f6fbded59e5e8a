"""The address of the running server, in `server.json` of its data folder."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ServerInfo:
    """The address and process id of a running server, as in `server.json` of its data folder."""

    url: str
    pid: int


def server_info(data_dir: Path) -> ServerInfo | None:
    """Return the server that uses or last used `data_dir`, or None after a clean exit."""
    try:
        return ServerInfo(**json.loads((data_dir / "server.json").read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):  # the last two: a damaged file
        return None
