"""GraphQL: the metrics, system metrics and console output of a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ariadne import ObjectType

from litsweep.server import history_keys
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.resolvers import constant, page
from litsweep.server.history_keys import flat
from litsweep.server.store import lines
from litsweep.server.store.lines import EVENTS, HISTORY, LOG, Line
from litsweep.server.store.runs import RunRecord

DEFAULT_SAMPLES = 500

T = TypeVar("T")

run = ObjectType("Run")

run.set_alias("historyLineCount", "history_lines")
run.set_alias("eventsLineCount", "event_lines")
run.set_alias("logLineCount", "log_lines")
# Without Parquet files, the client reads the rows.
run.set_field("parquetHistory", constant({"parquet_urls": [], "live_data": None}))


def _set_tail(field: str, stream: str) -> None:
    """Set a field: a JSON list with the stream's last row, which is a JSON string itself."""

    def tail(parent: RunRecord, info: Info) -> str:
        return json.dumps([line.body for line in lines.tail(info.context.connection, parent.id, stream, 1)])

    run.set_field(field, tail)


_set_tail("historyTail", HISTORY)
_set_tail("eventsTail", EVENTS)


@run.field("historyKeys")
def _history_keys(parent: RunRecord, _: Info) -> dict[str, Any] | None:
    keys = json.loads(parent.history_keys)
    return history_keys.wire(keys, parent.last_step) if keys else None


@run.field("history")
def _history(
    parent: RunRecord,
    info: Info,
    *,
    min_step: int | None = None,
    max_step: int | None = None,
    samples: int | None = None,
) -> list[str]:
    """Return the first `samples` rows of `min_step <= step < max_step`. Without steps, sample the rows.

    Rows may share a step: for at most `samples` steps, return all their rows.
    """
    limit = samples or DEFAULT_SAMPLES
    if min_step is None and max_step is None:
        found = lines.read(info.context.connection, parent.id, HISTORY)
        return [line.body for line in _spread(found, limit)]
    start, stop = min_step or 0, parent.last_step + 1 if max_step is None else max_step
    most = None if stop - start <= limit else limit
    return [line.body for line in lines.by_step(info.context.connection, parent.id, start, stop, most)]


@run.field("events")
def _events(parent: RunRecord, info: Info, *, samples: int | None = None) -> list[str]:
    found = lines.read(info.context.connection, parent.id, EVENTS)
    return [line.body for line in _spread(found, samples or DEFAULT_SAMPLES)]


@run.field("sampledHistory")
def _sampled_history(
    parent: RunRecord, info: Info, *, specs: list[str] | None = None
) -> list[list[dict[str, Any]]]:
    """For each spec `{keys, samples, minStep?, maxStep?}`, return rows that have all its keys."""
    wanted = [json.loads(spec) for spec in specs or []]
    found = lines.read(info.context.connection, parent.id, HISTORY) if any(wanted) else []
    rows = [(line.step or 0, json.loads(line.body)) for line in found]
    return [_sample(rows, spec) for spec in wanted]


def _sample(rows: Sequence[tuple[int, dict[str, Any]]], spec: Mapping[str, Any]) -> list[dict[str, Any]]:
    low, samples = spec.get("minStep") or 0, spec.get("samples") or DEFAULT_SAMPLES
    stop = _stop_step(low, spec.get("maxStep"), samples)
    within = [row for step, row in rows if step >= low and (stop is None or step < stop)]
    keys = list(dict.fromkeys(spec.get("keys") or []))
    found = [row for row in (_pick(row, keys) for row in within) if row is not None]
    return found if stop is not None and stop - low <= samples else list(_spread(found, samples))


def _stop_step(low: int, high: int | None, samples: int) -> int | None:
    """Return the first step that is not wanted, or None.

    Clients from 0.28 on ask for `samples` steps from `low` to `high` inclusive. For older ones `high` is
    exclusive: for a whole page it is `low + samples`.
    """
    if high is None:
        return None
    return high + 1 if high - low == samples - 1 else high


def _pick(row: dict[str, Any], keys: Sequence[str]) -> dict[str, Any] | None:
    """Return the values of `keys`, or None if the row lacks one. Without keys, return the row."""
    if not keys:
        return row
    values = row if all(key in row for key in keys) else dict(flat(row))
    return {key: values[key] for key in keys} if all(key in values for key in keys) else None


def _spread(items: Sequence[T], n: int) -> Sequence[T]:
    """Return at most `n` items, evenly spaced, with the first and the last."""
    if len(items) <= n:
        return items
    if n == 1:
        return items[-1:]
    return [items[round(i * (len(items) - 1) / (n - 1))] for i in range(n)]


@dataclass(frozen=True)
class LogLine:
    """One line of console output."""

    number: int
    line: str
    timestamp: str | None = None
    level: str | None = None
    label: str | None = None


@run.field("logLines")
def _log_lines(
    parent: RunRecord,
    info: Info,
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    **_: object,
) -> dict[str, Any]:
    if last is not None:
        found = lines.tail(info.context.connection, parent.id, LOG, last)
        return page([_log_line(line) for line in found], first=last)
    start = int(after) if after else 0
    found = lines.read(info.context.connection, parent.id, LOG, start, first or 1000)
    edges = [{"cursor": str(line.number + 1), "node": _log_line(line)} for line in found]
    end = found[-1].number + 1 if found else start
    return {"edges": edges, "page_info": {"has_next_page": end < parent.log_lines, "end_cursor": str(end)}}


def _log_line(line: Line) -> LogLine:
    """Parse a plain line, `timestamp text`, or a structured one, `{"ts", "level", "content"}`."""
    if line.body.startswith("{"):
        try:
            fields = json.loads(line.body)
            return LogLine(
                line.number, fields["content"], fields.get("ts"), fields.get("level"), fields.get("label")
            )
        except (ValueError, KeyError):
            pass
    stamp, space, text = line.body.partition(" ")
    return LogLine(line.number, text, stamp) if space and _is_time(stamp) else LogLine(line.number, line.body)


def _is_time(stamp: str) -> bool:
    return len(stamp) >= 19 and stamp[4:5] == "-" and stamp[10:11] == "T"
