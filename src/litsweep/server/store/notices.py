"""Notices: the events of sweeps as the server posts them to webhooks. Each is posted once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from sqlalchemy import Connection, ForeignKey, String, and_, or_, select

from litsweep.server import clock
from litsweep.server.store.sweeps import SweepRecord, SweepState, sweeps
from litsweep.server.store.tables import INDEX, Id, read_all, read_one, table
from litsweep.sweep.events import SweepEvent

MAX_ATTEMPTS = 4


@dataclass(frozen=True, kw_only=True)
class NoticeRecord:
    """A row of `notices`.

    `body` is the posted JSON. The notice of a stall or an end is open until the sweep continues. Meanwhile
    the same event makes no other notice. `error` says why the last attempt to post the notice failed.
    """

    id: Id
    sweep_id: Annotated[int, ForeignKey(sweeps.c.id, ondelete="CASCADE"), INDEX]
    event: Annotated[SweepEvent, String(16)]
    body: str
    created_at: float
    closed_at: float | None
    attempts: int = 0
    sent_at: float | None
    error: str | None


notices = table("notices", NoticeRecord)

ENDS = tuple(event for event in SweepEvent if event.is_end)
_OVER = [state for state in SweepState if state.is_over]


def candidates(connection: Connection) -> Sequence[SweepRecord]:
    """Return the sweeps that may have a webhook and an event without a notice."""
    announced = select(notices.c.id).where(
        notices.c.sweep_id == sweeps.c.id, notices.c.event.in_(ENDS), notices.c.closed_at.is_(None)
    )
    is_news = or_(sweeps.c.state.not_in(_OVER), ~announced.exists())
    return read_all(
        connection, select(sweeps).where(sweeps.c.config.contains("webhook"), is_news), SweepRecord
    )


def add(connection: Connection, sweep_id: int, event: SweepEvent, body: str) -> None:
    """Add a notice, to be sent."""
    connection.execute(
        notices.insert().values(sweep_id=sweep_id, event=event, body=body, created_at=clock.now())
    )


def find_open(connection: Connection, sweep_id: int, *events: SweepEvent) -> NoticeRecord | None:
    """Return the open notice of one of the events, or None."""
    wanted = and_(notices.c.sweep_id == sweep_id, notices.c.event.in_(events), notices.c.closed_at.is_(None))
    return read_one(connection, select(notices).where(wanted), NoticeRecord)


def last(connection: Connection, sweep_id: int, event: SweepEvent) -> NoticeRecord | None:
    """Return the newest notice of an event, or None."""
    wanted = select(notices).where(notices.c.sweep_id == sweep_id, notices.c.event == event)
    return read_one(connection, wanted.order_by(notices.c.id.desc()), NoticeRecord)


def unsent(connection: Connection) -> Sequence[NoticeRecord]:
    """Return the notices to send, the oldest first."""
    wanted = and_(notices.c.sent_at.is_(None), notices.c.attempts < MAX_ATTEMPTS)
    return read_all(connection, select(notices).where(wanted).order_by(notices.c.id), NoticeRecord)


def change(connection: Connection, notice_id: int, **values: object) -> None:
    """Write columns of a notice."""
    connection.execute(notices.update().where(notices.c.id == notice_id).values(values))


def failure(connection: Connection, sweep_id: int) -> str | None:
    """Return why the newest notice that the server tried to send was not sent; None if it was."""
    tried = or_(notices.c.sent_at.is_not(None), notices.c.error.is_not(None))
    wanted = select(notices).where(notices.c.sweep_id == sweep_id, tried).order_by(notices.c.id.desc())
    newest = read_one(connection, wanted, NoticeRecord)
    return newest.error if newest and newest.sent_at is None else None
