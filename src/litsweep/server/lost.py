"""Finds silent agents and runs, and ends them. The monitor calls `end_lost`.

An agent is gone if it is silent for `AGENT_GONE_AFTER` while others are not. Other agents get its pending
runs. A running run without a sign is lost after `LOST_AFTER` if its agent is gone or has exited, otherwise
after the setting `crash_after`. `Liveness` measures the silence.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from litsweep.server import clock, run_states
from litsweep.server.backend import Backend
from litsweep.server.dispatch import AGENT_GONE_AFTER, LOST_AFTER
from litsweep.server.store import dispatched, runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.tables import batches

T = TypeVar("T")

KEEP_SIGNS_FOR = 3600.0
"""The server remembers the last sign of an agent or run for at least this many seconds."""
_BATCH = 1000


def end_lost(backend: Backend) -> None:
    """Mark silent agents as gone, release or end their pending runs, and end lost runs."""
    backend.liveness.tick(keep=max(KEEP_SIGNS_FOR, 2 * backend.settings.crash_after))
    _save_heartbeats(backend)
    _change(backend, _silent_agents, sweeps.set_gone)
    for find, end in _ENDS:
        ended = _change(backend, find, end)
        for sweep_id in {run.sweep_id for run in ended if run.sweep_id is not None}:
            backend.searches.mark_changed(sweep_id)


def _save_heartbeats(backend: Backend) -> None:
    for batch in batches(backend.liveness.take_unsaved(), _BATCH):
        with backend.database.write() as connection:
            sweeps.set_heartbeats(connection, batch, clock.now())


def _change(
    backend: Backend,
    find: Callable[[Backend, Connection], Sequence[T]],
    change: Callable[[Connection, Sequence[T]], None],
) -> Sequence[T]:
    """Change what `find` returns. Open a write transaction only if it returns something."""
    with backend.database.read() as connection:
        if not find(backend, connection):
            return ()
    with backend.database.write() as connection:
        found = find(backend, connection)[:_BATCH]
        change(connection, found)
        return found


def _silent_agents(backend: Backend, connection: Connection) -> Sequence[int]:
    absence = backend.liveness.agent_lag
    return [agent for agent in sweeps.working(connection) if absence(agent) > AGENT_GONE_AFTER]


def _unreported(backend: Backend, connection: Connection) -> Sequence[RunRecord]:
    """Return the pending runs of silent agents whose earlier programs started no run.

    The sweep may have no other agent, so such a run ends at once. Its program may still start it after that.
    """
    silence, found = backend.liveness.agent_silence, dispatched.after_unreported(connection)
    return [run for run in found if run.agent_id and silence(run.agent_id) > AGENT_GONE_AFTER]


def _mark_unreported(connection: Connection, ended: Sequence[RunRecord]) -> None:
    for run in ended:
        run_states.mark_unreported(connection, run)


def _left_behind(_: Backend, connection: Connection) -> Sequence[RunRecord]:
    return dispatched.left_behind(connection)


def _release_left_behind(connection: Connection, left: Sequence[RunRecord]) -> None:
    """Release the pending runs of agents that are gone, or give them up."""
    for run in left:
        if run.is_named and run.started_at is None and run.dispatches >= dispatched.MAX_DISPATCHES:
            run_states.give_up(connection, run)
        else:
            run_states.release(connection, run)


def _silent_runs(backend: Backend, connection: Connection) -> Sequence[RunRecord]:
    silence, crash_after = backend.liveness.run_silence, backend.settings.crash_after
    limits = {True: min(LOST_AFTER, crash_after), False: crash_after}
    running = dispatched.running(connection)
    lost = [run for run, is_left in running if silence(run) > limits[is_left]]
    return runs.with_ids(connection, lost[:_BATCH])


def _end_silent(connection: Connection, lost: Sequence[RunRecord]) -> None:
    for run in lost:
        run_states.lose(connection, run)


_ENDS = ((_unreported, _mark_unreported), (_left_behind, _release_left_behind), (_silent_runs, _end_silent))
