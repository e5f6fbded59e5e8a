"""A sweep's search in memory, kept in step with the database.

The database is the truth: everything here can be dropped at any time and is built again from it, and the
search then goes on as if nothing had happened.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import Connection

from litsweep.search.controller import Controller, seed_for_sweep
from litsweep.server import run_filters
from litsweep.server.history_keys import Keys, flat
from litsweep.server.store import lines, runs
from litsweep.server.store.lines import HISTORY
from litsweep.server.store.runs import RunMark, RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.wire_json import number, with_numbers
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.early_termination.rule import StopDecision
from litsweep.sweep.reasons import reason_from_json
from litsweep.sweep.run import Failure, RunState, Suggestion
from litsweep.sweep.summary import find
from litsweep.sweep.values import is_finite

Row = dict[str, float]


class Told(NamedTuple):
    """What the search knows of a run: where the run differs from it, there is news.

    `summary` has the sweep's metrics only, each under its name.
    """

    state: str
    history_lines: int = 0
    is_stopped_early: bool = False
    failure: str | None = None
    started_at: float | None = None
    summary: Mapping[str, object] = MappingProxyType({})


@dataclass
class Heard:
    """What the search has been told of one run, and the run's mark at that time."""

    told: Told
    mark: RunMark | None = None
    lines: int = 0
    history: list[Row] = field(default_factory=list)


class LiveSweep:
    """One sweep's search. Take `lock` for anything but reading `config`."""

    def __init__(self, record: SweepRecord) -> None:
        self.id = record.id
        self.lock = threading.Lock()
        self.config = parse_sweep(record.config)
        self._controller = Controller(self.config, seed=seed_for_sweep(record.name), namespace=record.name)
        self._metrics = frozenset(metric.name for metric in self.config.metrics)
        self._heard: dict[str, Heard] = {}
        self._prior_runs = record.prior_runs
        self._project_id = record.project_id

    def refresh(self, connection: Connection) -> None:
        """Tell the search what has happened since the last time."""
        self._add_prior_runs(connection)
        for mark in runs.marks(connection, self.id):
            heard = self._heard.get(mark.name)
            if heard is None or heard.mark != mark:
                self._hear(connection, mark, heard)

    def suggest(self) -> Suggestion | None:
        """What to run next; None if there is nothing (see `done_because`)."""
        suggestions = self._controller.ask()
        for suggestion in suggestions:
            self._heard[suggestion.id] = Heard(Told(RunState.PENDING))
        return suggestions[0] if suggestions else None

    def to_stop(self) -> Sequence[StopDecision]:
        """Runs that are not worth going on with."""
        return self._controller.runs_to_stop()

    @property
    def done_because(self) -> str | None:
        """Why there will be no more suggestions."""
        return self._controller.done_because

    @property
    def warnings(self) -> Sequence[str]:
        """What a person should know about how the search goes."""
        return (*self.config.local_warnings, *self._controller.warnings)

    def best_run(self) -> str | None:
        """The name of the best run so far."""
        best = self._controller.best()
        return None if best is None else best.id

    def best_loss(self) -> float | None:
        """The best objective so far."""
        best = self.best_run()
        return None if best is None else self._controller.objective(best)

    def _add_prior_runs(self, connection: Connection) -> None:
        """Runs of the project that `wandb sweep --prior_run` names, once."""
        if self._prior_runs is None:
            return
        found = runs.of_project(connection, self._project_id)
        for run in run_filters.select(found, self._prior_runs):
            if run.sweep_id != self.id:
                history = self._rows(connection, run, 0)
                parameters, outcome = self._parameters(run), _outcome(run, self._told(run))
                self._controller.add(parameters, history, id=run.name, is_prior=True, **outcome)
        self._prior_runs = None

    def _hear(self, connection: Connection, mark: RunMark, before: Heard | None) -> None:
        run = runs.get(connection, mark.id)
        assert run is not None  # it was there earlier in this transaction
        told = self._told(run)
        if before is not None and told == before.told:
            before.mark = mark
            return
        started_over = before is not None and told.started_at != before.told.started_at
        heard = Heard(told) if before is None or started_over else before
        heard.history.extend(self._rows(connection, run, heard.lines))
        heard.told, heard.mark, heard.lines = told, mark, told.history_lines
        self._heard[run.name] = heard
        history = heard.history or [self._other_values(run)]
        outcome = _outcome(run, told)
        if before is None:
            reason = reason_from_json(json.loads(run.reason)) if run.reason else None
            self._controller.add(self._parameters(run), history, id=run.name, reason=reason, **outcome)
        else:
            self._controller.tell(run.name, history, **outcome)

    def _told(self, run: RunRecord) -> Told:
        stopped_early = run.stopped_by == "search"
        found = {name: find(run.summary_values, name) for name in sorted(self._metrics)}
        summary = {name: value for name, value in found.items() if value is not None}
        return Told(run.state, run.history_lines, stopped_early, run.failure, run.started_at, summary)

    def _rows(self, connection: Connection, run: RunRecord, start: int) -> list[Row]:
        """The run's metrics, from history line `start` on; rows without any of them are left out."""
        found = lines.read(connection, run.id, HISTORY, start) if run.history_lines > start else []
        rows = (_numbers(json.loads(line.body), self._metrics) for line in found)
        return [row for row in rows if row]

    def _other_values(self, run: RunRecord) -> Row:
        """All other numbers of a run that logged no metric of the sweep, for the search to name."""
        keys: Keys = json.loads(run.history_keys)
        last = dict(flat(run.summary_values)) | {name: key["last"] for name, key in keys.items()}
        numbers = {name: float(value) for name, value in last.items() if is_finite(value)}
        return {n: value for n, value in numbers.items() if not (n.startswith("_") or n in self._metrics)}

    def _parameters(self, run: RunRecord) -> Mapping[str, object]:
        """As suggested; for a run that was not, as found in its config."""
        if run.parameters is not None:
            parameters: dict[str, object] = json.loads(run.parameters)
            return parameters
        return self.config.flatten(run.config_values)


def _outcome(run: RunRecord, told: Told) -> dict[str, Any]:
    return {
        "state": RunState(run.state),
        "failure": Failure(run.failure) if run.failure else None,
        "stopped_early": told.is_stopped_early,
        "summary": with_numbers(told.summary),
    }


def _numbers(row: Mapping[str, Any], metrics: frozenset[str]) -> Row:
    found = ((name, number(value)) for name, value in flat(row) if name in metrics)
    return {name: value for name, value in found if value is not None}


class LiveSweeps:
    """The sweeps in memory, and which of them have news."""

    def __init__(self) -> None:
        self.news = threading.Event()
        self._live: dict[int, LiveSweep] = {}
        self._touched: set[int] = set()
        self._lock = threading.Lock()

    def get(self, record: SweepRecord) -> LiveSweep:
        """The live sweep of a record."""
        with self._lock:
            live = self._live.get(record.id)
            if live is None:
                live = self._live[record.id] = LiveSweep(record)
            return live

    def forget(self, sweep_id: int) -> None:
        """Drop what is in memory: the next `get` reads the database again."""
        with self._lock:
            self._live.pop(sweep_id, None)

    def touch(self, sweep_id: int) -> None:
        """Say that something has happened in a sweep."""
        with self._lock:
            self._touched.add(sweep_id)
        self.news.set()

    def touched(self) -> set[int]:
        """The sweeps touched since the last call."""
        with self._lock:
            touched, self._touched = self._touched, set()
            self.news.clear()
            return touched
