"""Creates new runs: a suggestion of the search becomes a run for the agent that asks for work."""

import time
from enum import Enum, auto

from sqlalchemy import Connection

from litsweep.server import repeats, run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import NotFoundError
from litsweep.server.search_protocol import ReadySuggestion
from litsweep.server.search_state import Availability
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord, AgentState, SweepRecord, SweepState
from litsweep.sweep.contract import RunState

SEARCH_WAIT = 10.0
"""Seconds that a heartbeat waits for a suggestion. This is less than a client's timeout.

After that the agent gets an empty answer and asks again in 5 s. Usually a suggestion is ready. The first one
after the server's start takes longest, because the worker imports PyTorch.
"""


class NoRun(Enum):
    """Why an agent gets no new run."""

    NOT_YET = auto()
    SWEEP_IS_DONE = auto()


def new_run(backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float) -> RunRecord | NoRun:
    """Create a run from a suggestion and dispatch it. `now` is the time of the agent's heartbeat.

    If the agent has sent another heartbeat meanwhile, nobody reads this answer. Then the run is not
    dispatched.
    """
    if sweep.done_because is not None:
        return _repeat_or_end(backend, agent, sweep, now)
    until = time.monotonic() + SEARCH_WAIT
    while True:
        found = backend.searches.wait_for_suggestion(sweep.id, agent.id, max(0.0, until - time.monotonic()))
        if found is Availability.READY:
            new = _create_run(backend, agent, sweep, now)
            if new is not None:
                return new
        elif found is Availability.NO_MORE:
            return _end(backend, agent, sweep)
        if time.monotonic() > until or found is Availability.NOT_YET:
            return NoRun.NOT_YET


def _repeat_or_end(backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float) -> RunRecord | NoRun:
    """Create a repeat in a sweep whose search is done. Without one, finish the sweep and exit the agent."""
    with backend.database.write() as connection:
        current = sweeps.get(connection, sweep.id)
        if current is not None and current.done_because is None:  # its config has changed meanwhile
            return NoRun.NOT_YET
        repeat = _repeat(backend, connection, agent, current, now) if current is not None else None
        if repeat is not None:
            return repeat
        sweep_states.finish_if_done(connection, sweep)
        return _exit_agent(connection, agent, sweep)


def _repeat(
    backend: Backend, connection: Connection, agent: AgentRecord, sweep: SweepRecord, now: float
) -> RunRecord | None:
    """Create the next repeat of the sweep's leaders and dispatch it. Return None if none is needed now."""
    if sweep.state is not SweepState.RUNNING or not backend.liveness.is_last_heartbeat(agent.id, now):
        return None
    repeat = repeats.queue_next(connection, sweep)
    if repeat is not None:
        run_states.dispatch(connection, repeat, agent.id)
    return repeat


def _create_run(
    backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float
) -> RunRecord | NoRun | None:
    """Store the next suggestion as a run for the agent. Return None if another agent has taken it."""
    with backend.searches.creating_run(sweep.id) as creation, backend.database.write() as connection:
        if sweeps.get_agent(connection, agent.id) is None:
            raise NotFoundError(f"agent {agent.id} does not exist, or its sweep was deleted")
        suggestion = creation.take(agent.id)
        if suggestion is None:
            return None
        creation.run = _resume(connection, sweep, suggestion) or _store(connection, sweep, suggestion)
        if creation.run is None:
            return NoRun.NOT_YET
        still_asks = backend.liveness.is_last_heartbeat(agent.id, now)
        is_dispatched = _dispatch(connection, agent if still_asks else None, sweep, creation.run)
    return creation.run if is_dispatched else NoRun.NOT_YET


def _resume(connection: Connection, sweep: SweepRecord, suggestion: ReadySuggestion) -> RunRecord | None:
    """Resume the paused run of a suggestion. Return None if the suggestion is not that of a paused run."""
    run = runs.find(connection, sweep.project_id, suggestion.name) if suggestion.is_resumed else None
    if run is None or not run.is_paused:
        return None
    run_states.resume(connection, run, suggestion.reason)
    return runs.get(connection, run.id)


def _store(connection: Connection, sweep: SweepRecord, suggestion: ReadySuggestion) -> RunRecord | None:
    """Store a suggestion as a run. Return None if it is for a paused run, which has ended meanwhile."""
    if suggestion.is_resumed:
        return None
    values = {
        "sweep_id": sweep.id,
        "config": suggestion.args,
        "args": suggestion.args,
        "parameters": suggestion.parameters,
        "reason": suggestion.reason,
    }
    is_taken = runs.find(connection, sweep.project_id, suggestion.name) is not None
    name = sweeps.short_id() if is_taken else suggestion.name  # a deleted run may have reported again
    return run_states.create(connection, sweep.project_id, name, values)


def _dispatch(connection: Connection, agent: AgentRecord | None, sweep: SweepRecord, run: RunRecord) -> bool:
    """Dispatch a pending run to `agent`. Return True if it was dispatched.

    Without an agent, or if the sweep was paused meanwhile, the run waits. If the sweep is over, the run is
    dropped.
    """
    current = sweeps.get(connection, sweep.id)
    if current is None or current.state.is_over:
        run_states.drop(connection, run)
    elif agent is not None and current.state is SweepState.RUNNING:
        run_states.dispatch(connection, run, agent.id)
        return True
    return False


def _end(backend: Backend, agent: AgentRecord, sweep: SweepRecord) -> NoRun:
    """Tell the agent to exit if the sweep is done."""
    with backend.database.write() as connection:
        done_because = backend.searches.done_because(sweep.id)  # in here: the config may change meanwhile
        if done_because is None:
            return NoRun.NOT_YET
        sweep_states.set_done(connection, sweep, done_because)
        return _exit_agent(connection, agent, sweep)


def _exit_agent(connection: Connection, agent: AgentRecord, sweep: SweepRecord) -> NoRun:
    """Tell the agent to exit, unless it may still get a run that another agent returns."""
    alive = runs.alive_in_sweep(connection, sweep.id)
    if any(not (run.state is RunState.RUNNING or run.is_paused) for run in alive):
        return NoRun.NOT_YET
    sweeps.change_agent(connection, agent.id, exited=AgentState.EXITED)
    return NoRun.SWEEP_IS_DONE
