"""The controls of runs on a page: when each is allowed, and what it destroys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection

from litsweep.errors import LitsweepError, count
from litsweep.server import changes, deletion
from litsweep.server.backend import Backend
from litsweep.server.retries import Retried
from litsweep.server.store import runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.sweep.contract import RETRY_LIMIT
from litsweep.sweep.run import has_result

MOST_NAMED = 5


class RunControl(StrEnum):
    """A control of one or several runs."""

    STOP = "stop"
    RETRY = "retry"
    DELETE = "delete"

    @property
    def destroys(self) -> bool:
        """True if the control loses something, so that it needs a confirmation."""
        return self is not RunControl.RETRY


LABELS = {RunControl.STOP: "Stop", RunControl.RETRY: "Retry", RunControl.DELETE: "Delete"}
_DONE = {RunControl.STOP: "asked to stop", RunControl.RETRY: "retried", RunControl.DELETE: "deleted"}


@dataclass(frozen=True)
class Outcome:
    """What a control did to runs: the names of those that it changed, and why it refused the others."""

    changed: Sequence[str]
    refused: Mapping[str, str]
    did: str

    @property
    def message(self) -> str:
        """What was done, and a sentence for each refused run."""
        done = [f"{count(len(self.changed), 'run')} {self.did}."] if self.changed else []
        return " ".join(
            [*done, *(f"Run {name} was not {self.did}: {why}." for name, why in self.refused.items())]
        )


def refusal(run: RunRecord, control: RunControl) -> str | None:
    """Return why the control is not for this run in its state, or None."""
    match control:
        case RunControl.STOP if not run.is_alive:
            return f"it has ended; it is {run.word}"
        case RunControl.STOP if run.stopped_by not in (None, StoppedBy.PAUSE):
            return "it was already asked to stop"
        case RunControl.RETRY if run.sweep_id is None:
            return "it is not part of a sweep; start it again yourself"
        case RunControl.RETRY if run.is_alive:
            return f"it has not ended; it is {run.word}"
        case RunControl.RETRY if has_result(run.state, run.is_stopped_early, run.failure):
            return f"it has a result; it is {run.word}"
    return None


def question(found: Sequence[RunRecord], control: RunControl) -> Mapping[str, str]:
    """Return the title and the text of the confirmation: which runs, and what is lost."""
    names = [f"{run.display_name} ({run.name})" for run in found]
    running = sum(run.state.is_running for run in found)
    if control is RunControl.STOP:
        text = (
            "A running run ends at its next report; its metrics and files stay. A waiting run never starts. "
            "A paused run is not resumed."
        )
    else:
        text = "Metrics, console output and files are lost for good. Artifacts stay."
        text += (
            f" {count(running, 'run')} {'is' if running == 1 else 'are'} still running." if running else ""
        )
    if len(names) == 1:
        return {
            "title": f"{LABELS[control]} run {names[0]}?",
            "text": text,
            "label": f"{LABELS[control]} run",
        }
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    title = f"{LABELS[control]} {len(names)} runs?"
    text = f"{', '.join(names[:MOST_NAMED])}{more}. {text}"
    return {"title": title, "text": text, "label": f"{LABELS[control]} {len(names)} runs"}


def execute(backend: Backend, found: Sequence[RunRecord], control: RunControl, actor: str) -> Outcome:
    """Execute a control for each run whose state allows it."""
    refused = {run.name: why for run in found if (why := refusal(run, control))}
    allowed = [run for run in found if run.name not in refused]
    match control:
        case RunControl.STOP:
            done = _stop(backend, allowed, actor)
        case RunControl.RETRY:
            done = _retry(backend, allowed, actor, refused)
        case RunControl.DELETE:
            done = deletion.delete_runs(backend, [run.id for run in allowed], actor)
    return Outcome(done, refused, _DONE[control])


def _stop(backend: Backend, allowed: Sequence[RunRecord], actor: str) -> list[str]:
    with backend.database.write() as connection:
        current = runs.with_ids(connection, [run.id for run in allowed])
        for run in current:
            changes.stop_run(connection, run, StoppedBy.PERSON, actor)
    for run in current:
        if run.sweep_id is not None:
            backend.searches.mark_changed(run.sweep_id, run)
    return [run.name for run in current]


def _retry(backend: Backend, allowed: Sequence[RunRecord], actor: str, refused: dict[str, str]) -> list[str]:
    """Retry runs, sweep by sweep. Add to `refused`."""
    done = list[str]()
    by_sweep = attrgetter("sweep_id")
    for sweep_id, group in groupby(sorted(allowed, key=by_sweep), by_sweep):
        names = [run.name for run in group]
        try:
            with backend.database.write() as connection:
                done += _retried(connection, sweep_id, names, actor, refused)
        except LitsweepError as error:  # none of the sweep's runs can be retried
            refused.update(dict.fromkeys(names, str(error)))
        backend.searches.mark_changed(sweep_id)
    return done


def _retried(
    connection: Connection, sweep_id: int, names: Sequence[str], actor: str, refused: dict[str, str]
) -> Iterator[str]:
    sweep = sweeps.get(connection, sweep_id)
    if sweep is None:
        raise LitsweepError("its sweep was deleted")
    for answer in changes.retry(connection, sweep, names, (), RETRY_LIMIT, actor):
        if isinstance(answer, Retried):
            yield answer.run.name
        else:
            refused[answer.name] = answer.why
