"""The module alone: schedules, optimizers, refused arguments, logged metrics."""

from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch.nn import functional

from litsweep.errors import ConfigError
from litsweep.pipeline.classifier import ImageClassifier, cosine_with_warmup
from litsweep.pipeline.datamodule import ImageDataModule


def small(**options: Any) -> ImageClassifier:
    return ImageClassifier((1, 8, 8), 10, width=2, **options)


def fit(model: ImageClassifier, cache: object, **options: Any) -> Trainer:
    options = {"max_epochs": 2, **options}
    trainer = Trainer(
        accelerator="cpu",
        limit_train_batches=5,
        limit_val_batches=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(model, ImageDataModule("digits", cache=str(cache)))
    return trainer


pytestmark = [
    pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec"),
]


def test_the_cosine_rises_to_one_and_falls_to_zero() -> None:
    factors = [cosine_with_warmup(step, 100, 10) for step in range(101)]
    assert factors[0] == pytest.approx(1 / 11)
    assert factors[10] == 1
    assert factors[55] == pytest.approx(0.5)
    assert factors[100] == pytest.approx(0, abs=1e-12)
    assert factors[:11] == sorted(factors[:11])
    assert factors[10:] == sorted(factors[10:], reverse=True)


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_the_schedule_spans_the_whole_training(schedule: Any, cache: object) -> None:
    trainer = fit(small(schedule=schedule, learning_rate=0.1, optimizer="sgd"), cache)
    assert trainer.global_step == 10
    rate = trainer.optimizers[0].param_groups[0]["lr"]
    assert rate == pytest.approx(0.1) if schedule == "constant" else rate < 0.01


@pytest.mark.parametrize(
    ("name", "kind"), [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW)]
)
def test_the_optimizer_gets_its_options(name: Any, kind: type[torch.optim.Optimizer]) -> None:
    optimizer = small(
        optimizer=name, learning_rate=0.5, weight_decay=0.25, momentum=0.75
    ).configure_optimizers()
    assert type(optimizer) is kind
    group = optimizer.param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (0.5, 0.25)
    assert group.get("momentum", 0.75) == 0.75


def test_label_smoothing_is_of_the_training_loss_only() -> None:
    torch.manual_seed(0)
    plain = small()
    smooth = small(label_smoothing=0.5)
    smooth.load_state_dict(plain.state_dict())
    batch = torch.randn(4, 1, 8, 8), torch.arange(4)
    for model in (plain, smooth):
        model.log = lambda *args, **options: None  # type: ignore[method-assign]
    torch.testing.assert_close(
        plain.validation_step(batch, 0)["loss"], smooth.validation_step(batch, 0)["loss"]
    )
    assert not torch.equal(plain.training_step(batch, 0)["loss"], smooth.training_step(batch, 0)["loss"])


def test_every_value_out_of_range_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        small(learning_rate=-1, dropout=1, label_smoothing=2)
    assert [fault.path for fault in raised.value.faults] == [
        "model.dropout",
        "model.learning_rate",
        "model.label_smoothing",
    ]


def test_a_schedule_needs_an_end(cache: object) -> None:
    with pytest.raises(ConfigError, match=r"model.schedule: needs an end of training"):
        fit(small(schedule="cosine"), cache, max_epochs=-1)


def test_the_names_of_the_metrics(cache: object) -> None:
    trainer = fit(small(), cache)
    assert {"train_loss", "train_acc", "val_loss", "val_acc"} == trainer.callback_metrics.keys()


class OwnSteps(ImageClassifier):
    """A subclass whose steps log metrics of their own."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> Any:  # type: ignore[override]
        self.log("val_acc", 0.25)


def test_a_subclass_logs_its_own_metrics(cache: object) -> None:
    trainer = fit(OwnSteps((1, 8, 8), 10, width=2), cache)
    assert trainer.callback_metrics == {"val_acc": 0.25}
