"""The states of a sweep and every transition between them.

Each event is a function of this module, or `set_state` with the state that a person asks for. The columns are
the states before the event, and the cells the states after it; `-` stands for no change.

    event                 PENDING   RUNNING   PAUSED    FINISHED  CANCELED
    begin                 RUNNING   -         -         -         -
    set_state RUNNING     RUNNING   RUNNING   RUNNING   RUNNING   RUNNING
    set_state PAUSED      PAUSED    PAUSED    PAUSED    PAUSED    PAUSED
    set_state FINISHED    FINISHED  FINISHED  FINISHED  FINISHED  FINISHED
    set_state CANCELED    CANCELED  CANCELED  CANCELED  CANCELED  CANCELED
    reopen                -         -         -         RUNNING   -
    change_config         -         -         -         -         -
    change_config, done   -         -         -         RUNNING   -
    finish_if_done        -         -         -         -         -
    finish_if_done, done  -         FINISHED  -         -         -
    set_done              -         FINISHED  -         -         -

`create` makes a PENDING sweep. A sweep is `done` if `done_because` has a reason: its search has no more
suggestions, or its own scheduler has had its `run_cap`. The sweep finishes once its last run has ended and
its leaders need no more repeats.
"""

import sys
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import repeats, run_states
from litsweep.server.store import runs, sweeps
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.store.sweeps import SweepRecord, SweepState
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reason import RequestReason

RUN_CAP = "run_cap"
"""The value of `done_because` for a sweep that has had as many runs as its `run_cap`."""

STOPPED = "stopped"
"""The value of `done_because` for a sweep that a person stopped and that then got retries."""

_ALLOWED = [state for state in SweepState if state is not SweepState.PENDING]


def expected_runs(config: SweepConfig) -> int | None:
    """Return the maximum number of runs, or None if there is none or if it exceeds a double."""
    most = config.max_runs
    return most if most is not None and most <= sys.float_info.max else None


def create(connection: Connection, project_id: int, **values: object) -> SweepRecord:
    """Add a pending sweep."""
    return sweeps.add(connection, project_id, **values)


def begin(connection: Connection, sweep_id: int) -> SweepRecord | None:
    """Start a pending sweep, because it has its first agent or run. Return the sweep, or None."""
    sweep = sweeps.get(connection, sweep_id)
    if sweep is None or sweep.state is not SweepState.PENDING:
        return sweep
    sweeps.change_state(connection, sweep_id, state=SweepState.RUNNING)
    return sweeps.get(connection, sweep_id)


def set_state(connection: Connection, sweep: SweepRecord, state: str) -> None:
    """Put a sweep in the state that a person asks for.

    PAUSED: the sweep gets no new runs, and its running runs continue. FINISHED: the same, for good. CANCELED:
    its running runs are stopped too. RUNNING: the search decides again whether the sweep is done. Any other
    state raises LitsweepError.
    """
    if state not in _ALLOWED:
        raise LitsweepError(f"state: a sweep can be {', '.join(_ALLOWED)}; got {state}")
    done_because = None if state == SweepState.RUNNING else sweep.done_because
    sweeps.change_state(connection, sweep.id, state=SweepState(state), done_because=done_because)
    if SweepState(state).is_over:
        _drop_waiting(connection, sweep)
    if state == SweepState.CANCELED:
        for run in runs.alive_in_sweep(connection, sweep.id):
            run_states.request_stop(connection, run, StoppedBy.PERSON, RequestReason(by="cancel"))


def reopen(connection: Connection, sweep: SweepRecord) -> None:
    """Continue a finished sweep until its waiting runs have ended. Its search suggests no more runs."""
    if sweep.state is SweepState.FINISHED:
        reason = sweep.done_because or STOPPED
        sweeps.change_state(connection, sweep.id, state=SweepState.RUNNING, done_because=reason)


def change_config(connection: Connection, sweep: SweepRecord, *, reopens: bool = True, **values: Any) -> None:
    """Replace a sweep's config. With `reopens` the search decides again whether the sweep is done.

    A sweep that a person stopped stays stopped.
    """
    if reopens and sweep.done_because not in (None, STOPPED):
        values["done_because"] = None
        if sweep.state is SweepState.FINISHED:
            values["state"] = SweepState.RUNNING
    sweeps.change_state(connection, sweep.id, **values)


def set_done(connection: Connection, sweep: SweepRecord, reason: str) -> None:
    """Note why a sweep gets no more runs, and finish it if its last run has ended."""
    sweeps.change_state(connection, sweep.id, done_because=reason)
    finish_if_done(connection, sweep)


def is_capped(connection: Connection, sweep: SweepRecord) -> bool:
    """Return True if a sweep with its own scheduler has had as many runs as its `run_cap`."""
    if not sweep.scheduler or sweep.expected_runs is None:
        return False
    return runs.count_dispatched(connection, sweep.id) >= sweep.expected_runs


def finish_if_done(connection: Connection, sweep: SweepRecord) -> None:
    """Finish a sweep that gets no more runs, once the last of its dispatched runs has ended.

    Paused runs are not resumed after that. Runs that its own scheduler has queued beyond `run_cap` stay
    pending until then. If they were dropped earlier, the scheduler would take them for failed and replace
    them.
    """
    current = sweeps.get(connection, sweep.id)
    if current is None:
        return
    done_because = current.done_because
    if done_because is None and is_capped(connection, current):
        done_because = RUN_CAP
        sweeps.change_state(connection, sweep.id, done_because=done_because)
    if current.state is not SweepState.RUNNING or done_because is None:
        return
    if runs.count_alive(connection, sweep.id, only_dispatched=current.scheduler is not None) > 0:
        return
    if not repeats.wants_more(connection, current):
        sweeps.change_state(connection, sweep.id, state=SweepState.FINISHED)
        _drop_waiting(connection, sweep)


def _drop_waiting(connection: Connection, sweep: SweepRecord) -> None:
    for run in runs.alive_in_sweep(connection, sweep.id):
        run_states.drop(connection, run)
