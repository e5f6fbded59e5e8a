"""GraphQL: the metrics, system metrics and console output of a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from ariadne import ObjectType

from litsweep.server import history_keys
from litsweep.server.arguments import checked_count, json_object, whole_number
from litsweep.server.chunk import LARGEST_LINE, LARGEST_STEP
from litsweep.server.errors import RequestError
from litsweep.server.graphql.context import Info
from litsweep.server.graphql.resolvers import constant, page
from litsweep.server.store import lines
from litsweep.server.store.lines import EVENTS, HISTORY, LOG, Line
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.logged import flat
from litsweep.sweep.values import is_number, show

DEFAULT_SAMPLES = 500
MOST_LOG_LINES = 10_000
VALUES_PER_COST = 4

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
        return json.dumps([line.body for line in info.context.read(lines.tail, parent.id, stream, 1)])

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
    limit = checked_count(samples, "samples") or DEFAULT_SAMPLES
    info.context.budget.charge(min(limit, parent.history_lines))
    if min_step is None and max_step is None:
        return _spread_lines(parent, info, HISTORY, limit)
    start = min_step or 0
    stop = parent.last_step + 1 if max_step is None else max_step
    most = None if stop - start <= limit else limit
    return [line.body for line in info.context.read(lines.by_step, parent.id, start, stop, most)]


@run.field("events")
def _events(parent: RunRecord, info: Info, *, samples: int | None = None) -> list[str]:
    limit = checked_count(samples, "samples") or DEFAULT_SAMPLES
    info.context.budget.charge(min(limit, parent.event_lines))
    return _spread_lines(parent, info, EVENTS, limit)


def _spread_lines(parent: RunRecord, info: Info, stream: str, most: int) -> list[str]:
    """Return at most `most` lines of a stream, evenly spaced, with the first and the last."""
    numbers = _spread(info.context.read(lines.numbers, parent.id, stream), most)
    found = info.context.read(lines.numbered, parent.id, stream, tuple(numbers))
    return [line.body for line in found]


@dataclass(frozen=True)
class SampleSpec:
    """A request for rows of the history that have all of `keys`."""

    keys: Sequence[str]
    samples: int
    first_step: int
    last_step: int | None


def _spec(text: str) -> SampleSpec | None:
    """Return the spec in a JSON text, or None for an empty one, which asks for nothing."""
    given = json_object(text, "specs")
    if not given:
        return None
    keys = given.get("keys") or []
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise RequestError(f"specs: keys must be a list of names, got {show(keys)}")
    samples, last = _integer(given, "samples") or DEFAULT_SAMPLES, _integer(given, "maxStep")
    return SampleSpec(list(dict.fromkeys(keys)), samples, _integer(given, "minStep") or 0, last)


def _integer(given: Mapping[str, Any], key: str) -> int | None:
    value = given.get(key)
    if value is not None and not (is_number(value) and abs(value) <= LARGEST_STEP):
        raise RequestError(f"specs: {key} must be an integer, got {show(value)}")
    return None if value is None else int(value)


@run.field("sampledHistory")
def _sampled_history(
    parent: RunRecord, info: Info, *, specs: list[str] | None = None
) -> list[list[dict[str, Any]]]:
    """For each spec `{keys, samples, minStep?, maxStep?}`, return rows that have all its keys."""
    wanted = [_spec(spec) for spec in specs or [] if spec is not None]
    return [[] if spec is None else _sample(parent, info, spec) for spec in wanted]


def _sample(parent: RunRecord, info: Info, spec: SampleSpec) -> list[dict[str, Any]]:
    low, stop = spec.first_step, _stop_step(spec)
    within = _rows(parent, info, low, parent.last_step + 1 if stop is None else stop)
    info.context.budget.charge(len(within) * (1 + len(spec.keys)) // VALUES_PER_COST)
    found = [row for row in (_pick(row, spec.keys) for row in within) if row is not None]
    is_page = stop is not None and stop - low <= spec.samples
    kept = found if is_page else list(_spread(found, spec.samples))
    info.context.budget.charge(len(kept) * (1 + len(spec.keys)))
    return kept


def _stop_step(spec: SampleSpec) -> int | None:
    """Return the first step that is not wanted, or None.

    Clients from 0.28 on ask for `samples` steps up to `last_step` inclusive. For older ones `last_step` is
    exclusive: for a whole page it is `first_step + samples`.
    """
    if spec.last_step is None:
        return None
    is_inclusive = spec.last_step - spec.first_step == spec.samples - 1
    return spec.last_step + 1 if is_inclusive else spec.last_step


def _rows(parent: RunRecord, info: Info, low: int, stop: int) -> list[dict[str, Any]]:
    """Return the rows of the history from step `low` to before step `stop`."""

    def read() -> list[dict[str, Any]]:
        info.context.budget.charge(min(parent.history_lines, max(0, stop - low)))
        found = info.context.read(lines.by_step, parent.id, low, stop, None)
        return [json.loads(line.body) for line in sorted(found, key=lambda line: line.number)]

    return info.context.once((_rows, parent.id, low, stop), read)


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
        most = min(checked_count(last, "last") or 0, MOST_LOG_LINES)
        found = info.context.read(lines.tail, parent.id, LOG, most)
        return page([_log_line(line) for line in found], first=most)
    start = whole_number(after, "after", LARGEST_LINE) if after else 0
    most = min(checked_count(first, "first") or 1000, MOST_LOG_LINES)
    found = info.context.read(lines.read, parent.id, LOG, start, most)
    edges = [{"cursor": str(line.number + 1), "node": _log_line(line)} for line in found]
    end = found[-1].number + 1 if found else start
    return {"edges": edges, "page_info": {"has_next_page": end < parent.log_lines, "end_cursor": str(end)}}


def _log_line(line: Line) -> LogLine:
    """Parse a plain line, `timestamp text`, or a structured one, `{"ts", "level", "content"}`."""
    fields = _fields(line.body) if line.body.startswith("{") else {}
    if "content" in fields:
        ts, level, label = (fields.get(key) for key in ("ts", "level", "label"))
        return LogLine(line.number, fields["content"], ts, level, label)
    stamp, space, text = line.body.partition(" ")
    return LogLine(line.number, text, stamp) if space and _is_time(stamp) else LogLine(line.number, line.body)


def _fields(body: str) -> dict[str, str]:
    """Return the texts of a structured line, or an empty mapping if the line is not one."""
    try:
        return {key: value for key, value in json.loads(body).items() if isinstance(value, str)}
    except (ValueError, RecursionError):
        return {}


def _is_time(stamp: str) -> bool:
    return len(stamp) >= 19 and stamp[4:5] == "-" and stamp[10:11] == "T"
