"""What a person can make of a sweep: pause, resume, stop, cancel."""

import json
import sys
import time

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import life_cycle
from litsweep.server.store import runs, sweeps
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reason import RequestReason
from litsweep.sweep.run import RunState

# What a person can ask for; a new sweep is PENDING until its first agent.
STATES = ("RUNNING", "PAUSED", "FINISHED", "CANCELED")


def expected_runs(config: SweepConfig) -> int | None:
    """How many runs there will be at most; None where nothing bounds them, and beyond what a double holds."""
    most = config.max_runs
    return most if most is not None and most <= sys.float_info.max else None


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
        _drop_waiting(connection, sweep)
    if state == "CANCELED":
        for run in runs.alive_in_sweep(connection, sweep.id):
            life_cycle.ask_to_stop(
                connection, run, "person", json.dumps(RequestReason(by="cancel").to_json())
            )


def is_capped(connection: Connection, sweep: SweepRecord) -> bool:
    """Whether a sweep with a scheduler of its own has had its `run_cap`."""
    if not sweep.scheduler or sweep.expected_runs is None:
        return False
    return runs.count_handed_out(connection, sweep.id) >= sweep.expected_runs


def finish_if_done(connection: Connection, sweep: SweepRecord) -> None:
    """End a sweep that gets no more runs, once the last one that an agent has had is over.

    What its own scheduler has queued beyond `run_cap` stays until then: told that a run was dropped, the
    scheduler would take it for failed and replace it.
    """
    if sweep.done_because is None and is_capped(connection, sweep):
        sweeps.change(connection, sweep.id, done_because="run_cap")
    if sweeps.finish_if_done(connection, sweep.id):
        _drop_waiting(connection, sweep)


def _drop_waiting(connection: Connection, sweep: SweepRecord) -> None:
    """Runs that no agent works on will not be run any more."""
    for run in runs.alive_in_sweep(connection, sweep.id):
        if run.state in (RunState.PENDING, RunState.PREEMPTED):
            runs.change(connection, run.id, state=RunState.KILLED, ended_at=time.time(), stopped_by="person")
