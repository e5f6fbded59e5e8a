"""The data of sweeps for their pages and charts, kept in memory. A request reads only what has changed."""

import copy
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import Connection

from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.progress import Progress
from litsweep.server.dashboard.run_curves import RunCurves
from litsweep.server.dashboard.stored_run import COLUMNS, Source, StoredRun
from litsweep.server.database import Database
from litsweep.server.recently_used import RecentlyUsed
from litsweep.server.store import projects
from litsweep.server.store.changed_runs import ChangedRuns
from litsweep.server.store.runs import runs
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed

MOST_RUNS = 40_000
"""The runs of all sweeps in memory together, at about 5 kB each. The last sweep always stays."""
MOST_KEPT = 60
"""The figures and other results of one sweep that are kept until it changes."""

T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """A sweep at one moment. `tag` differs for data that a chart can show differently."""

    data: SweepData
    tag: str
    progress: Progress
    _kept: RecentlyUsed[object, Any] = field(default_factory=RecentlyUsed)

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what `make` returns. It is kept, and known by `key`."""
        found: T | None = self._kept.get(key)
        if found is None:
            found = self._kept[key] = make()
            self._kept.limit(MOST_KEPT)
        return found

    def filtered(self, names: frozenset[str]) -> SweepData:
        """Return the data with the runs of these names as those that a filter keeps."""
        found = copy.copy(self.data)  # with the rankings that were computed so far
        vars(found)["matching"] = names
        return found


class _Sweep:
    """The runs of one sweep, and the last snapshot of it."""

    def __init__(self, connection: Connection, sweep: SweepRecord, database: Database) -> None:
        config = parsed(sweep.config)
        curves = RunCurves(database, [metric.name for metric in config.metrics])
        source = Source(config, curves.of)
        self._runs = ChangedRuns[StoredRun](
            COLUMNS,
            sweep.project_id,
            [runs.c.sweep_id == sweep.id],
            lambda connection, row: StoredRun.of(connection, row, source),
        )
        self._source = source
        self._text = sweep.config
        project = projects.one(connection, sweep.project_id)
        self._path = f"{project.entity}/{project.name}/{sweep.name}"
        self._snapshot: Snapshot | None = None
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        return len(self._snapshot.data.runs) if self._snapshot else 0

    def is_of(self, sweep: SweepRecord) -> bool:
        """Return True if the config of the sweep is still the same. Results depend on its metrics."""
        return self._text == sweep.config

    def snapshot(self, connection: Connection, sweep: SweepRecord) -> Snapshot:
        title = sweep.display_name or self._source.config.name or sweep.name
        with self._lock:
            has_changed = self._runs.refresh(connection)
            known = self._snapshot
            if known is None or has_changed or known.data.title != title:
                known = self._snapshot = self._new(title)
            return known

    def _new(self, title: str) -> Snapshot:
        found = self._runs.values()
        data = SweepData(title=title, config=self._source.config, runs=found, path=self._path)
        facts = f"{self._text} {title} {self._runs.number} {len(found)}"
        tag = sha256(facts.encode(errors="replace")).hexdigest()[:16]
        return Snapshot(data, tag, Progress([run.times for run in found]))


class SweepCache:
    """The sweeps whose pages were open last. Any thread may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sweeps: RecentlyUsed[int, _Sweep] = RecentlyUsed()
        self._lock = threading.Lock()

    def get(self, connection: Connection, sweep: SweepRecord) -> Snapshot:
        """Return the present data of a sweep."""
        with self._lock:
            found = self._sweeps.use(sweep.id, lambda: _Sweep(connection, sweep, self._database))
            if not found.is_of(sweep):
                found = self._sweeps[sweep.id] = _Sweep(connection, sweep, self._database)
        snapshot = found.snapshot(connection, sweep)
        with self._lock:
            self._sweeps.limit(MOST_RUNS, lambda known: known.size)
        return snapshot
