"""Stores chunks of file streams: lines, the summary, and changes of the run's state.

Each line has a number and replaces the stored line with this number. So storing a chunk again changes
nothing. The chunks of many runs are stored together with few statements.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from sqlalchemy import Connection

from litsweep.server import branches, clock, history_keys, ownership, run_states, sweep_states
from litsweep.server.chunk import LARGEST_STEP, Chunk, Row, StreamPart, require_near
from litsweep.server.store import lines, runs, streams, sweeps
from litsweep.server.store.lines import EVENTS, HISTORY, Line
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.streams import COUNTS, StreamStatus
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import RunState
from litsweep.sweep.logged import number

Path = tuple[str, str, str]
"""The entity, project and name of a run."""


@dataclass(frozen=True)
class SentChunk:
    """A chunk for the run at `path`.

    `by_launcher` says that an agent of `litsweep launch` sent it in place of the run's client.
    """

    path: Path
    chunk: Chunk
    by_launcher: bool = False


@dataclass
class _Writing:
    """A chunk that is being stored. `run` has the new values of the run's columns.

    `record` is the run before the chunk, or None if neither the run's state nor its config matters.
    """

    sent: SentChunk
    run: StreamStatus
    record: RunRecord | None
    lines: list[tuple[int, str, Line]] = field(default_factory=list)
    summary: str | None = None
    system_metrics: str | None = None


@dataclass(frozen=True)
class Stored:
    """A run as it was before its chunk. Nothing was stored if `is_foreign`: another process owns the run.

    `has_rows` says that the chunk has rows of the history.
    """

    run: StreamStatus
    is_foreign: bool
    has_rows: bool

    @property
    def should_stop(self) -> bool:
        """True if the process that sent the chunk should stop.

        A client that resumes a run sends a chunk without rows before it starts the run.
        """
        is_late = self.has_rows and ownership.waits_for_restart(self.run)
        return self.is_foreign or self.run.stopped_by is not None or is_late


def store_chunks(connection: Connection, sent: Sequence[SentChunk]) -> list[Stored | None]:
    """Store chunks in order. Return the result for each, or None if there is no such run.

    Raises ChunkError if a chunk's lines are far beyond the stored ones.
    """
    stored: dict[int, Stored] = {}
    for distinct in _rounds(sent):
        found = _statuses(connection, [one.path for one in distinct])
        own = []
        for one in distinct:
            if one.path not in found:
                continue
            writing = _open(connection, one, found[one.path])
            is_foreign = _is_foreign(connection, writing)
            stored[id(one)] = Stored(writing.run, is_foreign, HISTORY in one.chunk.parts)
            if not is_foreign:
                own.append(writing)
        _store(connection, own)
    return [stored.get(id(one)) for one in sent]


def _open(connection: Connection, sent: SentChunk, run: StreamStatus) -> _Writing:
    chunk = sent.chunk
    is_plain = run.state is RunState.RUNNING and not chunk.is_preempting and chunk.exit_code is None
    needs_record = not is_plain or run.stale_streams or run.has_branch_point or run.dispatches > 1
    return _Writing(sent, run, runs.get(connection, run.id) if needs_record else None)


def _is_foreign(connection: Connection, writing: _Writing) -> bool:
    run, sent = writing.record, writing.sent
    return run is not None and not sent.by_launcher and ownership.is_foreign(connection, run, sent.chunk)


def _rounds(sent: Sequence[SentChunk]) -> Iterator[Sequence[SentChunk]]:
    """Split chunks into groups with at most one chunk of each run, in order."""
    while sent:
        first: dict[Path, SentChunk] = {}
        for one in sent:
            first.setdefault(one.path, one)
        yield list(first.values())
        sent = [one for one in sent if first[one.path] is not one]


def _statuses(connection: Connection, paths: Sequence[Path]) -> Mapping[Path, StreamStatus]:
    names = defaultdict(list)
    for entity, project, name in paths:
        names[entity, project].append(name)
    return {
        (*project, name): status
        for project, wanted in names.items()
        for name, status in streams.statuses(connection, *project, wanted).items()
    }


def _store(connection: Connection, writing: Sequence[_Writing]) -> None:
    """Store chunks of different runs."""
    now = clock.now()
    for one in writing:
        _read_lines(connection, one, now)
    lines.put_all(connection, [line for one in writing for line in one.lines])
    for one in writing:
        _set_summary(connection, one)
    runs.change_streams(connection, [_columns(one, now) for one in writing])
    for one in writing:
        _change_state(connection, one)


def _read_lines(connection: Connection, writing: _Writing, now: float) -> None:
    parts = writing.sent.chunk.parts
    require_near(parts, streams.line_counts(writing.run), now - (writing.run.started_at or now))
    stale = streams.stale(writing.run)
    for stream, part in parts.items():
        if stream in stale:
            _start_over(connection, writing, stream, part.offset, now)
            stale.discard(stream)
        _add_lines(writing, stream, part)
    writing.run = writing.run._replace(stale_streams=",".join(sorted(stale)))


def _start_over(connection: Connection, writing: _Writing, stream: str, offset: int, now: float) -> None:
    """Delete the old lines of a stream if the run was restarted, not resumed.

    The lines of a restarted run start at 0, those of a fork at its branch point. A changed `started_at` tells
    caches that their history lines are stale.
    """
    run, record = writing.run, writing.record
    if offset >= getattr(run, COUNTS[stream]) or record is None:
        return
    lines.delete_from(connection, run.id, stream, offset)
    if stream != HISTORY:
        changes: dict[str, Any] = {COUNTS[stream]: offset}
        writing.run = run._replace(**changes)
        return
    kept = lines.read(connection, run.id, HISTORY)
    writing.summary = dumps(branches.summary_of(kept, record.config_values))
    writing.run = run._replace(**branches.history_columns(kept), started_at=now)


def _add_lines(writing: _Writing, stream: str, part: StreamPart) -> None:
    run = writing.run
    steps = [_step(row, n) for n, row in enumerate(part.rows, part.offset)] if stream == HISTORY else []
    numbered = enumerate(zip_longest(part.lines, steps), part.offset)
    writing.lines += [(run.id, stream, Line(n, body, step)) for n, (body, step) in numbered]
    known = getattr(run, COUNTS[stream])
    changes: dict[str, Any] = {COUNTS[stream]: max(known, part.offset + len(part.lines))}
    if stream == EVENTS and part.lines:
        writing.system_metrics = part.lines[-1]
    if stream == HISTORY and part.lines:
        changes["last_step"] = max([run.last_step, *steps])
        new = part.rows[max(0, known - part.offset) :]
        changes["history_keys"] = history_keys.updated(run.history_keys, new) if new else run.history_keys
    writing.run = run._replace(**changes)


def _step(row: Row, line: int) -> int:
    """Return the step of a row, or its line number if it has no step that the database can hold."""
    step = number(row.get("_step"))
    return int(step) if step is not None and abs(step) <= LARGEST_STEP else line


def _set_summary(connection: Connection, writing: _Writing) -> None:
    sent, record = writing.sent.chunk.summary, writing.record
    if sent is None:
        return
    if record is None or branches.branch_point(record.config_values) is None:
        writing.summary = sent
    else:
        run = record if writing.summary is None else replace(record, summary=writing.summary)
        writing.summary = dumps(branches.merge_summary(connection, run, json.loads(sent)))


def _columns(writing: _Writing, now: float) -> Mapping[str, Any]:
    columns = writing.run._asdict() | {"run": writing.run.id, "heartbeat_at": now}
    columns |= {"summary": writing.summary, "system_metrics": writing.system_metrics}
    return {name: columns[name] for name in ("run", *runs.STREAM_COLUMNS)}


def _change_state(connection: Connection, writing: _Writing) -> None:
    run, chunk = writing.record, writing.sent.chunk
    if run is None:
        return
    if ownership.waits_for_restart(run) and not (writing.sent.by_launcher and run.is_named):
        return  # the previous process of the run sent this chunk late
    if chunk.is_preempting:
        run_states.preempt(connection, run)
    elif chunk.exit_code is None:
        run_states.reconnect(connection, run)
    if chunk.exit_code is not None:
        current = runs.get(connection, run.id)
        assert current is not None  # it was read in the same transaction
        run_states.end(connection, current, chunk.exit_code)
        if writing.sent.by_launcher and run.sweep_id is not None:
            _keep_open(connection, run.id, run.sweep_id)


def _keep_open(connection: Connection, run_id: int, sweep_id: int) -> None:
    """Continue a sweep that finished with its last run, before the launcher returned that run."""
    run, sweep = runs.get(connection, run_id), sweeps.get(connection, sweep_id)
    if run and sweep and run.state is RunState.PREEMPTED and sweep.done_because is not None:
        sweep_states.reopen(connection, sweep)
