"""Work for agents: what the answer to a heartbeat tells an agent to do.

A program may end without starting a W&B run: offline, disabled, no `wandb.init`, or a crash before it. No
agent gets such a run again. A run whose command was lost on its way to the agent is handed out again. In both
cases the agent asks for work while its run is pending. These facts tell them apart (measured, wandb 0.31):

* A stock agent sends a heartbeat 5 s after it has read an answer, and names the programs that it runs then.
  A run that was named, and is not any more, has ended. A run that ends sooner is never named: the agent asks
  5 s after the answer, or up to 2 s later if it restarts its client first.
* wandb-core repeats a heartbeat without an answer 2 to 2.5 s after the connection broke, then after 4 to 5,
  8 to 10, 16 to 20 s and so on; if the answer timed out, after more than 30 s. Never after 5 to 8 s, and
  never before 2 s: an agent that asks then was made to send its heartbeats faster.
* An agent of `litsweep launch` names each run that it starts, and reports its end; its User-Agent says so.

A run in doubt counts as lost on the way: a config that runs twice is better than one that never ran.
"""

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
# Agents that may have vanished with a run that never started.
MAX_HANDOUTS = 3
# Seconds from the answer with a run to the next question of a stock agent that has read it (see above).
ASKS_AGAIN_AFTER = ((0.25, 1.9), (4.99, 8.0))
# Another agent's heartbeat is waiting for a suggestion: do not pile up threads, the agent asks again in 5 s.
SEARCH_WAIT = 2.0


def heartbeat(
    backend: Backend, agent_id: int, named: frozenset[str], reports_ends: bool = False
) -> list[Command]:
    """What the agent is to do, whose live runs are `named`; `reports_ends` where it reports every run's end.

    Raises:
        NotFoundError: the agent or its sweep is not (or no longer) there.
    """
    now = time.time()
    with backend.database.write() as connection:
        agent, sweep = _beat(connection, agent_id, now)
        mine = runs.alive_of_agent(connection, agent.id)
        runs.change_all(connection, [run.id for run in mine if run.name in named], heartbeat_at=now)
        unnamed = [run for run in mine if run.name not in named]
        if _bury(connection, agent, unnamed, now, reports_ends):
            backend.sweeps.touch(sweep.id)
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
    return [] if sweep.scheduler else _new_run(backend, agent, sweep, now)


def _beat(connection: Connection, agent_id: int, now: float) -> tuple[AgentRecord, SweepRecord]:
    """The agent, with the time of its last heartbeat before this one, and its sweep."""
    agent = sweeps.get_agent(connection, agent_id)
    if agent is not None:
        sweeps.begin(connection, agent.sweep_id)
    sweep = sweeps.get(connection, agent.sweep_id) if agent else None
    if agent is None or sweep is None:
        raise NotFoundError(f"agent {agent_id} does not exist, or its sweep was deleted")
    sweeps.change_agent(connection, agent.id, heartbeat_at=now, exited=0)
    return agent, sweep


def _bury(
    connection: Connection, agent: AgentRecord, unnamed: Sequence[RunRecord], now: float, reports_ends: bool
) -> bool:
    """End the agent's runs whose process is gone: those silent for LOST_AFTER, and those that never reported.

    Returns True if there were any.
    """
    ended = False
    for run in unnamed:
        silent = now - run.heartbeat_at > LOST_AFTER
        if silent and run.state in (RunState.RUNNING, RunState.PREEMPTING):
            runs.change(connection, run.id, **life_cycle.lost(run, now))
        elif run.is_named or (not reports_ends and _has_had(agent, run, now)):
            runs.change(connection, run.id, **life_cycle.unreported(run, now))
        else:
            continue
        ended = True
    return ended


def _has_had(agent: AgentRecord, run: RunRecord, now: float) -> bool:
    """True if the stock agent, which asks for work with this run pending, has read the command to run it."""
    if run.state != RunState.PENDING or run.handed_out_at is None or agent.heartbeat_at > run.handed_out_at:
        return False  # not its first question since
    passed = now - run.handed_out_at
    return any(first <= passed < last for first, last in ASKS_AGAIN_AFTER)


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
        is_lost_command = run.state == RunState.PENDING and run.agent_id == agent.id
        if run.handouts >= MAX_HANDOUTS and run.started_at is None and not is_lost_command:
            runs.change(connection, run.id, state=RunState.FAILED, failure=Failure.ERROR, ended_at=now)
            continue
        handouts = run.handouts if is_lost_command else run.handouts + 1
        taken = {"state": RunState.PENDING, "agent_id": agent.id, "handed_out_at": now, "heartbeat_at": now}
        runs.change(connection, run.id, **taken, handouts=handouts)
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


def _new_run(backend: Backend, agent: AgentRecord, sweep: SweepRecord, now: float) -> list[Command]:
    """A suggestion of the search, stored as a pending run before it is handed out.

    `now` is when the agent asked.
    """
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
            latest = sweeps.get_agent(connection, agent.id)
            still_asks = latest is not None and latest.heartbeat_at <= now
            return _store(connection, agent if still_asks else None, sweep, live, suggestion)
    except BaseException:
        backend.sweeps.forget(sweep.id)  # it may know of a suggestion that the database does not
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
    """The run goes to `agent`; None where the agent has asked again, and nobody reads this answer: it waits.

    If the sweep was paused or ended meanwhile, the run waits, or is dropped.
    """
    now = time.time()
    current = sweeps.get(connection, sweep.id)
    state = current.state if current else "CANCELED"
    handed_out = state == "RUNNING" and agent is not None
    args = dumps({key: {"value": value} for key, value in live.config.nest(suggestion.parameters).items()})
    values = {
        "sweep_id": sweep.id,
        "agent_id": agent.id if agent and handed_out else None,
        "state": RunState.PENDING if state in ("RUNNING", "PAUSED") else RunState.KILLED,
        "config": args,
        "args": args,
        "parameters": dumps(suggestion.parameters),
        "reason": dumps(suggestion.reason.to_json()),
        "handouts": int(handed_out),
        "handed_out_at": now if handed_out else None,
        "heartbeat_at": now,
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
