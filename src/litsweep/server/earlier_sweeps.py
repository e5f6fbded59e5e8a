"""The earlier sweeps that a sweep learns from.

They follow from the database alone, so a search that is rebuilt has the same ones. Only the runs count that
had ended when the sweep was created.
"""

import json
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection

from litsweep.errors import ConfigError
from litsweep.server.metric_rows import metric_rows
from litsweep.server.store import lines, listed_runs, marks, runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.server.wire_json import with_numbers
from litsweep.sweep.config import Method, SweepConfig
from litsweep.sweep.earlier import EarlierSweep
from litsweep.sweep.run import Run

MOST_SWEEPS = 7
"""The number of earlier sweeps, the newest ones, that `transfer: auto` uses."""
LEAST_RUNS = 5
"""The number of ended runs that a sweep needs before others learn from it."""


def earlier_records(connection: Connection, sweep: SweepRecord) -> Sequence[SweepRecord]:
    """Return the sweeps that a sweep learns from, newest first."""
    config = parsed(sweep.config)
    if not _learns(config) or sweep.scheduler is not None:
        return ()
    older = [
        other
        for other in sweeps.of_project(connection, sweep.project_id)
        if other.created_at < sweep.created_at and _is_wanted(config, other)
    ]
    ended = listed_runs.count_ended_before(connection, [other.id for other in older], sweep.created_at)
    enough = [other for other in older if ended.get(other.id, 0) >= LEAST_RUNS]
    return enough if config.transfer else enough[:MOST_SWEEPS]


def earlier_sweeps(connection: Connection, sweep: SweepRecord) -> Sequence[EarlierSweep]:
    """Return the sweeps that a sweep learns from, with their runs that had ended when it was created."""
    return [
        EarlierSweep(parsed(other.config), list(_runs(connection, other, sweep.created_at)), other.name)
        for other in earlier_records(connection, sweep)
    ]


def _learns(config: SweepConfig) -> bool:
    return config.method is Method.BAYES and len(config.metrics) == 1 and config.transfer != ()


def _is_wanted(config: SweepConfig, other: SweepRecord) -> bool:
    """Return True if `transfer` names the other sweep; for `auto`, if metric and a parameter are the same."""
    if config.transfer is not None:
        return other.name in config.transfer
    try:
        theirs = parsed(other.config)
    except ConfigError:  # an older version accepted it
        return False
    return has_same_subject(config, theirs)


def has_same_subject(config: SweepConfig, earlier: SweepConfig) -> bool:
    """Return True if an earlier sweep has a sweep's metric and one of the parameters that vary in it."""
    metrics = {(metric.name, metric.goal) for metric in earlier.metrics}
    names = {parameter.name for parameter in config.space.free}
    shares = any(parameter.name in names for parameter in earlier.space.free)
    return shares and (config.metrics[0].name, config.metrics[0].goal) in metrics


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
