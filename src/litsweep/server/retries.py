"""Retries: the config of an ended run runs again, as a new run of the same sweep.

The ended run keeps its state, history and files; its summary names the retry. The retry has the same
parameters and names the first run with this config in `retry_of`. For the search the last retry replaces the
first run, so a config counts once (`marks.last_retries`).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import LitsweepError
from litsweep.server import run_states, sweep_states
from litsweep.server.store import repeats, runs, sweeps
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord, SweepState
from litsweep.server.wire_json import dumps
from litsweep.sweep.contract import RETRIED_AS
from litsweep.sweep.reason import RunId, fallback_of, train_to_of, training_of
from litsweep.sweep.reasons import RetryReason, stored_reason
from litsweep.sweep.run import has_result


@dataclass(frozen=True)
class Retried:
    """A new run and the run that it repeats. `attempt` counts the config's runs. `why` is its reason."""

    run: RunRecord
    repeats: RunRecord
    attempt: int
    why: str


@dataclass(frozen=True)
class RefusedRetry:
    """The name of a run that is not retried, and why."""

    name: str
    why: str


def retry(
    connection: Connection, sweep: SweepRecord, names: Sequence[str], states: Collection[str], limit: int
) -> Iterator[Retried | RefusedRetry]:
    """Retry the runs with these names, and all whose state has one of these words. Reopen a finished sweep.

    A config has at most `limit` runs. Raises LitsweepError if the sweep cannot have retries.
    """
    _check(sweep, limit)
    attempts: dict[str, list[RunRecord]] = {}
    for run in runs.of_sweep(connection, sweep.id):
        attempts.setdefault(run.first_name, []).append(run)
    first_names = {run.name: first for first, found in attempts.items() for run in found}
    chosen = {first: found[-1].name for first, found in attempts.items() if found[-1].word in states}
    for name in names:
        if name in first_names:
            chosen[first_names[name]] = name
        else:
            yield RefusedRetry(name, f"sweep {sweep.name} has no run with this id")
    for first, name in chosen.items():
        why = _refusal(attempts[first], name, limit)
        yield RefusedRetry(name, why) if why else _retry(connection, sweep, attempts[first])


def _check(sweep: SweepRecord, limit: int) -> None:
    if limit < 2:
        raise LitsweepError(f"limit: must be at least 2, one run and one retry; got {limit}")
    if sweep.scheduler:
        raise LitsweepError(f"sweep {sweep.name} has its own scheduler, which decides about retries")
    if sweep.state is SweepState.CANCELED:
        fix = "resume it first: wandb sweep --resume ENTITY/PROJECT/SWEEP"
        raise LitsweepError(f"sweep {sweep.name} is canceled and starts no run; {fix}")


def _refusal(attempts: Sequence[RunRecord], name: str, limit: int) -> str | None:
    """Return why a config's last run is not retried, or None. `name` is the run that was asked for."""
    last = attempts[-1]
    subject = "it" if last.name == name else f"its retry {last.name}"
    if last.is_alive:
        return f"{subject} has not ended; it is {last.word}"
    if has_result(last.state, last.is_stopped_early, last.failure):
        return f"{subject} has a result; it is {last.word}"
    if repeats.is_repeat(last):
        return "it repeats another run's config; `litsweep confirm` decides which config is repeated next"
    if last.args is None:
        return "the sweep did not suggest its config; start it again yourself"
    if len(attempts) >= limit:
        return f"its config has had {len(attempts)} runs; --limit {len(attempts) + 1} allows one more"
    return None


def _retry(connection: Connection, sweep: SweepRecord, attempts: Sequence[RunRecord]) -> Retried:
    first, last, attempt = attempts[0], attempts[-1], len(attempts) + 1
    why = stored_reason(first.reason)
    reason = RetryReason(
        run=RunId(last.name),
        state=last.word,
        failure=last.failure,
        attempt=attempt,
        fallback=fallback_of(why),
        train_to=train_to_of(why),
        training=training_of(why),
    )
    values: Mapping[str, Any] = {
        "sweep_id": sweep.id,
        "display_name": f"{first.display_name} (retry {len(attempts)})",
        "config": last.args,
        "args": last.args,
        "parameters": last.parameters,
        "reason": dumps(reason.to_json()),
        "sweep_version": last.sweep_version,
        "retry_of": last.first_name,
    }
    made = run_states.create(connection, sweep.project_id, sweeps.short_id(), values)
    runs.change(connection, last.id, summary=dumps(last.summary_values | {RETRIED_AS: made.name}))
    sweep_states.reopen(connection, sweep)
    return Retried(made, last, attempt, reason.brief)
