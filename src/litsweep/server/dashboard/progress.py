"""The progress of the sweeps of a project: runs by state, rate, time left. It is kept in memory."""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from litsweep.server import clock
from litsweep.server.recently_used import RecentlyUsed
from litsweep.server.store.changed_runs import ChangedRuns
from litsweep.server.store.repeats import IS_EXTRA
from litsweep.server.store.runs import runs
from litsweep.server.store.stopped_by import BY_SEARCH
from litsweep.server.store.sweeps import SweepRecord, SweepState
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import count_words, state_word
from litsweep.sweep.time_left import TimeLeft, rounded, rounded_down
from litsweep.sweep.workload import Workload, runs_per_hour

MOST_RUNS = 200_000
"""The runs of all projects in memory together, at about 250 bytes each. The last project always stays."""

NAMES = (
    "id",
    "sweep_id",
    "state",
    "stopped_by",
    "failure",
    "created_at",
    "heartbeat_at",
    "dispatches",
)
_COLUMNS = select(*(runs.c[name] for name in NAMES), IS_EXTRA.label("is_retry"))


class RunTimes(NamedTuple):
    """The state and the times of a run, in seconds since 1970."""

    sweep_id: int | None
    state: RunState
    word: str
    created_at: float
    heartbeat_at: float
    is_first_attempt: bool
    is_retry: bool


def run_times(row: Row[Any]) -> RunTimes:
    """Return the times of a run. The row has the columns of `NAMES`, and `is_retry`."""
    return RunTimes(
        row.sweep_id,
        row.state,
        state_word(row.state, row.stopped_by in BY_SEARCH, row.failure),
        row.created_at,
        # The heartbeats of a run that works are no news.
        row.created_at if row.state.is_alive else row.heartbeat_at,
        row.dispatches <= 1,
        row.is_retry,
    )


@dataclass(frozen=True)
class Progress:
    """The runs of one sweep."""

    runs: Sequence[RunTimes] = ()

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """The number of runs by the word for their state."""
        return dict(count_words(run.word for run in self.runs))

    @cached_property
    def rate(self) -> float | None:
        """How many runs ended in an hour lately, with three digits; None if fewer than two have ended."""
        rate = runs_per_hour(self.runs)
        return None if rate is None else float(f"{rate:.3g}")

    def expected(self, most: int | None) -> int | None:
        """Return the maximum number of runs, with their retries; None if `most`, that of configs, is None."""
        return None if most is None else most + sum(run.is_retry for run in self.runs)

    def time_left(self, sweep: SweepRecord, expected: int | None, agents: int) -> dict[str, Any] | None:
        """Return the time left in words, as `litsweep run` shows it, and its 80 % interval in seconds.

        Return None for a sweep whose runs have all ended. `low` and `high` are None if nothing is known.
        """
        if sweep.state.is_over and not self._alive:
            return None
        if sweep.state is SweepState.PAUSED:
            return {"text": "paused", "low": None, "high": None}
        total = len(self.runs) if sweep.state.is_over or sweep.done_because else expected
        work = self._workload(total, agents)
        left = work.seconds_left()
        found = work.interval(left) if left is not None else None
        low, high = (rounded_down(found[0]), rounded(found[1])) if found else (None, None)
        return {"text": TimeLeft().text(work), "low": low, "high": high}

    @cached_property
    def _alive(self) -> Sequence[RunTimes]:
        return [run for run in self.runs if run.state.is_alive]

    def _workload(self, total: int | None, agents: int) -> Workload:
        """Return the present work. Only the ages of running runs change with time."""
        known = self._works.get((total, agents))
        if known is None:
            known = self._works[total, agents] = Workload.of(self.runs, total, agents, clock.now())
        return replace(known, ages=Workload.of(self._alive, total, agents, clock.now()).ages)

    @cached_property
    def _works(self) -> dict[tuple[int | None, int], Workload]:
        return {}


@dataclass
class _Project:
    """The runs of one project, and the progress of its sweeps by id."""

    runs: ChangedRuns[RunTimes]
    by_sweep: Mapping[int | None, Progress]
    size: int = 0

    def refresh(self, connection: Connection) -> Mapping[int | None, Progress]:
        if self.runs.refresh(connection) or not self.size:
            found = defaultdict[int | None, list[RunTimes]](list)
            for run in self.runs.values():
                found[run.sweep_id].append(run)
            self.size = sum(map(len, found.values()))
            self.by_sweep = {sweep_id: Progress(own) for sweep_id, own in found.items()}
        return self.by_sweep


class ProgressCache:
    """The progress of the projects whose pages were open last. Any thread may use it."""

    def __init__(self) -> None:
        self._projects: RecentlyUsed[int, _Project] = RecentlyUsed()
        self._lock = threading.Lock()

    def of_project(self, connection: Connection, project_id: int) -> Mapping[int | None, Progress]:
        """Return the progress of each sweep of a project that has runs, by its id."""
        with self._lock:
            progress = self._projects.use(project_id, lambda: _project(project_id)).refresh(connection)
            self._projects.limit(MOST_RUNS, lambda project: project.size)
            return progress

    def of_sweep(self, connection: Connection, sweep: SweepRecord) -> Progress:
        """Return the progress of one sweep."""
        return self.of_project(connection, sweep.project_id).get(sweep.id, Progress())


def _project(project_id: int) -> _Project:
    own = ChangedRuns(_COLUMNS, project_id, [runs.c.project_id == project_id], lambda _, row: run_times(row))
    return _Project(own, {})
