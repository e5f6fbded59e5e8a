"""The parts of a running server that its routes share."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from litsweep.server.auth import Keyring, api_key
from litsweep.server.blobs import BlobStore
from litsweep.server.database import Database
from litsweep.server.live_sweep import LiveSweeps
from litsweep.server.settings import Settings
from litsweep.server.spent_tokens import SpentTokens


@dataclass(frozen=True)
class Backend:
    """The settings, the data, the key, the spent tokens and the live sweeps of one server."""

    settings: Settings
    database: Database
    blobs: BlobStore
    keyring: Keyring
    spent: SpentTokens
    sweeps: LiveSweeps

    @classmethod
    def open(cls, settings: Settings) -> "Backend":
        """Open the data of a server, or create them."""
        blobs = BlobStore(settings.blobs_dir)
        database = Database(settings.url)
        database.create_tables()
        keyring = Keyring(api_key(settings.data_dir))
        return cls(settings, database, blobs, keyring, SpentTokens(database), LiveSweeps())

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def backend_of(connection: HTTPConnection) -> Backend:
    """Return the backend that serves a request."""
    backend = connection.app.state.backend
    assert isinstance(backend, Backend)
    return backend
