"""What a person can make of a sweep: pause, resume, stop, cancel."""

import json
import time

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import life_cycle
from litsweep.server.store import runs, sweeps
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.run import RunState

STATES = ("RUNNING", "PAUSED", "FINISHED", "CANCELED")


def enter(connection: Connection, sweep: SweepRecord, state: str) -> None:
    """Put a sweep in a state.

    PAUSED: no new runs, those running go on. FINISHED: the same, for good. CANCELED: its runs are killed too.
    RUNNING again: the search decides anew whether there is more to do.
    """
    if state not in STATES:
        raise LitsweepError(f"state: a sweep can be {', '.join(STATES)}; got {state}")
    done_because = None if state == "RUNNING" else sweep.done_because
    sweeps.change(connection, sweep.id, state=state, done_because=done_because)
    if state in ("FINISHED", "CANCELED"):
        drop_waiting(connection, sweep)
    if state == "CANCELED":
        for run in runs.alive_in_sweep(connection, sweep.id):
            life_cycle.ask_to_stop(connection, run, "person", json.dumps({"by": "cancel"}))


def drop_waiting(connection: Connection, sweep: SweepRecord, never_handed_out: bool = False) -> None:
    """Runs that no agent works on, or only those that none ever had, will not be run any more."""
    for run in runs.alive_in_sweep(connection, sweep.id):
        is_waiting = run.state in (RunState.PENDING, RunState.PREEMPTED)
        if is_waiting and not (never_handed_out and run.handouts):
            runs.change(connection, run.id, state=RunState.KILLED, ended_at=time.time(), stopped_by="person")
