"""How a run's state follows from what is heard of it."""

import time
from typing import Any

from sqlalchemy import Connection

from litsweep.server.store import runs
from litsweep.server.store.lines import EVENTS, HISTORY, LOG
from litsweep.server.store.runs import RunRecord
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import FAILURE, INTERRUPTED_CODES
from litsweep.sweep.run import Failure, RunState

ALL_STREAMS = f"{HISTORY},{EVENTS},{LOG}"


def started(run: RunRecord, now: float) -> dict[str, Any]:
    """What changes when the client says that the run begins, or begins again."""
    if run.state in (RunState.RUNNING, RunState.PREEMPTING):
        return {"heartbeat_at": now}
    stale = "" if run.started_at is None else ALL_STREAMS
    return _running(run, now) | {"started_at": run.started_at or now, "stale_streams": stale}


def rewound(run: RunRecord, now: float) -> dict[str, Any]:
    """What changes when the client takes a run back to an earlier step.

    The client goes on behind the rows that are left, but counts system metrics and console lines from 0.
    """
    return _running(run, now) | {"started_at": now, "stale_streams": f"{EVENTS},{LOG}"}


def _running(run: RunRecord, now: float) -> dict[str, Any]:
    return {
        "state": RunState.RUNNING,
        "heartbeat_at": now,
        "ended_at": None,
        "exitcode": None,
        "failure": None,
        "stopped_by": None,
        "stop_asked_at": None,
        "stop_reason": None,
        **_without_unreported(run),
    }


def _without_unreported(run: RunRecord) -> dict[str, Any]:
    """The change of the summary once a run that was taken for `unreported` reports after all."""
    summary = run.summary_values
    if summary.get(FAILURE) != Failure.UNREPORTED:
        return {}
    return {"summary": dumps({key: value for key, value in summary.items() if key != FAILURE})}


def unreported(run: RunRecord, now: float, exitcode: int | None = None) -> dict[str, Any]:
    """Changes for a run whose program ended without starting it (again) on this server.

    The run counts as finished: its program may have done its work well, offline for example. Its failure says
    that there is no result, also to clients (in the summary).
    """
    return {
        "state": RunState.FINISHED,
        "failure": Failure.UNREPORTED,
        "summary": dumps(run.summary_values | {FAILURE: Failure.UNREPORTED}),
        "exitcode": exitcode,
        "ended_at": now,
    }


def ended(run: RunRecord, exitcode: int, now: float) -> dict[str, Any]:
    """What changes when the client, or the launcher in its place, says that the run is over."""
    if run.state == RunState.PENDING and exitcode == 0:
        return unreported(run, now, exitcode)
    state = _final_state(run, exitcode)
    failure = _failure(run, state)
    return {"state": state, "exitcode": exitcode, "failure": failure, "ended_at": now, "heartbeat_at": now}


def _final_state(run: RunRecord, exitcode: int) -> RunState:
    """A run that the search stopped counts as finished whatever its exit code: its objective is good."""
    if exitcode == 0 or run.stopped_by == "search":
        return RunState.FINISHED
    if run.state in (RunState.PREEMPTING, RunState.PREEMPTED):
        return RunState.PREEMPTED
    if run.stopped_by == "person" or run.state == RunState.KILLED or exitcode in INTERRUPTED_CODES:
        return RunState.KILLED
    return RunState.FAILED


def lost(run: RunRecord, now: float) -> dict[str, Any]:
    """What changes when the run is gone without a word."""
    if run.state == RunState.PREEMPTING:
        return {"state": RunState.PREEMPTED, "ended_at": now}
    if run.stopped_by == "search":
        return {"state": RunState.FINISHED, "ended_at": now}
    if run.stopped_by == "person":
        return {"state": RunState.KILLED, "failure": Failure.SIGNAL, "ended_at": now}
    return {"state": RunState.CRASHED, "failure": Failure.LOST, "ended_at": now}


def _failure(run: RunRecord, state: RunState) -> Failure | None:
    """The reason the run gave itself (summary key `failure`), or the one its state tells."""
    named = run.summary_values.get(FAILURE)
    match state:
        case RunState.FAILED:
            return Failure(named) if named in tuple(Failure) else Failure.ERROR
        case RunState.KILLED:
            return Failure.SIGNAL
        case _:
            return None


def ask_to_stop(connection: Connection, run: RunRecord, by: str, reason: str) -> None:
    """Ask a run to end: the next answer on its file stream tells it. `by` is "search" or "person"."""
    if not run.is_alive or run.stopped_by is not None:
        return
    now = time.time()
    if run.state in (RunState.PENDING, RunState.PREEMPTED):
        runs.change(
            connection, run.id, state=RunState.KILLED, ended_at=now, stopped_by=by, stop_reason=reason
        )
    else:
        runs.change(connection, run.id, stopped_by=by, stop_asked_at=now, stop_reason=reason)
