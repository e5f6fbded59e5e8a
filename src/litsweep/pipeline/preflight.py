"""What can be known about a sweep's runs before the first one starts."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence

from lightning.pytorch import Trainer, seed_everything

from litsweep.errors import ConfigError, Fault, LitsweepError
from litsweep.pipeline import flags
from litsweep.pipeline.arguments import (
    hints_of,
    ill_typed_flags,
    instantiate,
    make_parser,
    named_classes,
    parse,
    unknown_flags,
)


def check_parameters(parameters: Mapping[str, object], argv: Sequence[str] = ()) -> list[Fault]:
    """Say what is wrong with one value for each of some sweep parameters (see `litsweep.pipeline`)."""
    classes = named_classes([*flags.read(argv)[0], *flags.from_parameters(parameters)])
    try:
        parser = make_parser(classes)
    except ConfigError as error:
        return list(error.faults)
    hints = hints_of(parser)
    swept, fixed = (
        [flags.spell(flag, hints.get(flag.name)) for flag in some if flag.name not in classes]
        for some in (flags.from_parameters(parameters, hints), flags.read(argv, hints)[0])
    )
    unknown = unknown_flags(swept, hints)
    names = {fault.path for fault in unknown}
    return unknown + ill_typed_flags(parser, [flag for flag in swept if flag.name not in names], fixed)


def logged_metrics(argv: Sequence[str] = ()) -> set[str]:
    """Return the names of the metrics that a run with these flags logs (see `litsweep.pipeline`).

    One batch of training and validation on the CPU, with everything that would log or save left out.
    """
    arguments = parse([*argv, "--wandb=disabled"])
    seed_everything(arguments.options.seed, verbose=False)
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        trainer = _trainer_of_one_batch(scratch)
        try:
            model, data, _ = instantiate(arguments)
            trainer.fit(model, data)
        except LitsweepError:
            raise
        except Exception as error:
            raise LitsweepError(f"one batch of training fails: {type(error).__name__}: {error}") from error
    return {"epoch", *trainer.callback_metrics}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning from telling about a training that nobody asked for."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _trainer_of_one_batch(folder: str) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        limit_train_batches=1,
        limit_val_batches=1,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
