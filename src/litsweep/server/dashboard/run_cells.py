"""The cells of runs for tables: each run's fields, config and summary by column, in a cache.

A cache remembers the runs of a few projects. A request reads only what has changed since the last one.
"""

import json
import sys
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic, sleep
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from litsweep.server.dashboard import rows
from litsweep.server.database import Database
from litsweep.server.filter_names import LIST, NUMBER, STATE, TEXT, TIME
from litsweep.server.recently_used import RecentlyUsed
from litsweep.server.run_values import MISSING
from litsweep.server.store.changed_runs import changed_records
from litsweep.server.store.runs import RunRecord, runs, with_ids
from litsweep.server.store.sweeps import SCHEDULER_SUFFIX, sweeps
from litsweep.sweep.logged import NAMES, flat
from litsweep.sweep.reasons import reason_text
from litsweep.sweep.summary import entries, is_aggregated

MAX_CELLS = 4_000_000
"""The largest number of cells of all cached projects but the one in use: about 150 MB."""
FEW_RUNS = 1_000
"""The number of runs whose cells are read in a tenth of a second."""
MAX_KEYS = 2_000
"""The largest number of columns that the config of one run adds, and that its summary adds."""
AGGREGATES = "aggregates"
"""The kind of a metric with several aggregates, each of which also has its own column."""
CLIENT_SUMMARY = ("_step", "_runtime", "_timestamp")
FIELDS = {
    "id": TEXT,
    "title": TEXT,
    "name": TEXT,
    "state": STATE,
    "sweep": TEXT,
    "duration": NUMBER,
    "created": TIME,
    "started": TIME,
    "ended": TIME,
    "agent": TEXT,
    "host": TEXT,
    "group": TEXT,
    "job_type": TEXT,
    "tags": LIST,
    "notes": TEXT,
    "reason": TEXT,
    "stop_reason": TEXT,
    "failure": TEXT,
    "retry_of": TEXT,
}
"""The fields of a run, with the kinds of their values."""

_c = runs.c


@dataclass(slots=True)
class Cells:
    """The cells of one run. Runs with the same columns share `places`, the place of each column's cell."""

    sweep_id: int | None
    places: Mapping[str, int]
    values: Sequence[Any]
    is_alive: bool
    is_broken: bool
    _text: str | None = field(default=None, compare=False)

    @property
    def text(self) -> str:
        """The text that a search looks into."""
        if self._text is None:
            self._text = _text(dict(zip(self.places, self.values, strict=True)))
        return self._text

    def get(self, key: str) -> Any:
        """Return the cell of a column, or MISSING."""
        place = self.places.get(key)
        return MISSING if place is None else self.values[place]


@dataclass(slots=True)
class ColumnValues:
    """What the runs of a sweep have in one column: the kind of the values, and whether they differ."""

    kind: str
    first: Any
    varies: bool = False
    count: int = 0

    def add(self, kind: str, value: Any, is_new: bool) -> None:
        """Note another value. `is_new` says that its run had none."""
        self.count += is_new
        if not self.varies and value != self.first:
            self.varies = True
        if self.first is None:
            self.kind, self.first = kind, value
        elif kind != self.kind and value is not None:
            self.kind = "mixed"

    def joined(self, other: "ColumnValues") -> "ColumnValues":
        """Return what the runs of two sweeps have in the column."""
        kind = self.kind if self.kind == other.kind else "mixed"
        varies = self.varies or other.varies or self.first != other.first
        return ColumnValues(kind, self.first, varies, self.count + other.count)


Catalogue = Mapping[str, ColumnValues]
Scope = tuple[int, int | None]
"""A project, and one of its sweeps or None for all its runs."""


class CachedRuns:
    """The cells of the runs of a project or a sweep, and the columns of each sweep."""

    def __init__(self, scope: Scope) -> None:
        self._runs = changed_records(scope[0], _in(scope), self.add)
        self.columns: dict[int | None, dict[str, ColumnValues]] = {}
        self.size = 0
        self.lock = threading.Lock()
        self._shapes: dict[tuple[str, ...], Mapping[str, int]] = {}
        self._is_warming = False

    @property
    def is_read(self) -> bool:
        """True once all runs have been read."""
        return self._runs.number >= 0

    def starts_warming(self) -> bool:
        """Return True for the first call before all runs have been read."""
        with self.lock:
            has_started, self._is_warming = self._is_warming, True
            return not has_started and not self.is_read

    def read_some(self, connection: Connection) -> bool:
        """Read some runs for the first time. Return False if all have been read."""
        return self._runs.read_some(connection)

    def update(self, connection: Connection) -> None:
        """Read the runs that have changed since the last call."""
        self._runs.refresh(connection)

    @property
    def cells(self) -> Sequence[Cells]:
        """The cells of each run, oldest first."""
        return self._runs.values()

    def add(self, run: RunRecord) -> Cells:
        """Return the cells of a run. Note what it has in each column."""
        before = self._runs.get(run.id)
        pairs = _cells(run)
        places = self._shapes.get(key := tuple(pairs))
        if places is None:
            places = self._shapes[key] = {sys.intern(name): place for place, name in enumerate(key)}
        known = self.columns.setdefault(run.sweep_id, {})
        old = before.places if before else {}
        for name, value in pairs.items():
            own = known.get(name)
            if own is None:
                known[name] = ColumnValues(_kind(name, value), value, count=1)
            else:
                own.add(_kind(name, value), value, name not in old)
        self.size += len(pairs) - len(old)
        return Cells(run.sweep_id, places, tuple(pairs.values()), run.is_alive, run.is_broken)


def _in(scope: Scope) -> Sequence[ColumnElement[bool]]:
    project_id, sweep_id = scope
    if sweep_id is not None:
        return (_c.sweep_id == sweep_id,)
    schedulers = select(sweeps.c.name + SCHEDULER_SUFFIX).where(sweeps.c.project_id == project_id)
    return _c.project_id == project_id, _c.name.not_in(schedulers)


def _joined(found: CachedRuns) -> Catalogue:
    """Return the columns of all sweeps."""
    joined: dict[str, ColumnValues] = {}
    for own in found.columns.values():
        for name, known in own.items():
            joined[name] = joined[name].joined(known) if name in joined else known
    return joined


class CellCache:
    """The cells of the projects and sweeps that were last looked at. Any thread may use it."""

    def __init__(self) -> None:
        self._scopes: RecentlyUsed[Scope, CachedRuns] = RecentlyUsed()
        self._lock = threading.Lock()

    def of_project(self, connection: Connection, project_id: int) -> tuple[Sequence[Cells], Catalogue]:
        """Return the cells of all runs of a project, oldest first, and the columns."""
        found = self._of((project_id, None))
        with found.lock:
            found.update(connection)
            cells, columns = found.cells, _joined(found)
        self._drop()
        return cells, columns

    def of_sweep(
        self, connection: Connection, project_id: int, sweep_id: int
    ) -> tuple[Sequence[Cells], Catalogue]:
        """Return the cells of all runs of a sweep, oldest first, and the columns."""
        whole: Scope = (project_id, None)
        found = self._of(whole if self._has_read(whole) else (project_id, sweep_id))
        with found.lock:
            found.update(connection)
            own = [cells for cells in found.cells if cells.sweep_id == sweep_id]
            columns = dict(found.columns.get(sweep_id, {}))
        self._drop()
        return own, columns

    def has_read(self, project_id: int, sweep_id: int | None) -> bool:
        """Return True if the runs of a project or a sweep are in memory."""
        return self._has_read((project_id, sweep_id)) or self._has_read((project_id, None))

    def warm(self, database: Database, scope: Scope) -> None:
        """Start to read the runs of a scope, so that later requests need not wait for it."""
        found = self._of(scope)
        if found.starts_warming():
            threading.Thread(target=self._warm, args=(database, found), name="table", daemon=True).start()

    def _warm(self, database: Database, found: CachedRuns) -> None:
        """Read the runs in small pieces. Between two of them, requests have the processor."""
        has_more = True
        while has_more:
            started = monotonic()
            with found.lock, database.read() as connection:
                has_more = found.read_some(connection)
            sleep(monotonic() - started)
        self._drop()

    def _of(self, scope: Scope) -> CachedRuns:
        with self._lock:
            return self._scopes.use(scope, lambda: CachedRuns(scope))

    def _has_read(self, scope: Scope) -> bool:
        found = self._scopes.get(scope)
        return found is not None and found.is_read

    def _drop(self) -> None:
        """Forget the sweeps of projects in memory, and what was not used for the longest time."""
        with self._lock:
            for scope in list(self._scopes):
                if scope[1] is not None and self._has_read((scope[0], None)):
                    del self._scopes[scope]
            self._scopes.limit(MAX_CELLS, lambda known: known.size)


def cells_of(connection: Connection, ids: Collection[int]) -> tuple[Sequence[Cells], Catalogue]:
    """Return the cells of the runs with these ids, oldest first, and their columns."""
    found = CachedRuns((0, None))
    cells = [found.add(run) for run in with_ids(connection, ids)]
    return cells, _joined(found)


def newest_ids(connection: Connection, project_id: int, length: int) -> tuple[Sequence[int], int]:
    """Return the ids of the newest runs in the table of a project, and the number of all its runs."""
    conditions = _in((project_id, None))
    total = connection.scalar(select(func.count()).where(*conditions)) or 0
    newest = select(_c.id).where(*conditions).order_by(_c.id.desc()).limit(length)
    return list(connection.scalars(newest)), total


def _cells(run: RunRecord) -> dict[str, Any]:
    """Return the cells of a run by column. Runs share equal texts."""
    parameters = json.loads(run.parameters) if run.parameters else {}
    config = parameters | dict(flat(run.config_values))
    cells = {name: value for name, value in _fields(run).items() if value is not None}
    cells.update(
        islice(((f"config.{name}", value) for name, value in config.items() if name[:1] != "_"), MAX_KEYS)
    )
    cells.update(islice(_summary(run.summary_values), MAX_KEYS))
    return {name: sys.intern(value) if type(value) is str else value for name, value in cells.items()}


def _fields(run: RunRecord) -> dict[str, Any]:
    return {
        "id": run.name,
        "title": run.display_name,
        "name": run.display_name,
        "state": run.word,
        "sweep": run.sweep_name,
        "duration": run.duration,
        "created": run.created_at,
        "started": run.started_at,
        "ended": None if run.is_alive else run.ended_at or run.heartbeat_at,
        "agent": run.agent_name,
        "host": run.host,
        "group": run.group_name,
        "job_type": run.job_type,
        "tags": json.loads(run.tags),
        "notes": run.notes,
        "reason": reason_text(run.reason) or None,
        "stop_reason": reason_text(run.stop_reason) or None,
        "failure": rows.failure(run),
        "retry_of": run.retry_of,
    }


def _summary(summary: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the values of a summary by column. The aggregates of a metric are columns too."""
    for name in CLIENT_SUMMARY:
        if name in summary:
            yield f"summary.{name}", summary[name]
    for name, value in entries(summary):
        if is_aggregated(value):
            yield f"summary.{name}", value
            yield from ((f"summary.{name}.{key}", inner) for key, inner in value.items())
        elif not isinstance(value, Mapping):  # not a media object
            yield f"summary.{name}", value


def _kind(name: str, value: Any) -> str:
    if name in FIELDS:
        return FIELDS[name]
    if type(value) is float:
        return NUMBER
    if isinstance(value, Mapping):
        return AGGREGATES if name.startswith("summary.") else TEXT
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if is_number or (isinstance(value, str) and value in NAMES):
        return NUMBER
    return LIST if isinstance(value, list) else TEXT


_SEARCHED = ("name", "id", "state", "sweep", "host", "agent", "group", "notes", "reason", "failure")


def _text(cells: Mapping[str, Any]) -> str:
    """Return the text that a search looks into."""
    config = (_words(value) for name, value in cells.items() if name.startswith("config."))
    found = [*(str(cells[name]) for name in _SEARCHED if name in cells), *cells["tags"], *config]
    return "\n".join(filter(None, map(str, found)))


def _words(value: Any) -> str:
    return json.dumps(value, default=str) if isinstance(value, list | dict | bool) else str(value)
