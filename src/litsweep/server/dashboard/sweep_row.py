"""A sweep in a list: on its page, the page of its project and the page of all projects."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.figures.figure import rounded
from litsweep.server import clock, sweep_states
from litsweep.server.dashboard import rows
from litsweep.server.dashboard.progress import Progress
from litsweep.server.dispatch import AGENT_GONE_AFTER
from litsweep.server.store import sweeps
from litsweep.server.store.sweeps import AgentCount, SweepRecord
from litsweep.server.sweep_configs import parsed
from litsweep.sweep.constraints import UNMET


def sweep_row(sweep: SweepRecord, progress: Progress, agents: AgentCount) -> dict[str, Any]:
    """Return the state and the progress of a sweep.

    `unmet` says that no run meets the constraints. `agents` counts all agents so far, `agents_alive` those
    that work now. `rate` is in runs an hour, from the runs that ended last. `time_left` has a `text`, and the
    ends `low` and `high` of its 80 % interval in seconds; it is None for a sweep whose runs have all ended.
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
        "unmet": _unmet(sweep),
        "expected": expected,
        "counts": progress.counts,
        "agents": agents.total,
        "agents_alive": agents.alive,
        "rate": progress.rate,
        "time_left": progress.time_left(sweep, expected, agents.alive),
        "created": sweep.created_at,
    }


def _unmet(sweep: SweepRecord) -> str:
    """Return that no run meets the constraints, if the search has found that; otherwise an empty text."""
    if sweep.best_loss is not None or UNMET not in sweep.warnings:
        return ""
    return next((UNMET for warning in json.loads(sweep.warnings) if warning.startswith(UNMET)), "")


def silence_limit() -> float:
    """Return the time after which an agent that is at work has sent a heartbeat.

    The monitor finds silent agents only while others are not silent, so a restarted server may have agents
    that ended unseen.
    """
    return clock.now() - AGENT_GONE_AFTER


def agents_of(connection: Connection, found: Sequence[SweepRecord]) -> Mapping[int, AgentCount]:
    """Return how many agents each sweep has and had, by its id."""
    ids = [sweep.id for sweep in found]
    return {**dict.fromkeys(ids, AgentCount()), **sweeps.count_agents(connection, ids, silence_limit())}
