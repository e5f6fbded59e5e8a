"""New runs: a suggestion of the search becomes a run, for the agent that asks for work."""

import time
from enum import Enum, auto

from sqlalchemy import Connection

from litsweep.server import run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import NotFoundError
from litsweep.server.search_protocol import Prepared
from litsweep.server.search_state import Offer
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord, AgentState, SweepRecord, SweepState
from litsweep.sweep.contract import RunState

SEARCH_WAIT = 10.0
"""Seconds that a heartbeat waits for a suggestion, less than a client's timeout.

After that the agent gets an empty answer and asks again in 5 s. A suggestion is usually ready. The first one
of a new server takes longest, because its worker imports PyTorch.
"""


class NoRun(Enum):
    """Why an agent gets no new run."""

    NOT_YET = auto()
    SWEEP_IS_DONE = auto()


def new_run(backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float) -> RunRecord | NoRun:
    """Dispatch a new suggestion of the search. `now` is the time of the agent's heartbeat.

    If the agent has sent another heartbeat meanwhile, nobody reads this answer, and the run waits.
    """
    if sweep.done_because is not None:
        with backend.database.write() as connection:
            sweep_states.finish_if_done(connection, sweep)
            return _leave(connection, agent, sweep)
    until = time.monotonic() + SEARCH_WAIT
    while True:
        offer = backend.sweeps.wait_for_offer(sweep.id, agent.id, max(0.0, until - time.monotonic()))
        if offer is Offer.READY:
            new = _hand_out(backend, agent, sweep, now)
            if new is not None:
                return new
        elif offer is Offer.DONE:
            return _end(backend, agent, sweep)
        if time.monotonic() > until or offer is Offer.NOTHING:
            return NoRun.NOT_YET


def _hand_out(
    backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float
) -> RunRecord | NoRun | None:
    """Store the next suggestion as a run, for the agent. Return None if another agent was faster."""
    with backend.sweeps.handing_out(sweep.id) as handout, backend.database.write() as connection:
        if sweeps.get_agent(connection, agent.id) is None:
            raise NotFoundError(f"agent {agent.id} does not exist, or its sweep was deleted")
        suggestion = handout.take(agent.id)
        if suggestion is None:
            return None
        still_asks = backend.liveness.is_last_heartbeat(agent.id, now)
        handout.run, is_dispatched = _store(connection, agent if still_asks else None, sweep, suggestion)
    return handout.run if is_dispatched else NoRun.NOT_YET


def _store(
    connection: Connection, agent: AgentRecord | None, sweep: SweepRecord, suggestion: Prepared
) -> tuple[RunRecord, bool]:
    """Store a suggestion as a run, and dispatch it to `agent`. Return the run, and whether it was dispatched.

    The run waits if there is no agent or if the sweep was paused meanwhile. If the sweep is over, the run is
    dropped.
    """
    values = {
        "sweep_id": sweep.id,
        "config": suggestion.args,
        "args": suggestion.args,
        "parameters": suggestion.parameters,
        "reason": suggestion.reason,
    }
    run = run_states.create(connection, sweep.project_id, suggestion.name, values)
    current = sweeps.get(connection, sweep.id)
    if current is None or current.state.is_over:
        run_states.drop(connection, run)
    elif agent is not None and current.state is SweepState.RUNNING:
        run_states.dispatch(connection, run, agent.id)
        return run, True
    return run, False


def _end(backend: Backend, agent: AgentRecord, sweep: SweepRecord) -> NoRun:
    """Tell the agent to exit if the sweep is done."""
    done_because = backend.sweeps.done_because(sweep.id)
    if done_because is None:
        return NoRun.NOT_YET
    with backend.database.write() as connection:
        sweep_states.set_done(connection, sweep, done_because)
        return _leave(connection, agent, sweep)


def _leave(connection: Connection, agent: AgentRecord, sweep: SweepRecord) -> NoRun:
    """Tell the agent to exit, because its sweep gets no more runs, unless another agent may return a run."""
    alive = runs.alive_in_sweep(connection, sweep.id)
    if any(run.state is not RunState.RUNNING for run in alive):
        return NoRun.NOT_YET
    sweeps.change_agent(connection, agent.id, exited=AgentState.EXITED)
    return NoRun.SWEEP_IS_DONE
