"""The data of a sweep's charts, read from the database."""

from sqlalchemy import Connection

from litsweep.figures.sweep_data import Curve, RunData, SweepData
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.curves import CurveCache
from litsweep.server.dashboard.results import RunResult, SweepResults
from litsweep.server.store.sweeps import SweepRecord


def sweep_data(connection: Connection, sweep: SweepRecord, cache: CurveCache) -> SweepData:
    """Return what the charts show of a sweep."""
    results = SweepResults.read(connection, sweep, cache)
    title = sweep.display_name or results.config.name or sweep.name
    return SweepData(title=title, config=results.config, runs=[_run_data(each) for each in results.runs])


def _run_data(result: RunResult) -> RunData:
    run = result.run
    return RunData(
        name=run.name,
        title=run.display_name,
        state=run.word,
        is_alive=run.is_alive,
        is_broken=run.is_broken,
        parameters=result.parameters,
        bests=result.bests,
        last=result.last,
        curves=[Curve(curve.steps, curve.values) for curve in result.curves],
        config=rows.config(run),
        summary=rows.summary_numbers(run),
        created=run.created_at,
        started=run.started_at,
        ended=None if run.is_alive else run.ended_at or run.heartbeat_at,
        agent=run.agent_name,
        host=run.host,
        reason=rows.brief(run.reason),
        stop_reason=rows.brief(run.stop_reason),
        failure=rows.failure(run),
    )
