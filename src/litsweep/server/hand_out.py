"""Work for agents: what the answer to a heartbeat tells an agent to do."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from litsweep.server import life_cycle, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import NotFoundError
from litsweep.server.live_sweep import LiveSweep
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord, SweepRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.run import Failure, RunState, Suggestion

Command = Mapping[str, Any]

EXIT: Command = {"type": "exit"}
# A run hears of its stop on its file stream within 30 s. Only then is its process ended: that may cost rows.
STOP_GRACE = 40.0
# A run that its agent no longer names may still be sending its last lines; it says something every 30 s.
LOST_AFTER = 45.0
# Agents beat every 5 s.
AGENT_GONE_AFTER = 60.0
MAX_HANDOUTS = 3
# Another agent's heartbeat is waiting for a suggestion: do not pile up threads, the agent asks again in 5 s.
SEARCH_WAIT = 2.0


def heartbeat(backend: Backend, agent_id: int, named: frozenset[str]) -> list[Command]:
    """What the agent is to do, whose live runs are `named`.

    Raises:
        NotFoundError: the agent or its sweep is not (or no longer) there.
    """
    now = time.time()
    with backend.database.write() as connection:
        agent, sweep = _beat(connection, agent_id, now)
        mine = runs.alive_of_agent(connection, agent.id)
        runs.change_all(connection, [run.id for run in mine if run.name in named], heartbeat_at=now)
        _bury(connection, mine, named, now)
        if sweep.state == "CANCELED":
            return _dismiss(connection, agent, mine, now)
        if named:
            return [_stop(run) for run in mine if run.name in named and _is_overdue(run, now)]
        if sweep.state == "FINISHED":
            return _dismiss(connection, agent, [], now)
        if sweep.state != "RUNNING":
            return []
        is_capped = sweep_states.is_capped(connection, sweep)
        if is_capped and not _may_be_given_back(connection, sweep):
            sweep_states.finish_if_done(connection, sweep)
            return _dismiss(connection, agent, [], now)
        waiting = _take_waiting(connection, agent, sweep, now, only_again=is_capped)
        if waiting is not None:
            return [_run_command(sweep, waiting)]
    return [] if sweep.scheduler else _new_run(backend, agent, sweep)


def _beat(connection: Connection, agent_id: int, now: float) -> tuple[AgentRecord, SweepRecord]:
    agent = sweeps.get_agent(connection, agent_id)
    sweep = sweeps.get(connection, agent.sweep_id) if agent else None
    if agent is None or sweep is None:
        raise NotFoundError(f"agent {agent_id} does not exist, or its sweep was deleted")
    sweeps.change_agent(connection, agent.id, heartbeat_at=now, exited=0)
    return agent, sweep


def _bury(connection: Connection, mine: Sequence[RunRecord], named: frozenset[str], now: float) -> None:
    """Runs whose process is gone, and that have not said so for a while."""
    for run in mine:
        silent = now - run.heartbeat_at > LOST_AFTER
        if silent and run.name not in named and run.state in (RunState.RUNNING, RunState.PREEMPTING):
            runs.change(connection, run.id, **life_cycle.lost(run, now))


def _dismiss(
    connection: Connection, agent: AgentRecord, mine: Sequence[RunRecord], now: float
) -> list[Command]:
    """On `exit` the agent kills what it runs."""
    sweeps.change_agent(connection, agent.id, exited=1)
    gone = {"state": RunState.KILLED, "failure": Failure.SIGNAL, "stopped_by": "person", "ended_at": now}
    runs.change_all(connection, [run.id for run in mine], **gone)
    return [EXIT]


def _is_overdue(run: RunRecord, now: float) -> bool:
    return run.stop_asked_at is not None and now - run.stop_asked_at > STOP_GRACE


def _stop(run: RunRecord) -> Command:
    return {"type": "stop", "run_id": run.name}


def _take_waiting(
    connection: Connection, agent: AgentRecord, sweep: SweepRecord, now: float, *, only_again: bool
) -> RunRecord | None:
    """A run that waits for an agent: never started, given back, or preempted.

    `only_again`: one that an agent has had before.
    """
    for run in runs.alive_in_sweep(connection, sweep.id):
        if (only_again and not run.handouts) or not _is_free(connection, run, agent, now):
            continue
        if run.handouts >= MAX_HANDOUTS and run.started_at is None:
            runs.change(connection, run.id, state=RunState.FAILED, failure=Failure.ERROR, ended_at=now)
            continue
        taken = {"state": RunState.PENDING, "agent_id": agent.id, "handed_out_at": now, "heartbeat_at": now}
        runs.change(connection, run.id, **taken, handouts=run.handouts + 1)
        return run
    return None


def _is_free(connection: Connection, run: RunRecord, agent: AgentRecord, now: float) -> bool:
    """The asking agent runs nothing, so what is still pending with it never started there."""
    if run.state == RunState.PREEMPTED:
        return True
    if run.state != RunState.PENDING:
        return False
    if run.agent_id is None or run.agent_id == agent.id:
        return True
    other = sweeps.get_agent(connection, run.agent_id)
    return other is None or bool(other.exited) or now - other.heartbeat_at > AGENT_GONE_AFTER


def _may_be_given_back(connection: Connection, sweep: SweepRecord) -> bool:
    """Whether a run that an agent has had may yet want another agent."""
    alive = runs.alive_in_sweep(connection, sweep.id)
    return any(run.handouts and run.state != RunState.RUNNING for run in alive)


def _new_run(backend: Backend, agent: AgentRecord, sweep: SweepRecord) -> list[Command]:
    """A suggestion of the search, stored as a pending run before it is handed out."""
    live = backend.sweeps.get(sweep)
    if not live.lock.acquire(timeout=SEARCH_WAIT):
        return []
    try:
        with backend.database.read() as connection:
            live.refresh(connection)
        suggestion = live.suggest()
        with backend.database.write() as connection:
            if suggestion is None:
                return _nothing_to_do(connection, agent, sweep, live)
            return _store(connection, agent, sweep, live, suggestion)
    except BaseException:
        backend.sweeps.forget(sweep.id)  # it may know of a suggestion that the database does not
        raise
    finally:
        live.lock.release()


def _store(
    connection: Connection, agent: AgentRecord, sweep: SweepRecord, live: LiveSweep, suggestion: Suggestion
) -> list[Command]:
    """If the sweep was paused or ended meanwhile, the run waits, or is dropped."""
    now = time.time()
    current = sweeps.get(connection, sweep.id)
    state = current.state if current else "CANCELED"
    handed_out = state == "RUNNING"
    args = dumps({key: {"value": value} for key, value in live.config.nest(suggestion.parameters).items()})
    values = {
        "sweep_id": sweep.id,
        "agent_id": agent.id if handed_out else None,
        "state": RunState.PENDING if state in ("RUNNING", "PAUSED") else RunState.KILLED,
        "config": args,
        "args": args,
        "parameters": dumps(suggestion.parameters),
        "reason": dumps(suggestion.reason.to_json()),
        "handouts": int(handed_out),
        "handed_out_at": now if handed_out else None,
    }
    run = runs.add(connection, sweep.project_id, suggestion.id, values)
    return [_run_command(sweep, run)] if handed_out else []


def _nothing_to_do(
    connection: Connection, agent: AgentRecord, sweep: SweepRecord, live: LiveSweep
) -> list[Command]:
    """The sweep is done once its last run is; agents stay as long as one may be given back."""
    if live.done_because is None:
        return []
    sweeps.change(connection, sweep.id, done_because=live.done_because)
    sweep_states.finish_if_done(connection, sweep)
    alive = runs.alive_in_sweep(connection, sweep.id)
    if any(run.state != RunState.RUNNING for run in alive):
        return []
    return _dismiss(connection, agent, [], time.time())


def _run_command(sweep: SweepRecord, run: RunRecord) -> Command:
    args = json.loads(run.args or "{}")
    return {"type": "run", "run_id": run.name, "program": sweep.program, "args": args}
