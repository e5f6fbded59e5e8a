"""The lines that a run streams: history, events (system metrics) and console log."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from litsweep.server.store.tables import stream_lines

HISTORY, EVENTS, LOG = "history", "events", "log"
_LINES = select(stream_lines.c.line, stream_lines.c.body, stream_lines.c.step)


@dataclass(frozen=True)
class Line:
    """One line, numbered from 0. `step` is W&B's `_step`, in history only."""

    number: int
    body: str
    step: int | None = None


def put(connection: Connection, run_id: int, stream: str, lines: Sequence[Line]) -> None:
    """Write lines at their numbers, over what is there: doing it twice is doing it once."""
    if not lines:
        return
    first, last = lines[0].number, lines[-1].number
    connection.execute(
        stream_lines.delete().where(_of(run_id, stream), stream_lines.c.line.between(first, last))
    )
    connection.execute(
        stream_lines.insert(),
        [
            {"run_id": run_id, "stream": stream, "line": x.number, "step": x.step, "body": x.body}
            for x in lines
        ],
    )


def read(
    connection: Connection, run_id: int, stream: str, start: int = 0, limit: int | None = None
) -> Sequence[Line]:
    """Lines from number `start` on, in order."""
    wanted = _LINES.where(_of(run_id, stream), stream_lines.c.line >= start)
    rows = connection.execute(wanted.order_by(stream_lines.c.line).limit(limit))
    return [Line(*row) for row in rows]


def tail(connection: Connection, run_id: int, stream: str, n: int) -> Sequence[Line]:
    """The last `n` lines, in order."""
    wanted = _LINES.where(_of(run_id, stream)).order_by(stream_lines.c.line.desc()).limit(n)
    return [Line(*row) for row in connection.execute(wanted)][::-1]


def by_step(connection: Connection, run_id: int, start: int, stop: int, limit: int | None) -> Sequence[Line]:
    """History rows with `start <= step < stop`, in order."""
    wanted = _LINES.where(_of(run_id, HISTORY), stream_lines.c.step >= start, stream_lines.c.step < stop)
    rows = connection.execute(wanted.order_by(stream_lines.c.step, stream_lines.c.line).limit(limit))
    return [Line(*row) for row in rows]


def count_to_step(connection: Connection, run_id: int, step: int) -> int:
    """The number of history rows up to a step."""
    wanted = select(func.count()).select_from(stream_lines)
    return connection.scalar(wanted.where(_of(run_id, HISTORY), stream_lines.c.step <= step)) or 0


def forget_from(connection: Connection, run_id: int, stream: str, start: int) -> None:
    """Drop the lines from number `start` on."""
    connection.execute(stream_lines.delete().where(_of(run_id, stream), stream_lines.c.line >= start))


def _of(run_id: int, stream: str) -> ColumnElement[bool]:
    return (stream_lines.c.run_id == run_id) & (stream_lines.c.stream == stream)
