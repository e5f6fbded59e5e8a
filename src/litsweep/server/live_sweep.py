"""The search of one sweep in memory, refreshed from the database. The search worker holds it.

A search can be dropped at any time. It is then rebuilt from the database, and its next suggestions are the
same.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version

from sqlalchemy import Connection

from litsweep.search.controller import Controller, seed_for_sweep
from litsweep.server import run_filters
from litsweep.server.history_keys import Keys
from litsweep.server.metric_rows import Row, metric_rows
from litsweep.server.pauses import has_pauses
from litsweep.server.run_parameters import parameters_of
from litsweep.server.run_results import constrained, training_seconds
from litsweep.server.run_status import PENDING, RunStatus, as_text, digest
from litsweep.server.search_protocol import GivenUp, ReadySuggestion, Status, Stop
from litsweep.server.store import lines, marks, runs
from litsweep.server.store.lines import HISTORY
from litsweep.server.store.marks import ChangeMark
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import dumps
from litsweep.sweep.completion import missing
from litsweep.sweep.contract import RETRIED_AS, RunState
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.logged import flat
from litsweep.sweep.reasons import reason_from_json, stored_reason
from litsweep.sweep.run import Suggestion
from litsweep.sweep.summary import find
from litsweep.sweep.values import is_finite


@dataclass
class KnownRun:
    """The status, the mark and the history of a run when it was last passed to the search.

    `lines` counts the lines of the history that were read.
    """

    status: RunStatus
    mark: ChangeMark | None = None
    lines: int = 0
    history: list[Row] = field(default_factory=list)


class LiveSweep:
    """One sweep's search.

    `open` has the suggestions that are not stored as runs yet, in order. A change of a run withdraws them if
    the search may suggest something else now. `is_outdated` says that it must be built again: a run's own
    config now has the value of a parameter that was added to the sweep's config after the run began. The
    search learns from `earlier` sweeps.
    """

    def __init__(self, record: SweepRecord, earlier: Sequence[EarlierSweep] = ()) -> None:
        self.id = record.id
        self.config = parsed(record.config)
        self.open: dict[str, ReadySuggestion] = {}
        self.withdrawals = 0
        self.is_outdated = False
        seed = seed_for_sweep(record.name)
        self._controller = Controller(self.config, seed, namespace=record.name, earlier=earlier)
        self._metrics = frozenset(metric.name for metric in self.config.metrics)
        self._known: dict[str, KnownRun] = {}
        self._digests: dict[str, int] = {}
        self._judged: frozenset[str] = frozenset()
        self._prior_runs = record.prior_runs
        self._project_id = record.project_id
        self._may_pause = has_pauses(self.config)
        known = [(sweep.name, len(sweep.runs)) for sweep in earlier]
        self._knowledge = digest(version("litsweep"), record.config, record.prior_runs, *known)

    @property
    def uses_results(self) -> bool:
        """True if results may change the suggestions or end the sweep."""
        has_target = any(metric.target is not None for metric in self.config.metrics)
        return self._controller.uses_results or has_target or self.config.early_terminate is not None

    def refresh(self, connection: Connection, changed: Collection[int] | None = None) -> bool:
        """Pass the changes of the runs with the ids `changed`, or of all runs, to the search.

        Return True if something has changed. A run with the name and parameters of an open suggestion is that
        suggestion.
        """
        is_first = not self._known
        self._add_prior_runs(connection)
        found = self._read(connection, changed)
        for run in found:
            self._close(run)
        changes = [(run, status) for run in found if (status := self._status(run)) != self._known_status(run)]
        if any(self._has_new_parameters(run, status) for run, status in changes):
            self.is_outdated = True
            return True
        if any(self._makes_stale(run, status) for run, status in changes):
            self.withdraw()
        histories = lines.histories(connection, self.id) if is_first and changes else None
        for run, status in changes:
            rows = None if histories is None else self._with_metrics(histories.get(run.id, ()))
            self._update(connection, run, status, rows)
        for run in found:
            self._known[run.first_name].mark = marks.of_run(run)
        return bool(changes)

    def suggest(self) -> ReadySuggestion | None:
        """Return the next suggestion, which is then open, or None if there is none now."""
        suggestions = self._controller.ask()
        return self._open(suggestions[0]) if suggestions else None

    def still_valid(
        self, connection: Connection, ready: Sequence[ReadySuggestion]
    ) -> tuple[ReadySuggestion, ...]:
        """Return the suggestions of an earlier search that this search would make too.

        This is faster than a refresh, so it can run before one.
        """
        if not ready:
            return ()
        knowledge, valid = self._knowledge, list[ReadySuggestion]()
        found = marks.last_retries(runs.of_sweep(connection, self.id))
        known = {run.name: (run.first_name, self._status(run)) for run in found}
        for name, status in known.values():
            knowledge ^= self._digest(name, status)
        for suggestion in ready:
            if suggestion.fingerprint == as_text(knowledge):
                valid.append(suggestion)
                knowledge ^= self._digest_of_taking(suggestion, known.get(suggestion.name))
        return tuple(valid)

    def restore(self, ready: Sequence[ReadySuggestion]) -> None:
        """Open suggestions of an earlier search that are still valid."""
        for suggestion in ready:
            parameters = json.loads(suggestion.parameters)
            reason = reason_from_json(json.loads(suggestion.reason))
            if suggestion.is_resumed:
                id = self._id_of(suggestion.name)
                self._controller.resume(id, reason)
            else:
                id = self._controller.add(parameters, (), RunState.RUNNING, suggestion.name, reason=reason)
            self.open[id] = suggestion

    def withdraw(self) -> None:
        """Withdraw all open suggestions."""
        self.withdrawals += 1
        self._controller.withdraw(self.open)
        self.open.clear()

    @property
    def done_because(self) -> str | None:
        """The reason why there are no more suggestions, or None. It is None while suggestions are open."""
        return None if self.open else self.end

    @property
    def end(self) -> str | None:
        """The reason why there are no more suggestions after the open ones, or None."""
        return self._controller.done_because

    @property
    def warnings(self) -> Sequence[str]:
        """The warnings about the config and the search, for people."""
        return (*self.config.local_warnings, *self._controller.warnings)

    def status(self) -> Status:
        """Return the status that the monitor stores."""
        best = self._controller.best()
        stops = self._controller.runs_to_stop()
        return Status(
            best_run=None if best is None else self._last_name(best.id),
            best_loss=None if best is None else self._controller.objective(best.id),
            warnings=tuple(self.warnings),
            given_up=tuple(
                GivenUp(self._last_name(id), self._known[id].status.history_lines)
                for id in self._runs_to_give_up()
            ),
            stops=tuple(
                Stop(self._last_name(stop.id), stop.reason.to_json(), stop.is_pause)
                for stop in stops
                if not self._is_asked_to_pause(stop.id)
            ),
        )

    def _runs_to_give_up(self) -> Sequence[str]:
        """Return the paused runs to give up. They are judged again when another run is paused."""
        paused = frozenset(id for id, known in self._known.items() if known.status.is_paused)
        if paused <= self._judged:
            return ()
        self._judged = paused
        return self._controller.runs_to_give_up()

    def _is_asked_to_pause(self, id: str) -> bool:
        return id in self._known and self._known[id].status.is_asked_to_pause

    def _id_of(self, name: str) -> str:
        """Return the id by which the search knows a stored run."""
        return next(id for id, known in self._known.items() if known.mark and known.mark.name == name)

    def _last_name(self, id: str) -> str:
        """Return the name of a run's last retry, or its own."""
        mark = self._known_mark(id)
        return mark.name if mark else id

    def _open(self, suggestion: Suggestion) -> ReadySuggestion:
        nested = self.config.nest(suggestion.parameters)
        ready = ReadySuggestion(
            name=self._last_name(suggestion.id),
            parameters=dumps(suggestion.parameters),
            args=dumps({key: {"value": value} for key, value in nested.items()}),
            reason=dumps(suggestion.reason.to_json()),
            fingerprint=self._fingerprint(),
            is_resumed=suggestion.is_resumed,
        )
        self.open[suggestion.id] = ready
        return ready

    def _fingerprint(self) -> str:
        """Return a fingerprint of all data that the search has, open suggestions included."""
        known = self._knowledge
        for id, suggestion in self.open.items():
            run = (id, self._known[id].status) if suggestion.is_resumed else None
            known ^= self._digest_of_taking(suggestion, run)
        return as_text(known)

    def _digest_of_taking(self, suggestion: ReadySuggestion, run: tuple[str, RunStatus] | None) -> int:
        """Return what the knowledge changes by when an agent takes a suggestion, which may resume `run`."""
        if run is None:
            return self._digest(suggestion.name, PENDING)
        name, status = run
        return self._digest(name, status) ^ self._digest(name, status.resumed(suggestion.reason))

    def _add_prior_runs(self, connection: Connection) -> None:
        """Tell the search once about the runs that `wandb sweep --prior_run` names."""
        if self._prior_runs is None:
            return
        found = runs.of_project(connection, self._project_id)
        for run in run_filters.select(found, run_filters.parse(self._prior_runs)):
            if run.sweep_id != self.id and RETRIED_AS not in run.summary_values:
                history = self._rows(connection, run, 0)
                parameters, outcome = parameters_of(self.config, run), self._status(run).outcome
                self._controller.add(parameters, history, id=run.name, is_prior=True, **outcome)
        self._prior_runs = None

    def _read(self, connection: Connection, changed: Collection[int] | None) -> Sequence[RunRecord]:
        if not self._known and changed is None:
            return marks.last_retries(runs.of_sweep(connection, self.id))
        if changed is None:
            current = marks.of_sweep(connection, self.id)
            changed = [mark.id for mark in current if self._known_mark(mark.first_name) != mark]
        found = [run for run in runs.with_ids(connection, changed) if run.sweep_id == self.id]
        return [run for run in marks.last_retries(found) if not self._is_retried(run)]

    def _is_retried(self, run: RunRecord) -> bool:
        """Return True if the search knows a later retry of the run."""
        mark = self._known_mark(run.first_name)
        return mark is not None and mark.id > run.id

    def _known_mark(self, name: str) -> ChangeMark | None:
        return self._known[name].mark if name in self._known else None

    def _known_status(self, run: RunRecord) -> RunStatus | None:
        return self._known[run.first_name].status if run.first_name in self._known else None

    def _close(self, run: RunRecord) -> None:
        """Note that a suggestion is stored as a run, or that the run that it resumes has been resumed."""
        id = run.first_name
        suggestion = self.open.get(id)
        if suggestion is None or (suggestion.is_resumed and run.is_paused):
            return
        if suggestion.is_resumed and suggestion.reason == run.reason:
            known = self._known[id]
            self._learn(id, replace(known, status=known.status.resumed(suggestion.reason)))
            del self.open[id]
        elif not suggestion.is_resumed and suggestion.parameters == run.parameters:
            self._learn(id, KnownRun(PENDING))
            del self.open[id]
        else:
            self.withdraw()

    def _makes_stale(self, run: RunRecord, status: RunStatus) -> bool:
        """Return True if the search may suggest something else after this change of a run."""
        known = self._known_status(run)
        return known is None or (self.uses_results and known.result != status.result)

    def _has_new_parameters(self, run: RunRecord, status: RunStatus) -> bool:
        known = self._known_status(run)
        return known is not None and known.missing != status.missing

    def _learn(self, name: str, current: KnownRun) -> None:
        if name in self._known:
            self._knowledge ^= self._digests.pop(name)
        self._digests[name] = self._digest(name, current.status)
        self._knowledge ^= self._digests[name]
        self._known[name] = current

    def _digest(self, name: str, status: RunStatus) -> int:
        """Return a digest of a run's name and, if suggestions may depend on it, of its result."""
        return digest(name, *status.missing, *(status.result if self.uses_results else ()))

    def _update(
        self, connection: Connection, run: RunRecord, status: RunStatus, rows: Sequence[Row] | None
    ) -> None:
        """Pass a run to the search. `rows` is its whole history if it was read already."""
        known = self._known.get(run.first_name)
        has_restarted = known is not None and status.started_at != known.status.started_at
        is_resumed = known is not None and status.train_to != known.status.train_to
        current = KnownRun(status) if known is None or has_restarted else known
        current.history.extend(self._rows(connection, run, current.lines) if rows is None else rows)
        current.status, current.lines = status, status.history_lines
        self._learn(run.first_name, current)
        history = current.history or [self._other_values(run)]
        outcome, reason = status.outcome, stored_reason(run.reason)
        if known is None:
            parameters = parameters_of(self.config, run)
            self._controller.add(parameters, history, id=run.first_name, reason=reason, **outcome)
        else:
            if is_resumed and reason is not None:
                self._controller.resume(run.first_name, reason)
            self._controller.tell(run.first_name, history, **outcome)

    def _status(self, run: RunRecord) -> RunStatus:
        found = {name: find(run.summary_values, name) for name in sorted(self._metrics)}
        limits = constrained(run, self.config, [None] * len(self.config.metrics))
        summary = {name: value for name, value in {**limits, **found}.items() if value is not None}
        lacking = missing(self.config.space, parameters_of(self.config, run))
        duration = training_seconds(run) if self.config.cost else None
        return RunStatus.of(run, summary, lacking, duration, self._may_pause)

    def _rows(self, connection: Connection, run: RunRecord, start: int) -> list[Row]:
        """Return the sweep's metrics in the rows from history line `start` on, without empty rows."""
        found = lines.read(connection, run.id, HISTORY, start) if run.history_lines > start else []
        return self._with_metrics(line.body for line in found)

    def _with_metrics(self, bodies: Iterable[str]) -> list[Row]:
        return metric_rows(bodies, self._metrics)

    def _other_values(self, run: RunRecord) -> Row:
        """Return the other numbers of a run that logged no metric of the sweep. A warning names them."""
        keys: Keys = json.loads(run.history_keys)
        last = dict(flat(run.summary_values)) | {name: key["last"] for name, key in keys.items()}
        numbers = {name: float(value) for name, value in last.items() if is_finite(value)}
        return {n: value for n, value in numbers.items() if not (n.startswith("_") or n in self._metrics)}
