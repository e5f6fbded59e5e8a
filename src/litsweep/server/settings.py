"""The settings of a server, chosen at its start."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from litsweep.server.data_dir import BLOBS, DATABASE

DATABASE_URL_VARIABLE = "LITSWEEP_DATABASE_URL"
USERNAME = "local"
"""The one user of every server."""


_PASSWORD = re.compile(r"^((?:[^:/]*:?/+)?+[^:@]*:).*@|(password=)[^&]*")


def masked(database_url: str) -> str:
    """Return a database URL without its password, for messages. The URL may be a wrong one."""
    return _PASSWORD.sub(lambda found: f"{found[1]}***@" if found[1] else f"{found[2]}***", database_url)


@dataclass(frozen=True)
class Settings:
    """The data folder, the address and the log of a server.

    `port` 0 means a free port. If the port is taken and not `is_port_fixed`, the server takes a free one.
    Without `database_url` the database is a SQLite file in `data_dir`. A run counts as crashed after
    `crash_after` seconds without a sign from it or its agent. Clients may address the server by its host, the
    machine's names and addresses, and `allowed_hosts`. Without `log` it logs to stderr.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    is_port_fixed: bool = True
    database_url: str | None = field(default=None, repr=False)
    default_entity: str = "local"
    crash_after: float = 300.0
    allowed_hosts: tuple[str, ...] = ()
    log: Path | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / DATABASE}"

    @property
    def sqlite_file(self) -> Path | None:
        """The file of a SQLite database, or None for another database."""
        scheme, _, path = self.url.partition(":///")
        return Path(path) if scheme.startswith("sqlite") and path else None

    @property
    def blobs_dir(self) -> Path:
        """The folder of all uploaded files."""
        return self.data_dir / BLOBS
