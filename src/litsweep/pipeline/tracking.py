"""The W&B run: its mode, start, config, logger, summary and end."""

import contextlib
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import requests
import wandb
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers import WandbLogger
from wandb.sdk.mailbox import MailboxClosedError

from litsweep.errors import ConfigError, LitsweepError
from litsweep.pipeline.arguments import Arguments
from litsweep.pipeline.client import quick_start
from litsweep.sweep.contract import FAILURE, FAILURE_MESSAGE, Variable

MAX_ROWS = 1000
CLOUD = "https://api.wandb.ai"
ANSWER_SECONDS = 10.0
_TRAIN_TO = """query TrainTo($entity: String!, $project: String!, $run: String!) {
  project(name: $project, entityName: $entity) { run(name: $run) { trainTo } } }"""
SERVICE_GONE = (ConnectionError, MailboxClosedError)

Mode = Literal["online", "offline", "disabled"]


class ServerUnreachableError(LitsweepError):
    """The server did not answer. The run is not at fault and may succeed later."""


class RunLogger(WandbLogger):
    """Lightning's logger. After a preemption it also works without W&B's service, and keeps the last rows.

    The service sends rows every 15 s. A cluster that takes a job back signals all its processes, so the
    service ends before the run does. `on_row` gets the numbers of each row.
    """

    def __init__(
        self,
        run: wandb.Run,
        is_preempted: Callable[[], bool],
        on_row: Callable[[Mapping[str, float]], None] | None = None,
    ) -> None:
        super().__init__(experiment=run)
        self._is_preempted = is_preempted
        self._on_row = on_row
        self._rows: deque[tuple[int | None, dict[str, Any]]] = deque(maxlen=MAX_ROWS)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log one row and keep it."""
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
            if self._on_row:
                self._on_row(numbers)

    def rows_from(self, first: int) -> Iterator[dict[str, Any]]:
        """Return the rows from number `first` on, which the server lacks."""
        return (row for place, row in self._rows if place is None or place >= first)


def mode_of(asked: str) -> Mode:
    """Return the mode of the run. "auto" means WANDB_MODE, else online under an agent only."""
    mode = os.environ.get("WANDB_MODE", "") if asked == "auto" else asked
    if mode in ("online", "offline", "disabled"):
        return mode  # type: ignore[return-value]  # mypy does not narrow to literals
    return "online" if os.environ.get(Variable.SWEEP_ID) else "disabled"


def start(
    mode: Mode,
    run_id: str,
    parameters: Mapping[str, object],
    on_stop: Callable[[], None],
    *,
    beside_another: bool = False,
) -> wandb.Run:
    """Start or resume the run, and write `parameters` into its config.

    `beside_another` leaves an earlier run of this process untouched. A client thread calls `on_stop` when
    the server asks the run to stop. Raises ServerUnreachableError if no answer comes, and LitsweepError if
    the server refuses.
    """
    try:
        with quick_start():
            run = wandb.init(
                mode=mode,
                id=run_id,
                resume=None if "WANDB_RESUME" in os.environ or mode != "online" else "allow",
                config={name: value for name, value in parameters.items() if value is not None},
                settings=wandb.Settings(
                    stop_fn=on_stop, reinit="create_new" if beside_another else "default"
                ),
            )
    except wandb.Error as error:
        # Without an answer the client retries until a timeout. It has no exception for that case.
        unanswered = re.search("while retrying|timed out", str(error))
        kind = ServerUnreachableError if unanswered else LitsweepError
        fix = "check WANDB_BASE_URL and WANDB_API_KEY and that the server runs, or add --wandb offline"
        raise kind(f"cannot start the W&B run: {error}. {fix}") from error
    run.define_metric("trainer/global_step")
    run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
    return run


def start_again(run_id: str, parameters: Mapping[str, object], logger: RunLogger) -> wandb.Run:
    """Resume a run whose service is gone, and log the rows that it had not sent."""
    with contextlib.suppress(Exception):  # the service has ended
        wandb.teardown()
    run = start("online", run_id, parameters, lambda: None, beside_another=True)
    for row in logger.rows_from(run.starting_step):
        run.log(row)
    return run


def check_config(config: Mapping[str, object], arguments: Arguments) -> None:
    """Raise ConfigError if a parameter of the W&B run is not the one that the model got."""
    faults = arguments.differences(config)
    if faults:
        raise ConfigError("the run's config", faults)


def train_to(run: wandb.Run) -> int | None:
    """Return the number of values after which an online run of a sweep pauses, or None.

    Only the embedded backend says so. Without an answer the run trains until the server asks it to stop.
    """
    settings = run.settings
    if not run.sweep_id or settings.base_url == CLOUD:
        return None
    names = {"entity": run.entity, "project": run.project, "run": run.id}
    key = os.environ.get("WANDB_API_KEY") or settings.api_key
    try:
        answer = requests.post(
            f"{settings.base_url}/graphql",
            json={"query": _TRAIN_TO, "variables": names},
            auth=("api", key) if key else None,  # without a key, requests reads netrc as the client does
            timeout=ANSWER_SECONDS,
        )
        found = answer.json()["data"]["project"]["run"]["trainTo"]
    except (requests.RequestException, LookupError, TypeError, ValueError):
        return None
    return found if isinstance(found, int) else None


def finish(run: wandb.Run, summary: Mapping[str, object], exit_code: int) -> None:
    """Write the summary and end the run."""
    if dict(run.summary).get(FAILURE) and FAILURE not in summary:  # from an earlier attempt
        run.summary.update({FAILURE: None, FAILURE_MESSAGE: None})
    run.summary.update(dict(summary))
    run.finish(exit_code=exit_code)
