"""A sweep in a list: on its page, the page of its project and the page of all projects."""

from typing import Any

from sqlalchemy import Connection

from litsweep.figures.figure import rounded
from litsweep.server import sweep_states
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.progress import Progress
from litsweep.server.store import sweeps
from litsweep.server.store.sweeps import AgentCount, SweepRecord
from litsweep.server.sweep_configs import parsed


def sweep_row(sweep: SweepRecord, progress: Progress, agents: AgentCount) -> dict[str, Any]:
    """Return the state and the progress of a sweep.

    `agents` counts all agents so far, `agents_alive` those that work now. `rate` is in runs an hour, from the
    runs that ended last. `time_left` has a `text`, and the ends `low` and `high` of its 80 % interval in
    seconds; it is None for a sweep whose runs have all ended.
    """
    config = parsed(sweep.config)
    expected = progress.expected(sweep_states.expected_runs(config))
    return {
        "name": sweep.name,
        "title": sweep.display_name or config.name or sweep.name,
        "state": sweep.state,
        "method": config.method,
        "metrics": [rows.metric_row(metric) for metric in config.metrics],
        "best": rounded(sweep.best_loss),
        "expected": expected,
        "counts": progress.counts,
        "agents": agents.total,
        "agents_alive": agents.alive,
        "rate": progress.rate,
        "time_left": progress.time_left(sweep, expected, agents.alive),
        "created": sweep.created_at,
    }


def agents_of(connection: Connection, sweep: SweepRecord) -> AgentCount:
    """Return how many agents a sweep has and had."""
    return sweeps.count_agents(connection, [sweep.id]).get(sweep.id, AgentCount())
