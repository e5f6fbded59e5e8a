"""The embedded backend that runs on a data folder, on this machine. Importing this is cheap."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from litsweep.server.api_key import api_key
from litsweep.server.server_info import server_info

ANSWER_SECONDS = 5.0


@dataclass(frozen=True)
class ServerAddress:
    """A running embedded backend. `stays` is False if it ends with the last `litsweep run` that uses it."""

    url: str
    api_key: str
    stays: bool = True

    def page(self, path: str) -> str:
        """Return a link to a dashboard page that needs no key. It works once, for some minutes."""
        from litsweep.server.auth import Keyring
        from litsweep.server.dashboard.login import login_link

        return self.url + login_link(Keyring(self.api_key), path)

    def use(self) -> None:
        """Connect the stock client of this process and of its children to this server."""
        os.environ.update(self.environment())
        os.environ.pop("WANDB_IDENTITY_TOKEN_FILE", None)  # the client refuses it together with a key

    def environment(self) -> Mapping[str, str]:
        """Return the two variables that the stock client needs."""
        return {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.api_key}


def running_server(data_dir: Path) -> ServerAddress | None:
    """Return the server that runs on `data_dir`, or None."""
    info = server_info(data_dir)
    if info is None:
        return None
    server = ServerAddress(info.url, api_key(data_dir))
    return server if _accepts_key(server) else None


def _accepts_key(server: ServerAddress) -> bool:
    """Return False if no server answers, or if another server now has the port."""
    key = base64.b64encode(f"api:{server.api_key}".encode()).decode()
    headers = {"Authorization": f"Basic {key}", "Content-Type": "application/json"}
    query = json.dumps({"query": "{ serverInfo { __typename } }"}).encode()
    try:
        with urlopen(Request(f"{server.url}/graphql", query, headers), timeout=ANSWER_SECONDS):
            return True
    except (OSError, HTTPException, ValueError):  # ValueError: the file with the address is damaged
        return False
