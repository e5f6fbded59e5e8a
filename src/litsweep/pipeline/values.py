"""New values of the monitored metric: which callbacks act on them, and early stopping by them.

Lightning keeps the last value of each metric. A metric of the training epoch is therefore still there at the
validations of the next epoch, and one of the validation at the end of an epoch without any.
"""

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor


class NewValues:
    """Tells a value of one metric from an older one that is still there."""

    def __init__(self, monitor: str) -> None:
        self._monitor = monitor
        self._seen: Tensor | None = None

    def has_come(self, trainer: Trainer) -> bool:
        """Return True if the metric was logged since the last call. Each logged value has its own memory."""
        value, seen = trainer.callback_metrics.get(self._monitor), self._seen
        self._seen = value
        return value is not None and (seen is None or value.data_ptr() != seen.data_ptr())


class Patience(EarlyStopping):
    """Stops after `patience` values of the monitor that are no better. Ignores a missing or infinite one.

    A value counts once, when it is logged: at the end of a validation or of an epoch.
    """

    def __init__(self, monitor: str, mode: str, patience: int) -> None:
        super().__init__(
            monitor,
            mode=mode,
            patience=patience,
            strict=False,
            check_finite=False,
            check_on_train_epoch_end=True,
        )
        self._values = NewValues(monitor)

    @property
    def is_exhausted(self) -> bool:
        """True if the last values were no better."""
        return bool(self.patience) and self.wait_count >= self.patience

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop a run that had stopped before it was resumed, for example in its test."""
        trainer.should_stop = trainer.should_stop or self.is_exhausted

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count a new value."""
        if self._values.has_come(trainer):
            super().on_train_epoch_end(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count a new value, unless the epoch ends with this validation."""
        if trainer.sanity_checking or validates_once(trainer):
            return
        if self._values.has_come(trainer):
            self._run_early_stopping_check(trainer)


class LogEachEpoch(Callback):
    """Logs the metrics of single steps at least once an epoch, and every 50 steps as Lightning does."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Shorten the interval to the steps of an epoch, if their number is known."""
        batches = trainer.num_training_batches
        if isinstance(batches, int):
            every = min(trainer.log_every_n_steps, batches // trainer.accumulate_grad_batches)  # type: ignore[attr-defined]  # Lightning adds it
            trainer.log_every_n_steps = max(1, every)  # type: ignore[attr-defined]


def validates_once(trainer: Trainer) -> bool:
    """Return True if each epoch ends with its only validation."""
    interval = getattr(trainer, "val_check_interval", None)  # Lightning sets none that is a time
    is_epoch = isinstance(interval, float) and interval == 1.0  # the integer 1 is a batch
    return is_epoch and trainer.check_val_every_n_epoch == 1
