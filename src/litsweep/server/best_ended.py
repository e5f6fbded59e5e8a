"""The best run of a sweep among those that have ended."""

from sqlalchemy import Connection

from litsweep.server.run_results import constrained, results
from litsweep.server.store import listed_runs, runs
from litsweep.server.store.runs import RunRecord
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import are_met
from litsweep.sweep.events import BestValue
from litsweep.sweep.metric import Metric


class BestEnded:
    """Finds the best ended run of one sweep. It reads each run once.

    A run that failed or does not meet the constraints does not count. A run that is resumed counts again
    when it has ended again.
    """

    def __init__(self, config: SweepConfig, metric: Metric) -> None:
        self._config = config
        self.best: BestValue | None = None
        self.has_infeasible = False
        self._metric = metric
        self._read: dict[int, float] = {}
        self._ended: tuple[int, float | None] = (0, None)

    def refresh(self, connection: Connection, sweep_id: int) -> None:
        """Read the runs that have ended since the last call."""
        ended = listed_runs.count_ended(connection, sweep_id)
        if ended == self._ended:
            return
        for run_id, ended_at in listed_runs.ends(connection, sweep_id).items():
            if self._read.get(run_id) != ended_at:
                self._read[run_id] = ended_at
                self._add(connection, runs.get(connection, run_id))
        self._ended = ended

    def _add(self, connection: Connection, run: RunRecord | None) -> None:
        if run is None or run.is_alive or run.is_broken:
            return
        metrics = self._config.metrics
        bests, _ = results(connection, run, metrics)
        value = bests[metrics.index(self._metric)]
        if not are_met(self._config.constraints, constrained(run, self._config, bests)):
            self.has_infeasible |= value is not None
            return
        if value is not None and (self.best is None or self._metric.is_better(value, self.best.value)):
            self.best = BestValue(self._metric.name, value, run.name)
