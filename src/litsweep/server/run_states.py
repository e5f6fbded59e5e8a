"""The states of a run and every transition between them.

Each event is a function of this module. The columns are the states before the event, and the cells the states
after it; `-` stands for no change. `end 1` is an exit with code 1, and `end 143` an exit after SIGTERM
(likewise SIGINT and SIGKILL). `search` and `person` say who had asked the run to stop. `pause` stands for a
run that the search has asked to pause. If it is preempted, it is paused: it waits until the search resumes
it.

    event             pending    running    preempting preempted  finished   failed     crashed    killed
    dispatch          pending    -          -          pending    -          -          -          -
    release           pending    -          -          -          -          -          -          -
    resume            -          -          -          -          -          -          -          -
    resume, pause     -          -          -          pending    -          -          -          -
    give_up           failed     -          -          failed     -          -          -          -
    start             running    -          -          running    running    running    running    running
    rewind            running    running    running    running    running    running    running    running
    reconnect         -          -          -          -          -          -          running    -
    preempt           preempting preempting preempting preempting preempting preempting preempting preempting
    end 0             finished   finished   finished   finished   finished   finished   finished   finished
    end 1             failed     failed     preempted  preempted  failed     failed     failed     killed
    end 143           killed     killed     preempted  preempted  killed     killed     killed     killed
    end 1, search     finished   finished   finished   finished   finished   finished   finished   finished
    end 1, person     killed     killed     preempted  preempted  killed     killed     killed     killed
    end 0, pause      finished   preempted  preempted  preempted  preempted  preempted  preempted  preempted
    end 1, pause      preempted  preempted  preempted  preempted  preempted  preempted  preempted  preempted
    lose              -          crashed    preempted  -          -          -          -          -
    lose, search      -          finished   finished   -          -          -          -          -
    lose, person      -          killed     preempted  -          -          -          -          -
    lose, pause       -          preempted  preempted  -          -          -          -          -
    mark_unreported   finished   -          -          -          -          -          -          -
    request_stop      killed     -          -          killed     -          -          -          -
    request_stop, pause killed   -          -          killed     -          -          -          -
    request_pause     -          -          -          -          -          -          -          -
    drop              killed     -          -          killed     -          -          -          -
    drop, pause       killed     -          -          finished   -          -          -          -
    kill              killed     killed     killed     killed     -          -          -          -
    set_state pending pending    pending    pending    pending    pending    pending    pending    pending
    set_state failed  failed     failed     failed     failed     failed     failed     failed     failed

`create` makes a pending run. A pending run stays pending when its agent names it in a heartbeat (see
`RunRecord.is_named`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import clock
from litsweep.server.pauses import pause_by_program
from litsweep.server.store import runs
from litsweep.server.store.lines import EVENTS, HISTORY, LOG
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import FAILURE, INTERRUPTED_CODES, STOP_REASON, Failure, RunState, StopReason
from litsweep.sweep.reason import Reason

_WAITING = (RunState.PENDING, RunState.PREEMPTED)
_NOT_ASKED = dict.fromkeys(("stopped_by", "stop_asked_at", "stop_reason"))
_BY_ITSELF = (StopReason.COMPLETED, StopReason.EARLY_STOPPING)
_OF_THE_CONFIG = (Failure.DIVERGED, Failure.OUT_OF_MEMORY, Failure.CONFIG)


def create(connection: Connection, project_id: int, name: str, values: Mapping[str, Any]) -> RunRecord:
    """Add a pending run, which waits for an agent or for its client."""
    return runs.add(connection, project_id, name, values)


def dispatch(connection: Connection, run: RunRecord, agent_id: int) -> None:
    """Give a waiting run to an agent. A repeated command to the same agent counts as one dispatch."""
    if run.state not in _WAITING:
        return
    now = clock.now()
    is_repeated = run.state is RunState.PENDING and run.agent_id == agent_id
    dispatches = run.dispatches if is_repeated else run.dispatches + 1
    values = {"agent_id": agent_id, "dispatches": dispatches, "dispatched_at": now, "heartbeat_at": now}
    _change(connection, run, state=RunState.PENDING, **values)


def release(connection: Connection, run: RunRecord) -> None:
    """Let another agent have a pending run, because its agent is gone. The agent may still claim it first."""
    if run.state is RunState.PENDING:
        _change(connection, run, dispatched_at=None)


def resume(connection: Connection, run: RunRecord, reason: str) -> None:
    """Let the next agent resume a paused run. Keep the reason of its last start and that of the pause."""
    if not run.is_paused:
        return
    starts = [
        *json.loads(run.earlier_starts or "[]"),
        {"reason": _json(run.reason), "paused": _json(run.stop_reason)},
    ]
    kept = {"reason": reason, "earlier_starts": dumps(starts)}
    nulls = dict.fromkeys(("agent_id", "dispatched_at", "ended_at")) | _NOT_ASKED
    _change(connection, run, state=RunState.PENDING, **kept, **nulls)


def give_up(connection: Connection, run: RunRecord) -> None:
    """Fail a waiting run with which several agents have vanished."""
    if run.state in _WAITING:
        _change(connection, run, state=RunState.FAILED, failure=Failure.ERROR, ended_at=clock.now())


def start(connection: Connection, run: RunRecord) -> None:
    """Note that the client starts or resumes the run."""
    if run.state.is_running:
        runs.set_heartbeat(connection, [run.id], clock.now())
    else:
        stale = () if run.started_at is None else (HISTORY, EVENTS, LOG)
        _begin(connection, run, run.started_at or clock.now(), stale)


def rewind(connection: Connection, run: RunRecord) -> None:
    """Note that the client continues the run from an earlier step.

    The history continues after the remaining lines. System metrics and console lines start at 0 again.
    """
    _begin(connection, run, clock.now(), (EVENTS, LOG))


def _begin(connection: Connection, run: RunRecord, started_at: float, stale: Sequence[str]) -> None:
    values: dict[str, Any] = {"started_at": started_at, "stale_streams": ",".join(stale)}
    summary = run.summary_values
    if summary.get(FAILURE) == Failure.UNREPORTED:  # the run reports now
        values["summary"] = dumps({key: value for key, value in summary.items() if key != FAILURE})
    values |= dict.fromkeys(("ended_at", "exitcode", "failure")) | _NOT_ASKED
    _change(connection, run, state=RunState.RUNNING, heartbeat_at=clock.now(), **values)


def reconnect(connection: Connection, run: RunRecord) -> None:
    """Set a crashed run to running, because it still reports."""
    if run.state is RunState.CRASHED:
        _change(connection, run, state=RunState.RUNNING, failure=None, ended_at=None)


def preempt(connection: Connection, run: RunRecord) -> None:
    """Note that the client is about to be preempted."""
    _change(connection, run, state=RunState.PREEMPTING)


def end(connection: Connection, run: RunRecord, exitcode: int) -> None:
    """Note the exit code that the client, or the launcher in its place, reports.

    A run of the pipeline may have paused itself (`pauses.py`).
    """
    if run.state is RunState.PENDING and exitcode == 0:
        mark_unreported(connection, run, exitcode)
        return
    now = clock.now()
    ended: dict[str, Any] = {}
    if exitcode == 0 and run.stopped_by is None:
        ended |= pause_by_program(connection, run)
        run = replace(run, **ended)
    state = _final_state(run, exitcode)
    ended |= {"exitcode": exitcode, "failure": _failure(run, state), "ended_at": now}
    if _has_completed(run, exitcode) or (
        run.stopped_by is StoppedBy.PAUSE and state is not RunState.PREEMPTED
    ):
        ended |= _NOT_ASKED
    _change(connection, run, state=state, heartbeat_at=now, **ended)


def _has_completed(run: RunRecord, exitcode: int) -> bool:
    """Return True if the search asked the run to stop too late: the run ended by itself, without a failure.

    A run of the pipeline reports why it ended. Other programs that stop on request end with another code.
    """
    is_stopped = run.summary_values.get(STOP_REASON) in (StopReason.REQUESTED, StopReason.PAUSED)
    return exitcode == 0 and run.is_stopped_early and not is_stopped


def _final_state(run: RunRecord, exitcode: int) -> RunState:
    """Return the state after an exit. A run that the search stopped is finished, whatever its exit code."""
    if run.stopped_by is StoppedBy.PAUSE and not _has_ended_by_itself(run, exitcode):
        return RunState.PREEMPTED
    if exitcode == 0 or run.is_stopped_early:
        return RunState.FINISHED
    if run.state in (RunState.PREEMPTING, RunState.PREEMPTED):
        return RunState.PREEMPTED
    if run.stopped_by is StoppedBy.PERSON or run.state is RunState.KILLED or exitcode in INTERRUPTED_CODES:
        return RunState.KILLED
    return RunState.FAILED


def _has_ended_by_itself(run: RunRecord, exitcode: int) -> bool:
    """Return True if a run that was asked to pause says that it has completed, or that it cannot continue."""
    summary = run.summary_values
    if exitcode == 0:
        return summary.get(STOP_REASON) in _BY_ITSELF
    return summary.get(FAILURE) in _OF_THE_CONFIG


def _failure(run: RunRecord, state: RunState) -> Failure | None:
    """Return the failure in the run's summary (key `failure`), or the one that follows from its state."""
    if state is RunState.KILLED:
        return Failure.SIGNAL
    if state is not RunState.FAILED:
        return None
    named = run.summary_values.get(FAILURE)
    return Failure(named) if named in tuple(Failure) else Failure.ERROR


def lose(connection: Connection, run: RunRecord) -> None:
    """End a running run that stopped without reporting an exit code."""
    if not run.state.is_running:
        return
    failure = run.failure
    if run.stopped_by is StoppedBy.SEARCH:
        state = RunState.FINISHED
    elif run.state is RunState.PREEMPTING or run.stopped_by is StoppedBy.PAUSE:
        state = RunState.PREEMPTED
    elif run.stopped_by is StoppedBy.PERSON:
        state, failure = RunState.KILLED, Failure.SIGNAL
    else:
        state, failure = RunState.CRASHED, Failure.LOST
    _change(connection, run, state=state, failure=failure, ended_at=clock.now())


def mark_unreported(connection: Connection, run: RunRecord, exitcode: int | None = None) -> None:
    """End a pending run whose program ended without starting it (again) on this server.

    The run is finished, because its program may have succeeded, for example offline. Its failure says that
    there is no result. Clients find the failure in the summary.
    """
    if run.state is RunState.PENDING:
        summary = dumps(run.summary_values | {FAILURE: Failure.UNREPORTED})
        ended = {"exitcode": exitcode, "ended_at": clock.now(), "failure": Failure.UNREPORTED}
        _change(connection, run, state=RunState.FINISHED, summary=summary, **ended)


def request_stop(connection: Connection, run: RunRecord, by: StoppedBy, reason: Reason) -> None:
    """Ask a run to stop. The next answer on its file stream says so. A waiting run ends at once."""
    if not run.is_alive or run.stopped_by not in (None, StoppedBy.PAUSE):
        return
    asked: dict[str, Any] = {"stopped_by": by, "stop_reason": dumps(reason.to_json())}
    if run.state in _WAITING:
        _change(connection, run, state=RunState.KILLED, ended_at=clock.now(), **asked)
    else:
        _change(connection, run, stop_asked_at=clock.now(), **asked)


def request_pause(connection: Connection, run: RunRecord, reason: Reason) -> None:
    """Ask a running run to pause, as `request_stop` does. A run that was preempted anyway is then paused."""
    if run.stopped_by is None and run.state in (RunState.RUNNING, RunState.PREEMPTED):
        asked = {"stopped_by": StoppedBy.PAUSE, "stop_reason": dumps(reason.to_json())}
        _change(connection, run, stop_asked_at=clock.now(), **asked)


def drop(connection: Connection, run: RunRecord, stop_reason: str | None = None) -> None:
    """End a waiting run of a sweep that is over. A run that was paused, or is asked to, is stopped early.

    Its `stop_reason` may say more. The search also drops a paused run that will not become the best.
    """
    stopped = {"stopped_by": StoppedBy.SEARCH, "stop_reason": stop_reason or run.stop_reason}
    if run.is_paused:
        _change(connection, run, state=RunState.FINISHED, **stopped)
    elif run.stopped_by is StoppedBy.PAUSE and run.state.is_running:
        _change(connection, run, **stopped)
    elif run.state in _WAITING:
        _change(connection, run, state=RunState.KILLED, ended_at=clock.now(), stopped_by=StoppedBy.PERSON)


def kill(connection: Connection, run: RunRecord) -> None:
    """End a run that its agent kills because the server tells the agent to exit."""
    if run.is_alive:
        ended = {"failure": Failure.SIGNAL, "stopped_by": StoppedBy.PERSON, "ended_at": clock.now()}
        _change(connection, run, state=RunState.KILLED, **ended)


def set_state(connection: Connection, run: RunRecord, state: str) -> None:
    """Put a run in `state`, as a person asks. Raise LitsweepError unless `state` is pending or failed."""
    if state not in (RunState.PENDING, RunState.FAILED):
        raise LitsweepError(f"state: a run can be set to pending or failed, not to {state}")
    nulls = dict.fromkeys(("agent_id", "dispatched_at", *_NOT_ASKED))
    _change(connection, run, state=RunState(state), **nulls)


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _change(connection: Connection, run: RunRecord, **values: Any) -> None:
    runs.change_state(connection, [run.id], values)
