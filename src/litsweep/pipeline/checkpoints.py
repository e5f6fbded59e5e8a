"""The checkpoints of a run: the best epoch and the last one."""

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.trainer.states import TrainerFn

from litsweep.errors import ConfigError, Fault, LitsweepError
from litsweep.pipeline.values import NewValues, validates_once
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

    def _should_skip_saving_checkpoint(self, trainer: Trainer) -> bool:
        """Lightning also skips a step that was saved. Manual optimization need not count steps."""
        is_fitting = trainer.state.fn == TrainerFn.FITTING and not trainer.sanity_checking
        return bool(trainer.fast_dev_run) or not is_fitting  # type: ignore[attr-defined]  # Lightning adds it

    def _moved(self, path: str) -> str:
        return str(Path(self.dirpath or "", Path(path).name)) if path else path


class BestCheckpoint(LastCheckpoint):
    """Keeps the checkpoint with the best monitored metric. Raises ConfigError if it is not logged."""

    _validated = False

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self._values = NewValues(str(self.monitor))

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the metric is logged, and save a new value."""
        if self._validated or not trainer.enable_validation:
            self._require_monitor(trainer)
        self._save_new_value(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save a new value, unless the epoch ends with this validation. Note that a validation has ended."""
        self._validated = self._validated or not trainer.sanity_checking
        if not validates_once(trainer):
            self._save_new_value(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Check that the metric was logged in a training that ended before its first validation."""
        if self.best_model_score is None:
            self._require_monitor(trainer)

    def _save_new_value(self, trainer: Trainer) -> None:
        if not self._should_skip_saving_checkpoint(trainer) and self._values.has_come(trainer):
            self._save_topk_checkpoint(trainer, self._monitor_candidates(trainer))

    def _require_monitor(self, trainer: Trainer) -> None:
        logged = trainer.callback_metrics
        if self.monitor in logged:
            return
        longer = [name for name in sorted(logged) if name.startswith(f"{self.monitor}/")]  # of each loader
        near = longer or difflib.get_close_matches(str(self.monitor), logged, n=1, cutoff=0.4)
        fix = f"did you mean {near[0]}? " if near else ""
        names = ", ".join(sorted(logged)) or "no metric at all"
        rule = "must be a metric that the model logs"
        fault = Fault(
            "monitor", rule, str(self.monitor), f"{fix}it logs {names}{self._why_no_validation(trainer)}"
        )
        raise ConfigError("the run", [fault])

    def _why_no_validation(self, trainer: Trainer) -> str:
        if not trainer.enable_validation:
            return (
                "; nothing is validated, because trainer.limit_val_batches is 0, the model has no "
                "validation_step, or the data no val_dataloader"
            )
        if self._validated:
            return ""
        return (
            "; training ended before the first validation (trainer.val_check_interval is "
            f"{getattr(trainer, 'val_check_interval', 'a time')}, trainer.check_val_every_n_epoch is "
            f"{trainer.check_val_every_n_epoch})"
        )


@dataclass(frozen=True)
class Checkpoints:
    """best.ckpt and last.ckpt in `folder`. Lightning's `save_last` would save only in the best epochs."""

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
