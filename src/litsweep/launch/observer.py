"""Finds the events of a sweep in the statuses that `SweepWatch` reads. Works with W&B's cloud too."""

from collections.abc import Iterator

from litsweep.launch.status import SweepStatus
from litsweep.sweep.events import BestValue, Silence, SweepEvent

_WANTS_RUNS = ("PENDING", "RUNNING")


class StatusObserver:
    """Finds the events of one sweep. `stalled_after` is in minutes. None means that of the sweep's YAML."""

    def __init__(self, stalled_after: float | None = None) -> None:
        self.best: BestValue | None = None
        self._stalled_after = stalled_after
        self._silence = Silence()

    def stalled_after_minutes(self, status: SweepStatus) -> float:
        """Return the minutes after which the sweep has stalled."""
        return status.config.stalled_after if self._stalled_after is None else self._stalled_after

    def events(self, status: SweepStatus) -> Iterator[SweepEvent]:
        """Yield the events since the last call. A stall or an end is yielded at each call while it lasts."""
        if self._has_new_best(status):
            yield SweepEvent.BEST
        minutes = self.stalled_after_minutes(status)
        is_stall = self._silence.is_stall(_last_sign(status), status.state in _WANTS_RUNS, minutes)
        if status.is_over:
            yield SweepEvent.FINISHED if status.state == "FINISHED" else SweepEvent.CANCELED
        elif is_stall:
            yield SweepEvent.STALLED

    def _has_new_best(self, status: SweepStatus) -> bool:
        metric = status.metric
        ended = (run for run in status.ranked() if not (run.state.is_alive or run.is_broken))
        run = next((run for run in ended if status.meets_constraints(run)), None)
        if metric is None or run is None or run.best is None:
            return False
        if self.best is not None and not metric.is_better(run.best, self.best.value):
            return False
        self.best = BestValue(metric.name, run.best, run.id)
        return True


def _last_sign(status: SweepStatus) -> float | None:
    """Return the newest heartbeat, or None before the first one."""
    times = [time for run in status.runs for time in (run.heartbeat_at, run.created_at) if time is not None]
    return max(times, default=None)
