"""Finds the events of one sweep in the database, for its webhook."""

import json
from collections.abc import Iterator

from sqlalchemy import Connection

from litsweep.server.best_ended import BestEnded
from litsweep.server.store import notices, runs
from litsweep.server.store.activity import last_sign
from litsweep.server.store.notices import ENDS, NoticeRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.events import BestValue, Silence, SweepEvent


class SweepObserver:
    """Finds the new events of one sweep. An event with an open notice in the database is not new."""

    def __init__(self, config: SweepConfig) -> None:
        self.config = config
        self._silence = Silence()
        self._best = BestEnded(config, config.metric) if config.metric else None

    @property
    def best(self) -> BestValue | None:
        """The best value so far."""
        return self._best.best if self._best else None

    @property
    def is_unmet(self) -> bool:
        """True if runs have ended with a value, none of which meets the constraints."""
        return self._best is not None and self._best.best is None and self._best.has_infeasible

    def events(self, connection: Connection, sweep: SweepRecord) -> Iterator[SweepEvent]:
        """Yield the events that have no notice yet, in their order."""
        if self._has_new_best(connection, sweep):
            yield SweepEvent.BEST
        sign = last_sign(connection, sweep)
        is_stall = self._silence.is_stall(sign, sweep.state.wants_runs, self.config.stalled_after)
        if is_stall and not notices.find_open(connection, sweep.id, SweepEvent.STALLED):
            yield SweepEvent.STALLED
        is_over = sweep.state.is_over and runs.count_alive(connection, sweep.id, only_dispatched=False) == 0
        if is_over and not notices.find_open(connection, sweep.id, *ENDS):
            yield SweepEvent(sweep.state.lower())

    def outdated(self, connection: Connection, sweep: SweepRecord) -> Iterator[NoticeRecord]:
        """Yield the open notices of a sweep that has continued. Their events may come again."""
        stalled = notices.find_open(connection, sweep.id, SweepEvent.STALLED)
        if stalled and last_sign(connection, sweep) > stalled.created_at:
            yield stalled
        ended = notices.find_open(connection, sweep.id, *ENDS)
        if ended and not sweep.state.is_over:
            yield ended

    def _has_new_best(self, connection: Connection, sweep: SweepRecord) -> bool:
        metric = self.config.metric
        if self._best is None or metric is None:
            return False
        self._best.refresh(connection, sweep.id)
        best, known = self._best.best, notices.last(connection, sweep.id, SweepEvent.BEST)
        return best is not None and (
            known is None or metric.is_better(best.value, json.loads(known.body)["best"])
        )
