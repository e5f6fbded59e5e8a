"""Spent tokens: used login links and ended sessions."""

from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection, String, select

from litsweep.server.store.tables import PRIMARY_KEY, table


@dataclass(frozen=True, kw_only=True)
class SpentToken:
    """A row of `spent_tokens`. After `expires_at` the token is not valid anyway."""

    token: Annotated[str, String(64), PRIMARY_KEY]
    expires_at: float


spent_tokens = table("spent_tokens", SpentToken)


def add(connection: Connection, token: str, expires_at: float) -> None:
    """Add a token that is not there yet."""
    connection.execute(spent_tokens.insert().values(token=token, expires_at=expires_at))


def delete_expired(connection: Connection, now: float) -> None:
    """Delete the tokens that have expired."""
    connection.execute(spent_tokens.delete().where(spent_tokens.c.expires_at < now))


def unexpired(connection: Connection, now: float) -> set[str]:
    """Return the tokens that have not expired."""
    query = select(spent_tokens.c.token).where(spent_tokens.c.expires_at >= now)
    return set(connection.scalars(query))
