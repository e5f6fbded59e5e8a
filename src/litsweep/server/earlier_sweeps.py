"""The earlier sweeps that a sweep learns from.

They follow from the database alone, so a search that is rebuilt has the same ones. Only the runs count that
had ended when the sweep was created.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from litsweep.server.metric_rows import metric_rows
from litsweep.server.store import lines, listed_runs, marks, runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed, parsed_or_none
from litsweep.server.wire_json import with_numbers
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.earlier import EarlierSweep, choose_earlier, learns_from_earlier
from litsweep.sweep.run import Run


def earlier_records(connection: Connection, sweep: SweepRecord) -> Sequence[SweepRecord]:
    """Return the sweeps that a sweep learns from, newest first."""
    config = parsed(sweep.config)
    if config.method is not Method.BAYES or sweep.scheduler is not None or not learns_from_earlier(config):
        return ()
    older = [
        other
        for other in sweeps.of_project(connection, sweep.project_id)
        if other.created_at < sweep.created_at
    ]
    ended = listed_runs.count_ended_before(connection, [other.id for other in older], sweep.created_at)
    candidates = (_Older(other, ended.get(other.id, 0)) for other in older)
    return [chosen.record for chosen in choose_earlier(config, candidates)]


def earlier_sweeps(connection: Connection, sweep: SweepRecord) -> Sequence[EarlierSweep]:
    """Return the sweeps that a sweep learns from, with their runs that had ended when it was created."""
    return [
        EarlierSweep(parsed(other.config), list(_runs(connection, other, sweep.created_at)), other.name)
        for other in earlier_records(connection, sweep)
    ]


@dataclass(frozen=True)
class _Older:
    """A stored sweep as `choose_earlier` reads it."""

    record: SweepRecord
    ended: int

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def config(self) -> SweepConfig | None:
        return parsed_or_none(self.record.config)


def _runs(connection: Connection, sweep: SweepRecord, before: float) -> Iterator[Run]:
    config = parsed(sweep.config)
    metrics = frozenset(metric.name for metric in config.metrics)
    histories = lines.histories(connection, sweep.id)
    for run in marks.last_retries(runs.of_sweep(connection, sweep.id)):
        if run.ended_at is not None and run.ended_at < before and not run.is_alive:
            rows = metric_rows(histories.get(run.id, ()), metrics)
            yield Run(
                run.first_name,
                _parameters(run, config),
                run.state,
                rows,
                run.failure,
                run.is_stopped_early,
                with_numbers(run.summary_values),
            )


def _parameters(run: RunRecord, config: SweepConfig) -> dict[str, object]:
    found: dict[str, object] = (
        json.loads(run.parameters) if run.parameters else config.flatten(run.config_values)
    )
    return found
