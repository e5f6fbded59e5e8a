"""ImageClassifier: the default LightningModule of a sweep."""

import math
from typing import Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torchmetrics import MeanMetric

from litsweep.errors import ConfigError, Fault
from litsweep.pipeline import backbones
from litsweep.pipeline.ranges import AtLeastOne, BelowOne, NonNegative, Positive, UpToOne, out_of_range

Batch = tuple[Tensor, Tensor]  # images (n x c x h x w, float), labels (n, int64)
StepOutput = dict[str, Tensor]

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


class ImageClassifier(LightningModule):
    """Classify images.

    Args:
        input_shape: channels, height and width of an image; taken from the data.
        num_classes: number of classes; taken from the data.
        backbone: tutorial, resnet, resnet9, or the name of any torchvision classification model.
        width: channels of the first convolution of tutorial, resnet and resnet9.
        dropout: probability of dropping a feature before the last layer, in [0, 1).
        learning_rate: the learning rate; with a schedule, its highest value.
        weight_decay: L2 penalty (sgd, adam) or decoupled decay (adamw).
        optimizer: sgd, adam or adamw.
        momentum: momentum of sgd, in [0, 1).
        schedule: of the learning rate: constant, cosine (down to zero after a linear warm-up) or one_cycle.
        warmup: fraction of all steps in which the learning rate rises (cosine, one_cycle), in [0, 1].
        label_smoothing: label smoothing in the training loss, in [0, 1).
        compile: torch.compile's mode for the network, or none: default, reduce-overhead, max-autotune. The
            first run of a sweep on a machine fills the cache of compiled kernels, and the others use it.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        num_classes: int,
        backbone: str = "tutorial",
        width: AtLeastOne = 32,
        dropout: BelowOne = 0.0,
        learning_rate: Positive = 1e-3,
        weight_decay: NonNegative = 0.0,
        optimizer: Literal["sgd", "adam", "adamw"] = "adamw",
        momentum: BelowOne = 0.9,
        schedule: Literal["constant", "cosine", "one_cycle"] = "constant",
        warmup: UpToOne = 0.1,
        label_smoothing: BelowOne = 0.0,
        compile: Literal["none", "default", "reduce-overhead", "max-autotune"] = "none",
    ) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        if faults := out_of_range("model", ImageClassifier.__init__, self.hparams):
            raise ConfigError("the model", faults)
        self.backbone = backbones.build(backbone, input_shape, num_classes, width, dropout)
        if compile != "none":
            self.backbone.compile(mode=compile)
        self.train_metrics, self.val_metrics, self.test_metrics = (EpochMetrics() for _ in range(3))

    def on_fit_start(self) -> None:
        """Lay the weights out for the device: with the channels last on a GPU."""
        if self.device.type == "cuda":
            self.backbone.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, n x num_classes."""
        logits: Tensor = self.backbone(images)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> StepOutput:
        """Return the smoothed loss and the logits of a batch."""
        return self._step(batch, self.train_metrics, self.hparams["label_smoothing"])

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> StepOutput:
        """Return the loss and the logits of a batch."""
        return self._step(batch, self.val_metrics.of_loader(dataloader_idx))

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> StepOutput:
        """Return the loss and the logits of a batch."""
        return self._step(batch, self.test_metrics.of_loader(dataloader_idx))

    def on_train_epoch_end(self) -> None:
        """Log `train_loss` and `train_acc` of the epoch."""
        self._log("train", self.train_metrics)

    def on_validation_epoch_end(self) -> None:
        """Log `val_loss` and `val_acc` of the epoch; of several loaders, `val_acc/dataloader_idx_0`, ..."""
        self._log("val", self.val_metrics, len(self.trainer.num_val_batches))

    def on_test_epoch_end(self) -> None:
        """Log `test_loss` and `test_acc`."""
        self._log("test", self.test_metrics, len(self.trainer.num_test_batches))

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimizer, with the schedule unless it is constant."""
        name = self.hparams["optimizer"]
        options = {"momentum": self.hparams["momentum"]} if name == "sgd" else {}
        optimizer: Optimizer = OPTIMIZERS[name](
            self.parameters(),
            lr=self.hparams["learning_rate"],
            weight_decay=self.hparams["weight_decay"],
            fused=self._can_fuse(),
            **options,
        )
        if self.hparams["schedule"] == "constant":
            return optimizer
        scheduler = self._schedule(optimizer, _total_steps(self))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def _can_fuse(self) -> Literal[True] | None:
        """Return True where one kernel can update all weights. None lets PyTorch choose."""
        if self.device.type != "cuda" or self.trainer.precision == "16-mixed":
            return None  # in 16-mixed, Lightning cannot clip the gradients of a fused optimizer
        return True

    def _schedule(self, optimizer: Optimizer, steps: int) -> LRScheduler:
        warmup = self.hparams["warmup"]
        if self.hparams["schedule"] == "one_cycle":
            rate, total = self.hparams["learning_rate"], max(steps, 3)
            rising = max(warmup, min(1.0, 2 / total))  # OneCycleLR divides by zero for one rising step
            return OneCycleLR(optimizer, max_lr=rate, total_steps=total, pct_start=rising)
        return LambdaLR(optimizer, lambda step: cosine_with_warmup(step, steps, round(warmup * steps)))

    def _step(self, batch: Batch, metrics: "EpochMetrics", label_smoothing: float = 0.0) -> StepOutput:
        images, labels = batch
        logits = self(images)
        loss = functional.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        metrics.update(loss.detach(), logits.detach(), labels)
        return {"loss": loss, "logits": logits.detach()}

    def _log(self, stage: str, metrics: "EpochMetrics", loaders: int = 1) -> None:
        """Log once an epoch, because a call of `log` takes as long as the forward pass of a small network.

        A subclass whose own step does not update the metrics logs its own.
        """
        for index in range(loaders):
            each, ending = metrics.of_loader(index), f"/dataloader_idx_{index}" if loaders > 1 else ""
            if each.loss.update_called:
                self.log(f"{stage}_loss{ending}", each.loss.compute(), add_dataloader_idx=False)
                self.log(f"{stage}_acc{ending}", each.acc.compute(), prog_bar=True, add_dataloader_idx=False)
                each.loss.reset()
                each.acc.reset()


class EpochMetrics(nn.Module):
    """The mean loss and the accuracy over the images of an epoch, of all ranks: those of the first loader.

    Further loaders have their own.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loss = MeanMetric(nan_strategy="disable")
        self.acc = MeanMetric(nan_strategy="disable")
        self.others = nn.ModuleList()

    def of_loader(self, index: int) -> "EpochMetrics":
        """Return the metrics of one of several loaders."""
        while index > len(self.others):
            self.others.append(EpochMetrics().to(self.loss.device))
        other = self.others[index - 1] if index else self
        assert isinstance(other, EpochMetrics)
        return other

    def update(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: its mean loss, its logits (n x classes) and its labels (n)."""
        self.loss.update(loss, len(labels))
        self.acc.update((logits.argmax(1) == labels).float())


def cosine_with_warmup(step: int, steps: int, warmup_steps: int) -> float:
    """Return the factor of the learning rate: linear up to 1 at `warmup_steps`, then a half cosine to 0."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _total_steps(module: LightningModule) -> int:
    steps = module.trainer.estimated_stepping_batches
    if math.isinf(steps):
        fix = "give trainer.max_epochs or trainer.max_steps, or use model.schedule=constant"
        raise ConfigError("the model", [Fault("model.schedule", "needs an end of training", "none", fix)])
    return int(steps)
