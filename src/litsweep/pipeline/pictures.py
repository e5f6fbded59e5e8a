"""Images of the W&B run: predictions on validation images, and the confusion matrix of the test."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import wandb
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional
from torchmetrics.classification import MulticlassConfusionMatrix

TILE = 96  # pixels: width and height of one image of the grid
CAPTION = 26  # pixels: room for two lines under it
COLUMNS = 8
RIGHT, WRONG = (0, 120, 60), (200, 0, 30)


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
        counts = self._matrix.compute()  # on every rank, because it sums over ranks
        if trainer.is_global_zero and isinstance(trainer.logger, WandbLogger):
            chart = confusion_chart(counts, _class_names(trainer, len(counts)))
            trainer.logger.experiment.log({"confusion_matrix": chart})


def prediction_grid(
    images: Tensor, predictions: Tensor, labels: Tensor, classes: Sequence[str]
) -> Image.Image:
    """Return a grid of images (n x c x h x w, any scale), each with its prediction above its label.

    A correct prediction is green, a wrong one red.
    """
    rows = math.ceil(len(images) / COLUMNS)
    grid = Image.new("RGB", (COLUMNS * TILE, rows * (TILE + CAPTION)), "white")
    draw = ImageDraw.Draw(grid)
    for index, (image, prediction, label) in enumerate(
        zip(images, predictions.tolist(), labels.tolist(), strict=True)
    ):
        left, top = index % COLUMNS * TILE, index // COLUMNS * (TILE + CAPTION)
        grid.paste(_tile(image), (left, top))
        text = f"{classes[prediction][:14]}\n({classes[label][:12]})"
        draw.text((left + 2, top + TILE), text, fill=RIGHT if prediction == label else WRONG, spacing=1)
    return grid


def confusion_chart(counts: Tensor, classes: Sequence[str]) -> Any:
    """Return W&B's confusion matrix chart of `counts` (label x prediction)."""
    rows = [
        [actual, predicted, int(n)]
        for actual, row in zip(classes, counts.tolist(), strict=True)
        for predicted, n in zip(classes, row, strict=True)
    ]
    return wandb.plot_table(
        vega_spec_name="wandb/confusion_matrix/v1",
        data_table=wandb.Table(columns=["Actual", "Predicted", "nPredictions"], data=rows),
        fields={"Actual": "Actual", "Predicted": "Predicted", "nPredictions": "nPredictions"},
        string_fields={"title": "Test set"},
    )


def _tile(image: Tensor) -> Image.Image:
    """Return one image, stretched to the full range of grey and to the tile's size."""
    pixels = image.detach().float().cpu()
    low, high = pixels.min(), pixels.max()
    pixels = (pixels - low) / (high - low).clamp_min(1e-8) * 255
    pixels = functional.interpolate(pixels[None], size=(TILE, TILE), mode="nearest")[0]
    pixels = pixels[:3] if len(pixels) >= 3 else pixels[:1].expand(3, -1, -1)
    return Image.fromarray(pixels.to(torch.uint8).permute(1, 2, 0).numpy())


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
    names = getattr(trainer.datamodule, "class_names", None)  # type: ignore[attr-defined]  # Lightning adds it
    return tuple(names) if names and len(names) == classes else tuple(str(label) for label in range(classes))
