"""What the person who starts the server decides."""

from dataclasses import dataclass
from pathlib import Path

USERNAME = "local"
"""The one user of every server."""


@dataclass(frozen=True)
class Settings:
    """Where the server keeps its data and where it listens.

    `port` 0 takes a free one, and so does a taken one unless `is_port_fixed`. Without `database_url` the
    database is a SQLite file in `data_dir`. A run is taken for crashed when neither it nor its agent gave a
    sign for `crash_after` seconds.
    """

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 0
    is_port_fixed: bool = True
    database_url: str | None = None
    default_entity: str = "local"
    crash_after: float = 300.0

    @property
    def url(self) -> str:
        """The database as an SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir / 'litsweep.db'}"

    @property
    def blobs_dir(self) -> Path:
        """The one folder that holds every uploaded file."""
        return self.data_dir / "blobs"
