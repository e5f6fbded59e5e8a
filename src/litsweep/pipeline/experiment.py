"""One run from start to end: W&B run, data, model, training, test, result."""

import contextlib
import logging
import os
import re
import secrets
import sys
import traceback
import warnings
from dataclasses import dataclass, field
from dis import opmap
from pathlib import Path
from typing import Any

import torch
import wandb
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.model_helpers import is_overridden

from litsweep.errors import LitsweepError
from litsweep.pipeline import pictures, processes, tracking
from litsweep.pipeline.arguments import Arguments, RunOptions, instantiate
from litsweep.pipeline.artifacts import Artifacts
from litsweep.pipeline.checkpoints import Checkpoints
from litsweep.pipeline.control import AfterValidation, Interrupted, Request, RunControl
from litsweep.pipeline.precision import resolved
from litsweep.pipeline.tracking import SERVICE_GONE, RunLogger
from litsweep.pipeline.values import LogEachEpoch, Patience
from litsweep.sweep.contract import (
    FAILURE,
    FAILURE_MESSAGE,
    PRECISION,
    STOP_REASON,
    ExitCode,
    Failure,
    StopReason,
    Variable,
    report_failure,
)
from litsweep.sweep.reason import format_value

_STOP_REASONS = {Request.PAUSE: StopReason.PAUSED, Request.STOP: StopReason.REQUESTED}


@dataclass
class Outcome:
    """How a run ended. `summary` goes into the W&B run's summary (docs/pipeline.md lists its keys)."""

    exit_code: ExitCode = ExitCode.OK
    failure: Failure | None = None
    summary: dict[str, object] = field(default_factory=dict)

    def fail(self, failure: Failure, error: BaseException, exit_code: ExitCode = ExitCode.FAILED) -> None:
        """Record a failure, with its message for the summary."""
        self.exit_code, self.failure = exit_code, failure
        self.summary |= {FAILURE: failure.value, FAILURE_MESSAGE: str(error) or type(error).__name__}


def run(arguments: Arguments) -> int:
    """Train and test with the given flags. Print only the result on stdout. Return the exit code."""
    processes.die_with_rank_zero()
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        _silence_advice()
        if rank_zero_only.rank != 0:  # type: ignore[attr-defined]  # Lightning sets it from the environment
            return _run_other_rank(arguments)
        outcome = _run_rank_zero(arguments)
    if outcome.failure:
        report_failure(outcome.failure)
    _print(outcome)
    return outcome.exit_code


def checkpoint_folder(options: RunOptions, run_id: str) -> Path:
    """Return the folder of a run's checkpoints: by sweep, then by run id."""
    return Path(options.checkpoints, os.environ.get(Variable.SWEEP_ID) or "manual", run_id)


def failure_of(error: BaseException) -> Failure:
    """Return the kind of failure that an exception means."""
    if isinstance(error, tracking.ServerUnreachableError):
        return Failure.LOST
    if isinstance(error, LitsweepError | MisconfigurationException) or _is_refused(error):
        return Failure.CONFIG
    text = str(error).lower()
    is_memory_error = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if is_memory_error or any(sign in text for sign in ("out of memory", "can't allocate", "alloc_failed")):
        return Failure.OUT_OF_MEMORY
    return Failure.ERROR


def _is_refused(error: BaseException) -> bool:
    """Return True for an exception that Lightning itself raises, because it does not accept what it got."""
    if not isinstance(error, RuntimeError | ValueError | TypeError):
        return False
    raised = error.__traceback__
    while raised is not None and raised.tb_next is not None:
        raised = raised.tb_next
    if raised is None:
        return False
    module, instruction = raised.tb_frame.f_globals.get("__name__", ""), raised.tb_lasti
    is_statement = raised.tb_frame.f_code.co_code[instruction] == opmap["RAISE_VARARGS"]
    return is_statement and str(module).startswith("lightning.")


def _run_rank_zero(arguments: Arguments) -> Outcome:
    run_id = os.environ.get(Variable.RUN_ID) or secrets.token_hex(4)
    os.environ[Variable.RANKS_RUN_ID] = run_id
    outcome = Outcome()
    wandb_run = artifacts = logger = None
    try:
        experiment = Experiment(arguments, run_id, outcome)
        mode = tracking.mode_of(arguments.options.wandb)
        wandb_run = tracking.start(mode, run_id, arguments.parameters, experiment.control.stop)
        tracking.check_config(dict(wandb_run.config), arguments)
        experiment.control.train_to = tracking.train_to(wandb_run) if mode == "online" else None
        if arguments.options.log_model:
            artifacts = _artifacts(mode, wandb_run, experiment.checkpoints)
        logger = RunLogger(wandb_run, experiment.control.is_preempted, experiment.control.count)
        experiment.run(logger)
    except BaseException as error:
        _record_error(error, outcome)
    with processes.ignoring_sigterm():
        try:
            if wandb_run is not None:
                _finish(wandb_run, artifacts, outcome, experiment.control.may_pause)
        except SERVICE_GONE:
            if outcome.exit_code != ExitCode.PREEMPTED or logger is None:
                raise
            if again := _start_again(run_id, arguments, logger):
                _finish(again, Artifacts(again, experiment.checkpoints) if artifacts else None, outcome)
    return outcome


def _start_again(run_id: str, arguments: Arguments, logger: RunLogger) -> wandb.Run | None:
    """Reconnect the run through a new wandb service and send its last rows. Return None if that fails."""
    print("agent.py: the signal ended wandb's service too; a new one sends the last rows", file=sys.stderr)
    try:
        return tracking.start_again(run_id, arguments.parameters, logger)
    except LitsweepError as error:
        print(f"agent.py: {error}", file=sys.stderr)
        return None


def _artifacts(mode: tracking.Mode, run: wandb.Run, checkpoints: Checkpoints) -> Artifacts | None:
    if mode != "online":
        print(f"agent.py: log_model: nothing is uploaded, the W&B run is {mode}", file=sys.stderr)
        return None
    artifacts = Artifacts(run, checkpoints)
    artifacts.fetch()
    return artifacts


def _finish(run: wandb.Run, artifacts: Artifacts | None, outcome: Outcome, may_pause: bool = False) -> None:
    """End the W&B run. A preempted, interrupted or paused run stays resumable."""
    if outcome.exit_code == ExitCode.PREEMPTED:
        run.mark_preempting()
        if artifacts:
            artifacts.preempted()
    elif artifacts and may_pause and outcome.summary.get(STOP_REASON) in _STOP_REASONS.values():
        outcome.summary |= artifacts.paused()
    elif artifacts and outcome.exit_code != ExitCode.INTERRUPTED:
        outcome.summary |= artifacts.ended()
    tracking.finish(run, outcome.summary, outcome.exit_code)


def _run_other_rank(arguments: Arguments) -> int:
    """Take part in a distributed run. Exit 0 when rank 0 stops all ranks: only its exit code counts."""
    outcome = Outcome()
    try:
        run_id = os.environ.get(Variable.RUN_ID) or os.environ.get(Variable.RANKS_RUN_ID, "unknown")
        Experiment(arguments, run_id, outcome).run(WandbLogger())
    except Interrupted:
        return 0
    except BaseException as error:
        _record_error(error, outcome)
    return outcome.exit_code


class Experiment:
    """The training and testing of each rank. It fills `outcome.summary`."""

    def __init__(self, arguments: Arguments, run_id: str, outcome: Outcome) -> None:
        self._arguments = arguments
        self._options = arguments.options
        self._outcome = outcome
        folder = checkpoint_folder(self._options, run_id)
        self.checkpoints = Checkpoints.make(folder, self._options.monitor, self._options.goal)
        self._stopper = Patience(self._options.monitor, self._options.goal, self._options.patience)
        self.control = RunControl(self.checkpoints.last_path, self._options.monitor, self._options.seed)

    def run(self, logger: WandbLogger) -> None:
        """Train, from last.ckpt if it exists, then test the best checkpoint if there is a test."""
        seed_everything(self._options.seed, workers=True, verbose=False)
        model, data, trainer_arguments = instantiate(self._arguments)
        trainer = self._make_trainer(trainer_arguments, logger)
        self.checkpoints.make_folder()
        last = self.checkpoints.last_path
        try:
            trainer.fit(model, data, ckpt_path=last if last.is_file() else None, weights_only=False)
        finally:
            self._outcome.summary |= self.checkpoints.summary()
        reason = StopReason.EARLY_STOPPING if self._stopper.is_exhausted else StopReason.COMPLETED
        self._outcome.summary[STOP_REASON] = reason.value
        self._outcome.summary |= self._test(trainer, model, data)

    def _test(self, trainer: Trainer, model: LightningModule, data: LightningDataModule) -> dict[str, float]:
        """Test the best checkpoint and return the metrics; none if there is no test."""
        has_test = is_overridden("test_step", model) and is_overridden("test_dataloader", data)
        best = None if trainer.fast_dev_run else self.checkpoints.path  # type: ignore[attr-defined]  # Lightning adds it
        try:
            if has_test:
                trainer.test(model, data, ckpt_path=best, verbose=False, weights_only=False)
        except (TypeError, MisconfigurationException) as error:
            has_test = "Found None" not in str(error)  # a test_dataloader that returns None
            if has_test:
                raise
        if not has_test:
            print("agent.py: no test: the model has no test_step, or the data module has no test_dataloader")
            return {}
        return {name: float(value) for name, value in trainer.callback_metrics.items()}

    def _make_trainer(self, trainer_arguments: dict[str, Any], logger: WandbLogger) -> Trainer:
        given = trainer_arguments.pop("callbacks") or []
        if trainer_arguments["enable_progress_bar"] is None:
            trainer_arguments["enable_progress_bar"] = sys.stderr.isatty()
        all_callbacks = [*self._make_callbacks(), *(given if isinstance(given, list) else [given])]
        if trainer_arguments["log_every_n_steps"] is None:
            all_callbacks.append(LogEachEpoch())
        all_callbacks.append(AfterValidation(self.control))  # the last of all
        precision = resolved(trainer_arguments["precision"], trainer_arguments["accelerator"])
        self._outcome.summary[PRECISION] = precision or "32-true"
        try:
            return Trainer(
                **{**trainer_arguments, "precision": precision}, callbacks=all_callbacks, logger=logger
            )
        except (TypeError, ValueError, MisconfigurationException) as error:
            raise LitsweepError(f"the trainer refuses its options (trainer.*): {error}") from error

    def _make_callbacks(self) -> list[Callback]:
        made: list[Callback] = [self.control, LearningRateMonitor(logging_interval="epoch")]
        made += [pictures.LogConfusionMatrix(), self.checkpoints.best, self.checkpoints.last]
        if self._options.patience:
            made.append(self._stopper)
        if self._options.images_every_n_epochs:
            made.append(pictures.LogPredictions(self._options.images_every_n_epochs))
        return made


def _record_error(error: BaseException, outcome: Outcome) -> None:
    """Record the end of a run that raised an exception, and explain it on stderr."""
    if isinstance(error, Interrupted) and error.request in _STOP_REASONS:
        outcome.summary[STOP_REASON] = _STOP_REASONS[error.request].value
    elif isinstance(error, Interrupted) and error.request is Request.DIVERGED:
        outcome.fail(Failure.DIVERGED, error)
    elif isinstance(error, Interrupted | SIGTERMException):
        outcome.fail(Failure.SIGNAL, error, ExitCode.PREEMPTED)
    elif isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt):
        outcome.fail(Failure.SIGNAL, KeyboardInterrupt("interrupted from the keyboard"), ExitCode.INTERRUPTED)
    else:
        failure = failure_of(error)
        outcome.fail(failure, error, ExitCode.CONFIG if failure is Failure.CONFIG else ExitCode.FAILED)
        if failure is Failure.ERROR:
            traceback.print_exception(error, file=sys.stderr)
    message = outcome.summary.get(FAILURE_MESSAGE, error)
    print(f"agent.py: {message}", file=sys.stderr)


def _print(outcome: Outcome) -> None:
    width = max(map(len, outcome.summary), default=0)
    for name, value in outcome.summary.items():
        if name != FAILURE_MESSAGE:
            print(f"{name:<{width}}  {format_value(value, integers_in_full=True)}")


def _silence_advice() -> None:
    """Suppress Lightning's advice that does not apply here.

    Batches come from memory and metrics are logged per epoch. A run that was preempted within an epoch draws
    new batches for the rest of it.
    """
    warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch")
    warnings.filterwarnings("ignore", message="The '.*_dataloader' does not have many workers")
    warnings.filterwarnings("ignore", message="The number of training batches .* is smaller than the logging")
    warnings.filterwarnings("ignore", message=".*LeafSpec", module="lightning")
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: not re.search("litlogger|litmodels", str(record.msg))
    )
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
