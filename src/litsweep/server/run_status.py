"""The status of a run, as the search of its sweep knows it."""

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any, NamedTuple

from litsweep.server.store.runs import RunRecord
from litsweep.server.store.stopped_by import StoppedBy
from litsweep.server.wire_json import with_numbers
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.reason import train_to_of
from litsweep.sweep.reasons import stored_reason


class RunStatus(NamedTuple):
    """The status of a run, as the search knows it. If the current status differs, the search needs an update.

    `summary` has only the sweep's metrics and those with a constraint. `missing` names the parameters of
    which the run has no value. `duration` is None in a sweep without a cost. `is_asked_to_pause` says that
    the search has asked for the pause. `train_to` is the number of values after which the run pauses; None
    if it does not.
    """

    state: RunState
    history_lines: int = 0
    is_stopped_early: bool = False
    failure: Failure | None = None
    started_at: float | None = None
    summary: Mapping[str, object] = MappingProxyType({})
    missing: tuple[str, ...] = ()
    duration: float | None = None
    is_asked_to_pause: bool = False
    train_to: int | None = None

    @classmethod
    def of(
        cls,
        run: RunRecord,
        summary: Mapping[str, object],
        missing: tuple[str, ...],
        duration: float | None,
        may_pause: bool,
    ) -> "RunStatus":
        """Return the status of a run. `may_pause` says that the sweep's early termination pauses runs."""
        outcome = run.state, run.history_lines, run.is_stopped_early, run.failure, run.started_at
        return cls(
            *outcome,
            summary,
            missing,
            duration,
            is_asked_to_pause=run.stopped_by is StoppedBy.PAUSE,
            train_to=train_to_of(stored_reason(run.reason)) if may_pause else None,
        )

    @property
    def is_paused(self) -> bool:
        """True for a run that waits until the search resumes it. An interrupted run waits for any agent."""
        return self.is_asked_to_pause and self.state is RunState.PREEMPTED

    @property
    def result(self) -> tuple[object, ...]:
        """What suggestions may depend on: the same for a pending run and one that has just started."""
        state = "paused" if self.is_paused else "alive" if self.state.is_alive else str(self.state)
        started_at = self.started_at if self.history_lines else None
        failure = self.failure and str(self.failure)
        known = state, self.history_lines, self.is_stopped_early, failure, started_at, dict(self.summary)
        return (*known, *(value for value in (self.duration, self.train_to) if value is not None))

    def resumed(self, reason: str) -> "RunStatus":
        """Return the status of a paused run once it is resumed for this reason."""
        return self._replace(
            state=RunState.PENDING,
            is_asked_to_pause=False,
            failure=None,
            train_to=train_to_of(stored_reason(reason)),
        )

    @property
    def outcome(self) -> dict[str, Any]:
        """The arguments of `Controller.tell`.

        A preempted run that the search has not paused is running for it: the next agent gets the run at once.
        """
        is_interrupted = self.state is RunState.PREEMPTED and self.train_to is not None and not self.is_paused
        return {
            "state": RunState.RUNNING if is_interrupted else self.state,
            "failure": self.failure,
            "stopped_early": self.is_stopped_early,
            "summary": with_numbers(self.summary),
            "duration": self.duration,
        }


PENDING = RunStatus(RunState.PENDING)


def as_text(knowledge: int) -> str:
    """Return a digest as the text that is stored."""
    return f"{knowledge:016x}"


def digest(*values: object) -> int:
    """Return a digest of values that is the same in every process."""
    return int.from_bytes(blake2b(repr(values).encode(errors="replace"), digest_size=8).digest())
