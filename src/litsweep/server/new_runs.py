"""New runs: a suggestion of the search becomes a run, for the agent that asks for work."""

from enum import Enum, auto

from sqlalchemy import Connection

from litsweep.server import run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import NotFoundError
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord, SweepRecord, SweepState
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import Suggestion

SEARCH_WAIT = 2.0
"""Seconds that a heartbeat waits while the search suggests for another agent.

After that the agent gets an empty answer and asks again in 5 s, so that threads do not pile up.
"""


class NoRun(Enum):
    """Why an agent gets no new run."""

    NOT_YET = auto()
    SWEEP_IS_DONE = auto()


def new_run(backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float) -> RunRecord | NoRun:
    """Dispatch a new suggestion of the search. `now` is the time of the agent's heartbeat, from `Contacts`.

    If the agent has sent another heartbeat meanwhile, nobody reads this answer, and the run waits.
    """
    live = backend.sweeps.get(sweep)
    if not live.lock.acquire(timeout=SEARCH_WAIT):
        return NoRun.NOT_YET
    try:
        with backend.database.read() as connection:
            live.refresh(connection)
        suggestion = live.suggest()
        with backend.database.write() as connection:
            if sweeps.get_agent(connection, agent.id) is None:
                raise NotFoundError(f"agent {agent.id} does not exist, or its sweep was deleted")
            if suggestion is None:
                return _nothing_to_do(connection, agent, sweep, live)
            still_asks = backend.contacts.is_last_heartbeat(agent.id, now)
            return _store(connection, agent if still_asks else None, sweep, live, suggestion)
    except BaseException:
        backend.sweeps.forget(sweep.id)  # it may have a suggestion that the database lacks
        raise
    finally:
        live.lock.release()


def _store(
    connection: Connection,
    agent: AgentRecord | None,
    sweep: SweepRecord,
    live: LiveSweep,
    suggestion: Suggestion,
) -> RunRecord | NoRun:
    """Store a suggestion as a run, and dispatch it to `agent`.

    The run waits if there is no agent or if the sweep was paused meanwhile. If the sweep is over, the run is
    dropped.
    """
    args = dumps({key: {"value": value} for key, value in live.config.nest(suggestion.parameters).items()})
    values = {
        "sweep_id": sweep.id,
        "config": args,
        "args": args,
        "parameters": dumps(suggestion.parameters),
        "reason": dumps(suggestion.reason.to_json()),
    }
    run = run_states.create(connection, sweep.project_id, suggestion.id, values)
    current = sweeps.get(connection, sweep.id)
    if current is None or current.state.is_over:
        run_states.drop(connection, run)
    elif agent is not None and current.state is SweepState.RUNNING:
        run_states.dispatch(connection, run, agent.id)
        return run
    return NoRun.NOT_YET


def _nothing_to_do(connection: Connection, agent: AgentRecord, sweep: SweepRecord, live: LiveSweep) -> NoRun:
    """Tell the agent to exit if the sweep is done. The agent stays while another agent may return a run."""
    if live.done_because is None:
        return NoRun.NOT_YET
    sweep_states.set_done(connection, sweep, live.done_because)
    alive = runs.alive_in_sweep(connection, sweep.id)
    if any(run.state is not RunState.RUNNING for run in alive):
        return NoRun.NOT_YET
    sweeps.change_agent(connection, agent.id, exited=1)
    return NoRun.SWEEP_IS_DONE
