"""The end of agents and runs that the server no longer hears from. The monitor calls `end_lost`.

An agent is gone if it is silent for `AGENT_GONE_AFTER` while others are not. Its pending runs go to other
agents. A running run is lost after `LOST_AFTER` without a sign of it if its agent is gone or has exited,
otherwise after the setting `crash_after`. `Contacts` measures the silence.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from litsweep.server import clock, run_states
from litsweep.server.backend import Backend
from litsweep.server.dispatch import AGENT_GONE_AFTER, LOST_AFTER, MAX_DISPATCHES
from litsweep.server.store import dispatched, runs, sweeps
from litsweep.server.store.runs import RunRecord

T = TypeVar("T")

KEEP_CONTACTS = 3600.0
"""Seconds for which the server remembers at least when it last heard from an agent or run."""
_BATCH = 1000


def end_lost(backend: Backend) -> None:
    """Note which agents are gone, release or end their runs, and end lost runs."""
    backend.contacts.tick(keep=max(KEEP_CONTACTS, 2 * backend.settings.crash_after))
    _save_heartbeats(backend)
    _change(backend, _silent_agents, sweeps.set_gone)
    for find, end in _ENDS:
        ended = _change(backend, find, end)
        for sweep_id in {run.sweep_id for run in ended if run.sweep_id is not None}:
            backend.sweeps.mark_changed(sweep_id)


def _save_heartbeats(backend: Backend) -> None:
    heard = backend.contacts.take_unsaved()
    for start in range(0, len(heard), _BATCH):
        with backend.database.write() as connection:
            sweeps.set_heartbeats(connection, heard[start : start + _BATCH], clock.now())


def _change(
    backend: Backend,
    find: Callable[[Backend, Connection], Sequence[T]],
    change: Callable[[Connection, Sequence[T]], None],
) -> Sequence[T]:
    """Change what `find` returns, in a write transaction only if there is something."""
    with backend.database.read() as connection:
        if not find(backend, connection):
            return ()
    with backend.database.write() as connection:
        found = find(backend, connection)[:_BATCH]
        change(connection, found)
        return found


def _silent_agents(backend: Backend, connection: Connection) -> Sequence[int]:
    absence = backend.contacts.agent_absence
    return [agent for agent in sweeps.working(connection) if absence(agent) > AGENT_GONE_AFTER]


def _unreported(backend: Backend, connection: Connection) -> Sequence[RunRecord]:
    """Return the pending runs of silent agents whose earlier programs started no run.

    Such an agent may have been the last one. If the program starts its run after all, the run is running.
    """
    silence, found = backend.contacts.agent_silence, dispatched.after_unreported(connection)
    return [run for run in found if run.agent_id and silence(run.agent_id) > AGENT_GONE_AFTER]


def _mark_unreported(connection: Connection, ended: Sequence[RunRecord]) -> None:
    for run in ended:
        run_states.mark_unreported(connection, run)


def _left_behind(_: Backend, connection: Connection) -> Sequence[RunRecord]:
    return dispatched.left_behind(connection)


def _leave_behind(connection: Connection, left: Sequence[RunRecord]) -> None:
    """Release the pending runs of agents that are gone, or give them up."""
    for run in left:
        if run.is_named and run.started_at is None and run.handouts >= MAX_DISPATCHES:
            run_states.give_up(connection, run)
        else:
            run_states.release(connection, run)


def _silent_runs(backend: Backend, connection: Connection) -> Sequence[RunRecord]:
    silence, crash_after = backend.contacts.run_silence, backend.settings.crash_after
    limits = {True: min(LOST_AFTER, crash_after), False: crash_after}
    running = dispatched.running(connection)
    lost = [run for run, is_left in running if silence(run) > limits[is_left]]
    return runs.select_all(connection, runs.runs.c.id.in_(lost[:_BATCH])) if lost else ()


def _lose(connection: Connection, lost: Sequence[RunRecord]) -> None:
    for run in lost:
        run_states.lose(connection, run)


_ENDS = ((_unreported, _mark_unreported), (_left_behind, _leave_behind), (_silent_runs, _lose))
