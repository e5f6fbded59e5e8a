"""Spent tokens: used login links and ended sessions. They stay invalid after a restart."""

import threading
import time

from litsweep.server.database import Database
from litsweep.server.store import tokens


class SpentTokens:
    """The spent tokens of a database. Memory holds them too, because each request of a session checks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        with database.read() as connection:
            self._tokens = tokens.unexpired(connection, time.time())

    def __contains__(self, token: object) -> bool:
        return token in self._tokens

    def spend(self, token: str, lifetime: float) -> bool:
        """Mark a token as spent, on disk. Return False if it was spent before.

        `lifetime` is the number of seconds for which a token is valid. It may be signed that far in the
        future, by a clock that was set back.
        """
        now = time.time()
        with self._lock:
            if token in self._tokens:
                return False
            with self._database.write() as connection:
                tokens.delete_expired(connection, now)
                tokens.add(connection, token, now + 2 * lifetime)
            self._tokens.add(token)
        return True
