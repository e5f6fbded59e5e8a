"""Lightning callbacks of a run: checkpoints, early stopping, and images of its predictions."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor
from torchmetrics.classification import MulticlassConfusionMatrix

from litsweep.errors import ConfigError, Fault, LitsweepError
from litsweep.pipeline.pictures import confusion_chart, prediction_grid
from litsweep.sweep.contract import CHECKPOINT, best_key


class LastCheckpoint(ModelCheckpoint):
    """A checkpoint whose folder may have moved since it was saved, for example to another node."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state with all paths moved to the present folder."""
        here = dict(state_dict, dirpath=self.dirpath)
        for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
            here[name] = self._moved(state_dict[name])
        here["best_k_models"] = {self._moved(path): k for path, k in state_dict["best_k_models"].items()}
        super().load_state_dict(here)

    def _moved(self, path: str) -> str:
        return str(Path(self.dirpath or "", Path(path).name)) if path else path


class BestCheckpoint(LastCheckpoint):
    """Keeps the checkpoint with the best monitored metric. Raises ConfigError if it is never logged."""

    _validated = False

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the metric is logged, and save."""
        self._require_monitor(trainer)
        super().on_train_epoch_end(trainer, pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save, and note that a validation has ended."""
        self._validated = not trainer.sanity_checking
        super().on_validation_end(trainer, pl_module)

    def _require_monitor(self, trainer: Trainer) -> None:
        logged = trainer.callback_metrics
        if self.monitor in logged or (trainer.enable_validation and not self._validated):
            return
        near = difflib.get_close_matches(str(self.monitor), logged, n=1, cutoff=0.4)
        fix = f"did you mean {near[0]}? " if near else ""
        names = ", ".join(sorted(logged)) or "no metric at all"
        fault = Fault(
            "monitor", "must be a metric that the model logs", str(self.monitor), f"{fix}it logs {names}"
        )
        raise ConfigError("the run", [fault])


@dataclass(frozen=True)
class Checkpoints:
    """best.ckpt and last.ckpt in `folder`. Lightning's `save_last` saves only when the best one does."""

    folder: Path
    best: BestCheckpoint
    last: LastCheckpoint

    @classmethod
    def make(cls, folder: Path, monitor: str, goal: Literal["min", "max"]) -> "Checkpoints":
        """Return the two callbacks that save the best epoch and the last one."""
        best = BestCheckpoint(
            folder, filename="best", monitor=monitor, mode=goal, enable_version_counter=False
        )
        last = LastCheckpoint(
            folder, filename="last", save_on_train_epoch_end=True, enable_version_counter=False
        )
        return cls(folder, best, last)

    def make_folder(self) -> None:
        """Make the folder before training, so that a mistake shows at once. Raises LitsweepError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LitsweepError(
                f"checkpoints: the folder {self.folder} cannot be made ({error.strerror}); name another by "
                "--checkpoints"
            ) from error

    @property
    def last_path(self) -> Path:
        """The path of last.ckpt."""
        return self.folder / "last.ckpt"

    @property
    def path(self) -> Path | None:
        """The best checkpoint, the last one if no epoch was finished, or None if none was saved."""
        best = Path(self.best.best_model_path) if self.best.best_model_path else self.last_path
        return best.resolve() if best.is_file() else None

    def summary(self) -> dict[str, object]:
        """Return the summary entries: the checkpoint's path and the best value of the monitor."""
        summary: dict[str, object] = {}
        if self.path:
            summary[CHECKPOINT] = str(self.path)
        if self.best.best_model_score is not None:
            summary[best_key(str(self.best.monitor))] = float(self.best.best_model_score)
        return summary


class LogPredictions(Callback):
    """Logs a grid of validation images with prediction and label, every few epochs.

    The module's `validation_step` has to return a mapping with `logits` (n x classes), for batches of images
    and labels.
    """

    IMAGES = 32

    def __init__(self, every_n_epochs: int) -> None:
        self._every_n_epochs = every_n_epochs

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Log the first batch if an image is due in this epoch."""
        due = self._every_n_epochs and (trainer.current_epoch + 1) % self._every_n_epochs == 0
        if batch_idx or dataloader_idx or not due or trainer.sanity_checking or not trainer.is_global_zero:
            return
        if (classified := _classified(outputs, batch)) and isinstance(trainer.logger, WandbLogger):
            images, logits, labels = (tensor[: self.IMAGES] for tensor in classified)
            grid = prediction_grid(images, logits.argmax(1), labels, _class_names(trainer, logits.shape[1]))
            trainer.logger.log_image("val_predictions", [grid])


class LogConfusionMatrix(Callback):
    """Logs the confusion matrix of the test set (needs `logits` from `test_step`)."""

    def __init__(self) -> None:
        self._matrix: MulticlassConfusionMatrix | None = None

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add a batch to the matrix."""
        if classified := _classified(outputs, batch):
            _, logits, labels = classified
            if self._matrix is None:
                self._matrix = MulticlassConfusionMatrix(logits.shape[1], validate_args=False).to(
                    logits.device
                )
            self._matrix.update(logits.argmax(1), labels)

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the matrix."""
        if self._matrix is None:
            return
        counts = self._matrix.compute()  # on every rank: it adds up their counts
        if trainer.is_global_zero and isinstance(trainer.logger, WandbLogger):
            chart = confusion_chart(counts, _class_names(trainer, len(counts)))
            trainer.logger.experiment.log({"confusion_matrix": chart})


def early_stopping(monitor: str, goal: Literal["min", "max"], patience: int) -> EarlyStopping:
    """Return the callback. BestCheckpoint reports a missing metric and RunControl NaN, so it does not."""
    return EarlyStopping(monitor, mode=goal, patience=patience, strict=False, check_finite=False)


def _classified(outputs: Any, batch: Any) -> tuple[Tensor, Tensor, Tensor] | None:
    """Return images, logits and labels if a step's outputs and batch hold them, else None."""
    logits = outputs.get("logits") if isinstance(outputs, Mapping) else None
    if (
        not isinstance(logits, Tensor)
        or logits.ndim != 2
        or not isinstance(batch, list | tuple)
        or len(batch) != 2
    ):
        return None
    images, labels = batch
    is_pair = (
        isinstance(images, Tensor) and isinstance(labels, Tensor) and images.ndim == 4 and labels.ndim == 1
    )
    return (images, logits, labels) if is_pair else None


def _class_names(trainer: Trainer, classes: int) -> tuple[str, ...]:
    names = getattr(trainer.datamodule, "class_names", None)  # type: ignore[attr-defined]
    return tuple(names) if names and len(names) == classes else tuple(str(label) for label in range(classes))
