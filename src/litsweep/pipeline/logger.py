"""The rows that W&B's service has not sent yet, kept for when it is ended before the run is.

It sends every 15 s. A cluster that takes a job back signals all its processes, and the service goes at once.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import wandb
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import WandbLogger
from wandb.sdk.mailbox import MailboxClosedError

MOST_ROWS = 1000
SERVICE_GONE = (ConnectionError, MailboxClosedError)


class RunLogger(WandbLogger):
    """Lightning's logger; once `is_preempted`, training goes on to its checkpoint without a service too."""

    def __init__(self, run: wandb.Run, is_preempted: Callable[[], bool]) -> None:
        super().__init__(experiment=run)
        self._is_preempted = is_preempted
        self._rows: deque[tuple[int | None, dict[str, Any]]] = deque(maxlen=MOST_ROWS)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        place = None
        try:
            # A resumed run's step is 0 at first.
            place = max(self.experiment.step, self.experiment.starting_step)
            super().log_metrics(metrics, step)
        except SERVICE_GONE:
            if not self._is_preempted():
                raise
        numbers = {name: value for name, value in metrics.items() if isinstance(value, int | float)}
        if numbers:
            self._rows.append((place, {**numbers, "trainer/global_step": step}))

    def rows_from(self, first: int) -> Iterator[dict[str, Any]]:
        """The rows that a server lacks whose next one is number `first`."""
        return (row for place, row in self._rows if place is None or place >= first)
