"""The parts of a running server that its routes share."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from litsweep.errors import LitsweepError
from litsweep.server.api_key import api_key
from litsweep.server.auth import Keyring
from litsweep.server.blobs import BlobStore
from litsweep.server.data_dir import API_KEY, DATABASE, database_kind, database_kind_file
from litsweep.server.database import Database
from litsweep.server.liveness import Liveness
from litsweep.server.searches import Searches
from litsweep.server.settings import DATABASE_URL_VARIABLE, Settings
from litsweep.server.spent_tokens import SpentTokens
from litsweep.server.sqlite_file import RESTORE, require_content
from litsweep.server.store.changed_runs import continue_numbers


@dataclass(frozen=True)
class Backend:
    """The settings, the data, the key, the spent tokens, the searches and the liveness of the clients."""

    settings: Settings
    database: Database
    blobs: BlobStore
    keyring: Keyring
    spent: SpentTokens
    searches: Searches
    liveness: Liveness

    @classmethod
    def open(cls, settings: Settings) -> "Backend":
        """Open the data of a server, or create them. Raise LitsweepError if they cannot be used."""
        try:
            return cls._open(settings)
        except OSError as error:
            name = error.filename or settings.data_dir
            reason = f"cannot be used ({error.strerror}); make the data folder writable for this user"
            raise LitsweepError(f"{name}: {reason}, or name another --data-dir") from None

    @classmethod
    def _open(cls, settings: Settings) -> "Backend":
        if settings.database_url is None and (settings.data_dir / API_KEY).exists():  # the folder was used
            require_content(settings.data_dir / DATABASE)
        blobs = BlobStore(settings.blobs_dir)
        database = Database(settings.url)
        kind = _kind(settings, database)
        has_content = blobs.has_content()
        if has_content:
            _require_same_database(settings, kind)
        database.create_tables(may_be_new=not has_content)
        with database.read() as connection:
            continue_numbers(connection)
        if database_kind(settings.data_dir) != kind:
            database_kind_file(settings.data_dir).write_text(kind + "\n")
        keyring = Keyring(api_key(settings.data_dir), str(settings.data_dir.resolve()))
        return cls(settings, database, blobs, keyring, SpentTokens(database), Searches(database), Liveness())

    def close(self) -> None:
        """Close the database."""
        self.database.close()


def _kind(settings: Settings, database: Database) -> str:
    """Return the text of `database_kind_file`."""
    path = settings.sqlite_file
    if path is None or path.absolute() == (settings.data_dir / DATABASE).absolute():
        return database.kind
    return f"{database.kind} {path.absolute()}"


def _require_same_database(settings: Settings, kind: str) -> None:
    """Raise LitsweepError if the folder's files belong to another database, or theirs is missing.

    The garbage collector would delete all files that the database does not name.
    """
    known, file = database_kind(settings.data_dir), settings.sqlite_file
    if known not in (None, kind):
        raise LitsweepError(
            f"{settings.data_dir} has the files of another database ({known}), not of this one ({kind}): "
            f"give the database as before (--database-url, {DATABASE_URL_VARIABLE}), or another --data-dir; "
            f"if the database itself has moved, delete {database_kind_file(settings.data_dir)}"
        )
    if file is not None and not file.exists():
        raise LitsweepError(
            f"cannot use the database {file}: it is missing, but {settings.blobs_dir} has files of its runs: "
            f"put it back, or {RESTORE}"
        )


def backend_of(connection: HTTPConnection) -> Backend:
    """Return the backend that serves a request."""
    backend = connection.app.state.backend
    assert isinstance(backend, Backend)
    return backend
