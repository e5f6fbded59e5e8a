"""The ready suggestions of each sweep. A restarted server uses them at once."""

from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection, ForeignKey, select

from litsweep.server.store.sweeps import sweeps
from litsweep.server.store.tables import PRIMARY_KEY, table


@dataclass(frozen=True, kw_only=True)
class ReadyRecord:
    """A row of `ready_suggestions`. `content` is a JSON list of `ReadySuggestion`s, each a list."""

    sweep_id: Annotated[int, ForeignKey(sweeps.c.id, ondelete="CASCADE"), PRIMARY_KEY]
    content: str


ready_suggestions = table("ready_suggestions", ReadyRecord)


def get(connection: Connection, sweep_id: int) -> str:
    """Return a sweep's ready suggestions as JSON."""
    wanted = select(ready_suggestions.c.content).where(ready_suggestions.c.sweep_id == sweep_id)
    return connection.scalar(wanted) or "[]"


def put(connection: Connection, sweep_id: int, content: str) -> None:
    """Replace a sweep's ready suggestions."""
    changed = ready_suggestions.update().where(ready_suggestions.c.sweep_id == sweep_id)
    if connection.execute(changed.values(content=content)).rowcount == 0:
        connection.execute(ready_suggestions.insert().values(sweep_id=sweep_id, content=content))
