"""The controls of a sweep's page: when each is allowed, and what it destroys."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import Connection

from litsweep.errors import LitsweepError, count
from litsweep.server import changes, deletion
from litsweep.server.backend import Backend
from litsweep.server.store import runs, sweeps
from litsweep.server.store.sweeps import SweepRecord, SweepState
from litsweep.server.sweep_states import STOPPED
from litsweep.sweep.contract import RunState


class SweepControl(StrEnum):
    """A control of a sweep."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    CANCEL = "cancel"
    DELETE = "delete"

    @property
    def destroys(self) -> bool:
        """True if the control loses something, so that it needs a confirmation."""
        return self in (SweepControl.STOP, SweepControl.CANCEL, SweepControl.DELETE)


STATES = {
    SweepControl.PAUSE: SweepState.PAUSED,
    SweepControl.RESUME: SweepState.RUNNING,
    SweepControl.STOP: SweepState.FINISHED,
    SweepControl.CANCEL: SweepState.CANCELED,
}
DONE = {
    SweepControl.PAUSE: "The sweep is paused: running runs continue, and no new one starts.",
    SweepControl.RESUME: "The sweep is resumed. If no agent is running, start one.",
    SweepControl.STOP: "The sweep is stopped: running runs continue, and no new one starts.",
    SweepControl.CANCEL: "The sweep is canceled: its running runs are asked to stop.",
    SweepControl.DELETE: "The sweep is deleted.",
}
DONE_BECAUSE = {
    "run_cap": "the run cap is reached",
    "target": "a run has reached the target",
    "exhausted": "every config of the search space has been tried",
}


def refusal(connection: Connection, sweep: SweepRecord, control: SweepControl) -> str | None:
    """Return why the sweep's state does not allow the control, or None."""
    state, word = sweep.state, sweep.state.lower()
    match control:
        case SweepControl.PAUSE if not state.wants_runs:
            return f"the sweep is {word}; only a pending or running sweep can be paused"
        case SweepControl.RESUME if state.wants_runs:
            return f"the sweep is {word}; only a paused, stopped or canceled sweep can be resumed"
        case SweepControl.RESUME if state is SweepState.FINISHED and sweep.done_because not in (
            None,
            STOPPED,
        ):
            reason = DONE_BECAUSE.get(sweep.done_because, sweep.done_because)
            return f"the sweep is finished and has no more runs to start: {reason}"
        case SweepControl.STOP if state.is_over:
            return f"the sweep is already {word}"
        case SweepControl.CANCEL if state is SweepState.CANCELED:
            return "the sweep is already canceled"
        case SweepControl.CANCEL if state.is_over and not _alive(connection, sweep):
            return f"the sweep is {word}, and none of its runs is running"
    return None


def _alive(connection: Connection, sweep: SweepRecord) -> int:
    return runs.count_alive(connection, sweep.id, only_dispatched=False)


def question(connection: Connection, sweep: SweepRecord, control: SweepControl) -> Mapping[str, str]:
    """Return the title, the text (what is lost) and the button of the confirmation."""
    alive = runs.alive_in_sweep(connection, sweep.id)
    paused = sum(run.is_paused for run in alive)
    waiting = sum(run.state in (RunState.PENDING, RunState.PREEMPTED) for run in alive) - paused
    running, total = len(alive) - waiting - paused, runs.count(connection, sweep.id)
    never = f" {count(waiting, 'waiting run')} will never start." if waiting else ""
    never += f" {count(paused, 'paused run')} will not be resumed." if paused else ""
    still = f" {running} of them {'is' if running == 1 else 'are'} still running." if running else ""
    text = {
        SweepControl.STOP: f"No new run starts. {count(running, 'running run')} may finish.{never}",
        SweepControl.CANCEL: f"No new run starts. {count(running, 'running run')} will be stopped.{never}",
        SweepControl.DELETE: f"The sweep and its {count(total, 'run')} are lost for good, with their "
        f"metrics, console output, files and artifacts.{still}",
    }[control]
    title = f"{control.capitalize()} sweep {sweep.display_name or sweep.name}?"
    return {"title": title, "text": text, "label": f"{control.capitalize()} sweep"}


def execute(backend: Backend, sweep_id: int, control: SweepControl, actor: str) -> None:
    """Execute a control. Raise LitsweepError if the sweep's present state does not allow it."""
    if control is SweepControl.DELETE:
        with backend.database.read() as connection:
            sweep = _allowed(connection, sweep_id, control)
        deletion.delete_sweep(backend, sweep, actor)
        return
    with backend.searches.changing(sweep_id), backend.database.write() as connection:
        changes.set_sweep_state(connection, _allowed(connection, sweep_id, control), STATES[control], actor)
    backend.searches.mark_changed(sweep_id)


def _allowed(connection: Connection, sweep_id: int, control: SweepControl) -> SweepRecord:
    """Return the sweep. Raise LitsweepError if it is gone or does not allow the control."""
    sweep = sweeps.get(connection, sweep_id)
    if sweep is None:
        raise LitsweepError("the sweep was deleted")
    if why := refusal(connection, sweep, control):
        raise LitsweepError(why)
    return sweep
