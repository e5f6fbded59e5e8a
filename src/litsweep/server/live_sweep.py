"""The search of each sweep in memory, refreshed from the database.

A search can be dropped at any time. It is then rebuilt from the database, and its next suggestions are the
same.
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
from litsweep.sweep.contract import RETRIED_AS, Failure, RunState
from litsweep.sweep.early_termination.rule import StopDecision
from litsweep.sweep.reasons import reason_from_json
from litsweep.sweep.run import Suggestion
from litsweep.sweep.summary import find
from litsweep.sweep.values import is_finite

Row = dict[str, float]


class RunStatus(NamedTuple):
    """The status of a run, as the search knows it. If the current status differs, the search needs an update.

    `summary` has only the sweep's metrics, each under its name.
    """

    state: RunState
    history_lines: int = 0
    is_stopped_early: bool = False
    failure: Failure | None = None
    started_at: float | None = None
    summary: Mapping[str, object] = MappingProxyType({})


@dataclass
class KnownRun:
    """The status, the mark and the history of a run when it was last passed to the search.

    `lines` counts the lines of the history that were read.
    """

    status: RunStatus
    mark: RunMark | None = None
    lines: int = 0
    history: list[Row] = field(default_factory=list)


class LiveSweep:
    """One sweep's search. Hold `lock` for everything except reading `config`."""

    def __init__(self, record: SweepRecord) -> None:
        self.id = record.id
        self.lock = threading.Lock()
        self.config = parse_sweep(record.config)
        self._controller = Controller(self.config, seed=seed_for_sweep(record.name), namespace=record.name)
        self._metrics = frozenset(metric.name for metric in self.config.metrics)
        self._known: dict[str, KnownRun] = {}
        self._prior_runs = record.prior_runs
        self._project_id = record.project_id

    def refresh(self, connection: Connection) -> None:
        """Tell the search what is new since the last refresh."""
        self._add_prior_runs(connection)
        for mark in runs.marks(connection, self.id):
            known = self._known.get(mark.first_name)
            if known is None or known.mark != mark:
                self._update(connection, mark, known)

    def suggest(self) -> Suggestion | None:
        """Return the next suggestion, or None if there is none now."""
        suggestions = self._controller.ask()
        for suggestion in suggestions:
            self._known[suggestion.id] = KnownRun(RunStatus(RunState.PENDING))
        return suggestions[0] if suggestions else None

    def runs_to_stop(self) -> Sequence[StopDecision]:
        """Return the runs that early termination stops, each with its reason."""
        return [
            StopDecision(self._last_name(decision.id), decision.reason)
            for decision in self._controller.runs_to_stop()
        ]

    @property
    def done_because(self) -> str | None:
        """The reason why there are no more suggestions, or None."""
        return self._controller.done_because

    @property
    def warnings(self) -> Sequence[str]:
        """The warnings about the config and the search, for people."""
        return (*self.config.local_warnings, *self._controller.warnings)

    def best_run(self) -> str | None:
        """Return the name of the best run so far, or None."""
        best = self._controller.best()
        return None if best is None else self._last_name(best.id)

    def _last_name(self, id: str) -> str:
        """Return the name of a run's last retry, or its own."""
        mark = self._known[id].mark if id in self._known else None
        return mark.name if mark else id

    def best_loss(self) -> float | None:
        """Return the best objective so far, or None."""
        best = self._controller.best()
        return None if best is None else self._controller.objective(best.id)

    def _add_prior_runs(self, connection: Connection) -> None:
        """Tell the search once about the runs that `wandb sweep --prior_run` names."""
        if self._prior_runs is None:
            return
        found = runs.of_project(connection, self._project_id)
        for run in run_filters.select(found, self._prior_runs):
            if run.sweep_id != self.id and RETRIED_AS not in run.summary_values:
                history = self._rows(connection, run, 0)
                parameters, outcome = self._parameters(run), _outcome(self._status(run))
                self._controller.add(parameters, history, id=run.name, is_prior=True, **outcome)
        self._prior_runs = None

    def _update(self, connection: Connection, mark: RunMark, known: KnownRun | None) -> None:
        run = runs.get(connection, mark.id)
        assert run is not None  # the mark was read in the same transaction
        status = self._status(run)
        if known is not None and status == known.status:
            known.mark = mark
            return
        has_restarted = known is not None and status.started_at != known.status.started_at
        current = KnownRun(status) if known is None or has_restarted else known
        current.history.extend(self._rows(connection, run, current.lines))
        current.status, current.mark, current.lines = status, mark, status.history_lines
        self._known[mark.first_name] = current
        history = current.history or [self._other_values(run)]
        outcome = _outcome(status)
        if known is None:
            reason = reason_from_json(json.loads(run.reason)) if run.reason else None
            self._controller.add(self._parameters(run), history, id=mark.first_name, reason=reason, **outcome)
        else:
            self._controller.tell(mark.first_name, history, **outcome)

    def _status(self, run: RunRecord) -> RunStatus:
        found = {name: find(run.summary_values, name) for name in sorted(self._metrics)}
        summary = {name: value for name, value in found.items() if value is not None}
        return RunStatus(
            run.state, run.history_lines, run.is_stopped_early, run.failure, run.started_at, summary
        )

    def _rows(self, connection: Connection, run: RunRecord, start: int) -> list[Row]:
        """Return the sweep's metrics in the rows from history line `start` on, without empty rows."""
        found = lines.read(connection, run.id, HISTORY, start) if run.history_lines > start else []
        rows = (_numbers(json.loads(line.body), self._metrics) for line in found)
        return [row for row in rows if row]

    def _other_values(self, run: RunRecord) -> Row:
        """Return the other numbers of a run that logged no metric of the sweep. A warning names them."""
        keys: Keys = json.loads(run.history_keys)
        last = dict(flat(run.summary_values)) | {name: key["last"] for name, key in keys.items()}
        numbers = {name: float(value) for name, value in last.items() if is_finite(value)}
        return {n: value for n, value in numbers.items() if not (n.startswith("_") or n in self._metrics)}

    def _parameters(self, run: RunRecord) -> Mapping[str, object]:
        """Return the suggested parameters. For a run without a suggestion, return those in its config."""
        if run.parameters is not None:
            parameters: dict[str, object] = json.loads(run.parameters)
            return parameters
        return self.config.flatten(run.config_values)


def _outcome(status: RunStatus) -> dict[str, Any]:
    return {
        "state": status.state,
        "failure": status.failure,
        "stopped_early": status.is_stopped_early,
        "summary": with_numbers(status.summary),
    }


def _numbers(row: Mapping[str, Any], metrics: frozenset[str]) -> Row:
    found = ((name, number(value)) for name, value in flat(row) if name in metrics)
    return {name: value for name, value in found if value is not None}


class LiveSweeps:
    """The live sweeps, and the ids of those that have changed. The event `has_changed` wakes the monitor."""

    def __init__(self) -> None:
        self.has_changed = threading.Event()
        self._live: dict[int, LiveSweep] = {}
        self._changed: set[int] = set()
        self._lock = threading.Lock()

    def get(self, record: SweepRecord) -> LiveSweep:
        """Return the live sweep of a record."""
        with self._lock:
            live = self._live.get(record.id)
            if live is None:
                live = self._live[record.id] = LiveSweep(record)
            return live

    def forget(self, sweep_id: int) -> None:
        """Drop a live sweep. The next `get` builds it from the database again."""
        with self._lock:
            self._live.pop(sweep_id, None)

    def mark_changed(self, sweep_id: int) -> None:
        """Note that a sweep has something new for its search."""
        with self._lock:
            self._changed.add(sweep_id)
        self.has_changed.set()

    def take_changed(self) -> set[int]:
        """Return the ids of the sweeps that were marked since the last call."""
        with self._lock:
            changed, self._changed = self._changed, set()
            self.has_changed.clear()
            return changed
