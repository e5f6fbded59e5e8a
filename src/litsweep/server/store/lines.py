"""The lines of a run's streams: history, events (system metrics) and console log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Select,
    String,
    func,
    select,
    text,
)

from litsweep.server.store.runs import runs
from litsweep.server.store.tables import PRIMARY_KEY, batches, table

HISTORY, EVENTS, LOG = "history", "events", "log"


class _StreamLine:
    """A row of `stream_lines`: a line of wandb-history.jsonl, wandb-events.jsonl or output.log."""

    run_id: Annotated[int, ForeignKey(runs.c.id, ondelete="CASCADE"), PRIMARY_KEY]
    stream: Annotated[str, String(8), PRIMARY_KEY]
    line: Annotated[int, PRIMARY_KEY]
    step: Annotated[int | None, BigInteger()]
    body: str


stream_lines = table("stream_lines", _StreamLine, sqlite_with_rowid=False)
Index("stream_lines_by_step", stream_lines.c.run_id, stream_lines.c.stream, stream_lines.c.step)

_PUT = text(
    "INSERT INTO stream_lines (run_id, stream, line, step, body) "
    "VALUES (:run_id, :stream, :line, :step, :body) "
    "ON CONFLICT (run_id, stream, line) DO UPDATE SET step = excluded.step, body = excluded.body"
)
_LINES = select(stream_lines.c.line, stream_lines.c.body, stream_lines.c.step)


@dataclass(frozen=True)
class Line:
    """One line of a stream. Numbers start at 0. `step` is W&B's `_step`, for history lines only."""

    number: int
    body: str
    step: int | None = None


def put(connection: Connection, run_id: int, stream: str, lines: Sequence[Line]) -> None:
    """Write lines, over existing lines with the same numbers. Writing twice changes nothing."""
    put_all(connection, [(run_id, stream, line) for line in lines])


def put_all(connection: Connection, sent: Sequence[tuple[int, str, Line]]) -> None:
    """Write lines of several runs: for each one its run's id, its stream and the line. See `put`."""
    rows = [
        {"run_id": run_id, "stream": stream, "line": line.number, "step": line.step, "body": line.body}
        for run_id, stream, line in sent
    ]
    if rows:
        connection.execute(_PUT, rows)


def _read(connection: Connection, query: Select[Any]) -> list[Line]:
    return [Line(number, body, step) for number, body, step in connection.execute(query)]


def read(
    connection: Connection, run_id: int, stream: str, start: int = 0, limit: int | None = None
) -> Sequence[Line]:
    """Return lines in order, from number `start` on."""
    wanted = _LINES.where(_of(run_id, stream), stream_lines.c.line >= start)
    return _read(connection, wanted.order_by(stream_lines.c.line).limit(limit))


def histories(connection: Connection, sweep_id: int) -> Mapping[int, Sequence[str]]:
    """Return the bodies of all history lines of a sweep's runs in order, by run id."""
    ids = select(runs.c.id).where(runs.c.sweep_id == sweep_id, runs.c.history_lines > 0)
    wanted = select(stream_lines.c.run_id, stream_lines.c.body)
    wanted = wanted.where(stream_lines.c.run_id.in_(ids), stream_lines.c.stream == HISTORY)
    found: dict[int, list[str]] = {}
    for run_id, body in connection.execute(wanted.order_by(stream_lines.c.run_id, stream_lines.c.line)):
        found.setdefault(run_id, []).append(body)
    return found


def tail(connection: Connection, run_id: int, stream: str, n: int) -> Sequence[Line]:
    """Return the last `n` lines, in order."""
    wanted = _LINES.where(_of(run_id, stream)).order_by(stream_lines.c.line.desc()).limit(n)
    return _read(connection, wanted)[::-1]


def numbers(connection: Connection, run_id: int, stream: str) -> Sequence[int]:
    """Return the numbers of all lines, in order."""
    wanted = select(stream_lines.c.line).where(_of(run_id, stream)).order_by(stream_lines.c.line)
    return list(connection.scalars(wanted))


def numbered(connection: Connection, run_id: int, stream: str, wanted: Sequence[int]) -> Sequence[Line]:
    """Return the lines with these numbers, which are in order."""
    return [
        line
        for batch in batches(wanted)
        for line in _read(
            connection,
            _LINES.where(_of(run_id, stream), stream_lines.c.line.in_(batch)).order_by(stream_lines.c.line),
        )
    ]


def by_step(connection: Connection, run_id: int, start: int, stop: int, limit: int | None) -> Sequence[Line]:
    """Return the history lines with `start <= step < stop`, in order of their steps."""
    wanted = _LINES.where(_of(run_id, HISTORY), stream_lines.c.step >= start, stream_lines.c.step < stop)
    return _read(connection, wanted.order_by(stream_lines.c.step, stream_lines.c.line).limit(limit))


def count_to_step(connection: Connection, run_id: int, step: int) -> int:
    """Return the number of history lines with a step of at most `step`."""
    wanted = select(func.count()).select_from(stream_lines)
    return connection.scalar(wanted.where(_of(run_id, HISTORY), stream_lines.c.step <= step)) or 0


def delete_from(connection: Connection, run_id: int, stream: str, start: int) -> None:
    """Delete the lines from number `start` on."""
    connection.execute(stream_lines.delete().where(_of(run_id, stream), stream_lines.c.line >= start))


def _of(run_id: int, stream: str) -> ColumnElement[bool]:
    return (stream_lines.c.run_id == run_id) & (stream_lines.c.stream == stream)
