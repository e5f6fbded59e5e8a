"""Dispatch of runs to agents: the answer to a heartbeat tells the agent what to do.

A program may end without starting its W&B run: wandb is offline or disabled, or the program crashes first.
Such a run is not dispatched again. A run whose command did not reach the agent is dispatched again. In both
cases the agent asks for work while its run is pending. Measurements of wandb 0.31 tell the cases apart:

* A stock agent sends a heartbeat 5 s after it has read an answer, with the names of its live programs. If a
  run was named before and is not named now, its program has ended. A shorter program is never named. In that
  case the agent asks 5 s after the answer, or up to 2 s later if it restarts its client first.
* wandb-core repeats a heartbeat that got no answer. After a broken connection it waits 2 to 2.5 s, then 4 to
  5, 8 to 10, 16 to 20 s and so on. After a timeout it waits more than 30 s. So it never waits less than 2 s,
  or 5 to 8 s. An agent that asks sooner is configured to send heartbeats faster.
* An agent of `litsweep launch` names each run that it starts, and reports its end. Its User-Agent says so.

In doubt, the command counts as lost: a config that runs twice is better than one that never runs.
"""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

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

Command = Mapping[str, Any]

EXIT: Command = {"type": "exit"}

STOP_GRACE = 40.0
"""Seconds until the agent ends a run that was asked to stop.

The file stream asks the run within 30 s. Ending its process sooner may lose rows.
"""
LOST_AFTER = 45.0
"""Seconds of silence after which a running run counts as lost if its agent does not name it.

Until then it may be sending its last lines. A live run sends something every 30 s.
"""
AGENT_GONE_AFTER = 60.0
"""Seconds of silence after which an agent counts as gone. Agents send a heartbeat every 5 s."""
MAX_DISPATCHES = 3
"""The maximum number of dispatches of a run that does not start. After them the run fails."""
ASKS_AGAIN_AFTER = ((0.25, 1.9), (4.99, 8.0))
"""Seconds in which a stock agent asks again after it has read an answer with a run (see above)."""
SEARCH_WAIT = 2.0
"""Seconds that a heartbeat waits while the search suggests for another agent.

After that the agent gets an empty answer and asks again in 5 s, so that threads do not pile up.
"""


def heartbeat(
    backend: Backend, agent_id: int, named: frozenset[str], reports_ends: bool = False
) -> list[Command]:
    """Return the commands for an agent. `named` are the runs that the agent reports as live.

    `reports_ends` is True for an agent that reports the end of each run.

    Raises:
        NotFoundError: the agent or its sweep does not exist.
    """
    now = time.time()
    with backend.database.write() as connection:
        agent, sweep = _record_heartbeat(connection, agent_id, now)
        mine = runs.alive_of_agent(connection, agent.id)
        runs.set_heartbeat(connection, [run.id for run in mine if run.name in named], now)
        unnamed = [run for run in mine if run.name not in named]
        if _mark_lost(connection, agent, unnamed, now, reports_ends):
            backend.sweeps.mark_changed(sweep.id)
        if sweep.state is SweepState.CANCELED:
            return _exit_agent(connection, agent, mine)
        if named:
            return [_stop_command(run) for run in mine if run.name in named and _is_overdue(run, now)]
        if sweep.state is SweepState.FINISHED:
            return _exit_agent(connection, agent, [])
        if sweep.state is not SweepState.RUNNING:
            return []
        is_capped = sweep_states.is_capped(connection, sweep)
        if is_capped and not _may_be_returned(connection, sweep):
            sweep_states.finish_if_done(connection, sweep)
            return _exit_agent(connection, agent, [])
        waiting = _dispatch_waiting(connection, agent, sweep, now, only_returned=is_capped)
        if waiting is not None:
            return [_run_command(sweep, waiting)]
    return [] if sweep.scheduler else _new_run(backend, agent, sweep, now)


def _record_heartbeat(connection: Connection, agent_id: int, now: float) -> tuple[AgentRecord, SweepRecord]:
    """Note an agent's heartbeat. Return the agent as it was before, and its sweep."""
    agent = sweeps.get_agent(connection, agent_id)
    sweep = sweep_states.begin(connection, agent.sweep_id) if agent else None
    if agent is None or sweep is None:
        raise _gone(agent_id)
    sweeps.change_agent(connection, agent.id, heartbeat_at=now, exited=0)
    return agent, sweep


def _gone(agent_id: int) -> NotFoundError:
    return NotFoundError(f"agent {agent_id} does not exist, or its sweep was deleted")


def _mark_lost(
    connection: Connection, agent: AgentRecord, unnamed: Sequence[RunRecord], now: float, reports_ends: bool
) -> bool:
    """End the agent's unnamed runs that are lost or unreported. Return True if there were any."""
    has_ended = False
    for run in unnamed:
        silent = now - run.heartbeat_at > LOST_AFTER
        if silent and run.state in (RunState.RUNNING, RunState.PREEMPTING):
            run_states.lose(connection, run)
        elif run.is_named or (not reports_ends and _has_read_command(agent, run, now)):
            run_states.mark_unreported(connection, run)
        else:
            continue
        has_ended = True
    return has_ended


def _has_read_command(agent: AgentRecord, run: RunRecord, now: float) -> bool:
    """Return True if a stock agent that asks for work has read the command to start this pending run."""
    if run.state != RunState.PENDING or run.handed_out_at is None or agent.heartbeat_at > run.handed_out_at:
        return False  # not the first heartbeat after the command
    passed = now - run.handed_out_at
    return any(first <= passed < last for first, last in ASKS_AGAIN_AFTER)


def _exit_agent(connection: Connection, agent: AgentRecord, alive: Sequence[RunRecord]) -> list[Command]:
    """Tell the agent to exit. It kills its runs that are `alive`."""
    sweeps.change_agent(connection, agent.id, exited=1)
    for run in alive:
        run_states.kill(connection, run)
    return [EXIT]


def _is_overdue(run: RunRecord, now: float) -> bool:
    return run.stop_asked_at is not None and now - run.stop_asked_at > STOP_GRACE


def _dispatch_waiting(
    connection: Connection, agent: AgentRecord, sweep: SweepRecord, now: float, *, only_returned: bool
) -> RunRecord | None:
    """Dispatch a run that waits for an agent: never started, returned by its agent, or preempted.

    `only_returned` limits the choice to runs that an agent has had before.
    """
    for run in runs.alive_in_sweep(connection, sweep.id):
        if (only_returned and not run.handouts) or not _is_free(connection, run, agent, now):
            continue
        is_lost_command = run.state is RunState.PENDING and run.agent_id == agent.id
        if run.handouts >= MAX_DISPATCHES and run.started_at is None and not is_lost_command:
            run_states.give_up(connection, run)
            continue
        run_states.dispatch(connection, run, agent.id)
        return run
    return None


def _is_free(connection: Connection, run: RunRecord, agent: AgentRecord, now: float) -> bool:
    """Return True if this agent, which has no live program, may have the run."""
    if run.state == RunState.PREEMPTED:
        return True
    if run.state != RunState.PENDING:
        return False
    if run.agent_id is None or run.agent_id == agent.id:
        return True
    other = sweeps.get_agent(connection, run.agent_id)
    return other is None or bool(other.exited) or now - other.heartbeat_at > AGENT_GONE_AFTER


def _may_be_returned(connection: Connection, sweep: SweepRecord) -> bool:
    """Return True if a run that an agent has had may still need another agent."""
    alive = runs.alive_in_sweep(connection, sweep.id)
    return any(run.handouts and run.state != RunState.RUNNING for run in alive)


def _new_run(backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float) -> list[Command]:
    """Dispatch a new suggestion of the search. `now` is the time of the agent's heartbeat.

    If the agent has sent another heartbeat meanwhile, nobody reads this answer, and the run waits.
    """
    live = backend.sweeps.get(sweep)
    if not live.lock.acquire(timeout=SEARCH_WAIT):
        return []
    try:
        with backend.database.read() as connection:
            live.refresh(connection)
        suggestion = live.suggest()
        with backend.database.write() as connection:
            latest = sweeps.get_agent(connection, agent.id)
            if latest is None:
                raise _gone(agent.id)
            if suggestion is None:
                return _nothing_to_do(connection, agent, sweep, live)
            still_asks = latest.heartbeat_at <= now
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
) -> list[Command]:
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
        return [_run_command(sweep, run)]
    return []


def _nothing_to_do(
    connection: Connection, agent: AgentRecord, sweep: SweepRecord, live: LiveSweep
) -> list[Command]:
    """Tell the agent to exit if the sweep is done. The agent stays while another agent may return a run."""
    if live.done_because is None:
        return []
    sweep_states.set_done(connection, sweep, live.done_because)
    alive = runs.alive_in_sweep(connection, sweep.id)
    if any(run.state is not RunState.RUNNING for run in alive):
        return []
    return _exit_agent(connection, agent, [])


def _stop_command(run: RunRecord) -> Command:
    return {"type": "stop", "run_id": run.name}


def _run_command(sweep: SweepRecord, run: RunRecord) -> Command:
    args = json.loads(run.args or "{}")
    return {"type": "run", "run_id": run.name, "program": sweep.program, "args": args}
