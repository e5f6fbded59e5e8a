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

In doubt, the command counts as lost, because a config that runs twice is better than one that never runs.
This applies after a restart of the server, and if the client closed the connection before the answer.

A run has one agent. If the agent is gone, another one gets the run. If the first agent returns, the server
tells it to stop the program. A heartbeat that changes nothing only reads the database.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from litsweep.server import clock, run_states, sweep_states
from litsweep.server.backend import Backend
from litsweep.server.errors import NotFoundError
from litsweep.server.liveness import RunCommand
from litsweep.server.new_runs import NoRun, new_run
from litsweep.server.store import dispatched, runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import AgentRecord, AgentState, SweepRecord, SweepState
from litsweep.sweep.contract import RunState

Command = Mapping[str, Any]

EXIT: Command = {"type": "exit"}

STOP_GRACE = 40.0
"""Seconds until the agent ends a run that was asked to stop.

The file stream asks the run within 30 s. Ending its process sooner may lose rows.
"""
LOST_AFTER = 45.0
"""Seconds of silence after which a running run counts as lost if its agent is gone or does not name it.

Until then it may be sending its last lines. A live run sends something every 30 s.
"""
AGENT_GONE_AFTER = 60.0
"""Seconds of silence after which an agent counts as gone. Agents send a heartbeat every 5 s."""
MAX_DISPATCHES = 3
"""A run that never starts waits or fails after this many agents have vanished with it.

It fails if the last of these agents had named it. Otherwise its program may never have run, and the run waits
until there is no other work.
"""
ASKS_AGAIN_AFTER = ((0.25, 1.9), (4.99, 8.0))
"""Seconds in which a stock agent asks again after it has read an answer with a run (see above)."""


class _WriteNeededError(Exception):
    """The heartbeat changes the database and needs a write transaction."""


@dataclass(frozen=True)
class _Heartbeat:
    """A heartbeat. `alive` has the agent's runs before it, and `ended` names those that end now.

    `named` are the runs that the agent reports as live. `reports_ends` is True for an agent that reports the
    end of each run. `last_command` is the command to start a run in the answer to the agent's last heartbeat,
    or None.
    """

    backend: Backend
    connection: Connection
    may_write: bool
    agent: AgentRecord
    sweep: SweepRecord
    named: frozenset[str]
    last_command: RunCommand | None
    reports_ends: bool
    alive: Sequence[RunRecord]
    ended: set[str] = field(default_factory=set)

    def write(self) -> Connection:
        """Return the connection. Raise _WriteNeededError if it may not write."""
        if not self.may_write:
            raise _WriteNeededError
        return self.connection


def heartbeat(
    backend: Backend, agent_id: int, named: frozenset[str], reports_ends: bool = False
) -> list[Command]:
    """Return the commands for an agent. `named` are the runs that the agent reports as live.

    `reports_ends` is True for an agent that reports the end of each run.

    Raises:
        NotFoundError: the agent or its sweep does not exist.
    """
    with backend.database.read() as connection:
        agent, sweep = _agent_and_sweep(connection, agent_id)
        at = backend.liveness.note_agent(agent.id)
        content = (named, backend.liveness.take_run_command(agent.id), reports_ends)
        alive = runs.alive_of_agent(connection, agent.id)
        try:
            commands = _commands(_Heartbeat(backend, connection, False, agent, sweep, *content, alive))
            is_done = True
        except _WriteNeededError:
            is_done = False
    if not is_done:
        with backend.database.write() as connection:
            agent, sweep = _agent_and_sweep(connection, agent_id)
            alive = runs.alive_of_agent(connection, agent.id)
            beat = _Heartbeat(backend, connection, True, agent, sweep, *content, alive)
            commands = _commands(beat)
        if beat.ended:
            backend.searches.mark_changed(sweep.id)
    if commands is None:
        commands = _more_work(backend, agent, sweep, at)
    for command in commands:
        if command["type"] == "run":
            backend.liveness.note_run_command(agent.id, command["run_id"])
    return commands


def _agent_and_sweep(connection: Connection, agent_id: int) -> tuple[AgentRecord, SweepRecord]:
    agent = sweeps.get_agent(connection, agent_id)
    sweep = sweeps.get(connection, agent.sweep_id) if agent else None
    if agent is None or sweep is None:
        raise NotFoundError(f"agent {agent_id} does not exist, or its sweep was deleted")
    return agent, sweep


def _commands(beat: _Heartbeat) -> list[Command] | None:
    """Return the commands for an agent, or None if it needs a new run."""
    _note_named(beat)
    _end_unnamed(beat)
    if beat.sweep.state is SweepState.CANCELED:
        return _exit_agent(beat, [run for run in beat.alive if run.name not in beat.ended])
    if beat.sweep.state is SweepState.FINISHED and not beat.named:
        return _exit_agent(beat)
    if beat.agent.exited != AgentState.WORKING:
        sweeps.change_agent(beat.write(), beat.agent.id, exited=AgentState.WORKING)
    if beat.named:
        return [_stop_command(name) for name in sorted(beat.named) if _should_end(beat, name)]
    return _work(beat, beat.sweep)


def _work(beat: _Heartbeat, sweep: SweepRecord) -> list[Command] | None:
    """Return the command to start a waiting run, or None if the agent needs a new run.

    An agent of a paused sweep gets no command, and one of a sweep without further runs exits.
    """
    if sweep.state is SweepState.PENDING:
        sweep = sweep_states.begin(beat.write(), sweep.id) or sweep
    if sweep.state is not SweepState.RUNNING:
        return []
    is_capped = sweep_states.is_capped(beat.connection, sweep)
    if is_capped and not dispatched.may_be_returned(beat.connection, sweep.id):
        sweep_states.finish_if_done(beat.write(), sweep)
        return _exit_agent(beat)
    repeated = [run for run in beat.alive if run.state is RunState.PENDING and run.name not in beat.ended]
    waiting = repeated[0] if repeated else _next_waiting(beat.connection, sweep, only_returned=is_capped)
    if waiting is None:
        return None
    run_states.dispatch(beat.write(), waiting, beat.agent.id)
    return [_run_command(sweep, waiting)]


def _note_named(beat: _Heartbeat) -> None:
    for run in beat.alive:
        if run.name not in beat.named:
            continue
        beat.backend.liveness.note_run(run.id)
        if run.state is RunState.PENDING and not run.is_named:
            if run.handed_out_at is None:  # the agent was gone, and no other agent has got the run
                run_states.dispatch(beat.write(), run, beat.agent.id)
            runs.set_named(beat.write(), run.id)


def _end_unnamed(beat: _Heartbeat) -> None:
    """End the agent's unnamed runs that are lost or unreported."""
    for run in beat.alive:
        if run.name in beat.named:
            continue
        if run.state.is_running:
            if beat.backend.liveness.run_silence(run.id) <= LOST_AFTER:
                continue
            run_states.lose(beat.write(), run)
        elif run.is_named or (not beat.reports_ends and _has_read_command(beat.last_command, run)):
            run_states.mark_unreported(beat.write(), run)
        else:
            continue
        beat.ended.add(run.name)


def _has_read_command(command: RunCommand | None, run: RunRecord) -> bool:
    """Return True if a stock agent that asks for work has read the command to start this pending run."""
    if run.state is not RunState.PENDING or command is None or command.run != run.name:
        return False
    passed = clock.elapsed() - command.made_at
    return any(first <= passed < last for first, last in ASKS_AGAIN_AFTER)


def _exit_agent(beat: _Heartbeat, alive: Sequence[RunRecord] = ()) -> list[Command]:
    """Tell the agent to exit. It kills its runs that are `alive`."""
    if beat.agent.exited != AgentState.EXITED:
        sweeps.change_agent(beat.write(), beat.agent.id, exited=AgentState.EXITED)
    for run in alive:
        run_states.kill(beat.write(), run)
    return [EXIT]


def _should_end(beat: _Heartbeat, name: str) -> bool:
    """Return True if the agent has to end this run: it does not obey a stop, or it has another agent now."""
    run = next((run for run in beat.alive if run.name == name), None)
    if run is not None:
        return run.stop_asked_at is not None and beat.backend.liveness.seconds_since_stop(run.id) > STOP_GRACE
    other = runs.find(beat.connection, beat.sweep.project_id, name)
    return other is not None and other.is_alive and other.agent_id not in (None, beat.agent.id)


def _next_waiting(
    connection: Connection, sweep: SweepRecord, *, only_returned: bool = False, set_aside: bool = False
) -> RunRecord | None:
    """Return the next run that waits for an agent: never started, returned by its agent, or preempted.

    `only_returned` limits the choice to runs that an agent has had before.
    """
    found = dispatched.next_waiting(connection, sweep.id, only_returned, MAX_DISPATCHES, set_aside)
    return None if found is None else runs.get(connection, found)


def _more_work(backend: Backend, agent: AgentRecord, sweep: SweepRecord, at: float) -> list[Command]:
    """Return a new run, or one with which several agents have vanished. `at` is the time of the heartbeat."""
    new = NoRun.NOT_YET if sweep.scheduler else new_run(backend, agent, sweep, at)
    if isinstance(new, RunRecord):
        return [_run_command(sweep, new)]
    if new is NoRun.SWEEP_IS_DONE:
        return [EXIT]
    with backend.database.read() as connection:
        if _next_waiting(connection, sweep, set_aside=True) is None:
            return []
    with backend.database.write() as connection:
        run = _next_waiting(connection, sweep, set_aside=True)
        if run is None:
            return []
        run_states.dispatch(connection, run, agent.id)
        return [_run_command(sweep, run)]


def _stop_command(name: str) -> Command:
    return {"type": "stop", "run_id": name}


def _run_command(sweep: SweepRecord, run: RunRecord) -> Command:
    args = json.loads(run.args or "{}")
    return {"type": "run", "run_id": run.name, "program": sweep.program, "args": args}
