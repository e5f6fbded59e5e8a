"""Checks of a sweep's parameters and metrics before the first run."""

import contextlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import signature
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.loggers.logger import DummyLogger

from litsweep.errors import ConfigError, Fault, LitsweepError
from litsweep.pipeline import flags
from litsweep.pipeline.arguments import (
    WHAT,
    Arguments,
    hints_of,
    ill_typed_flags,
    instantiate,
    make_parser,
    named_classes,
    parse,
    unknown_flags,
)

MAX_TRIES = 50  # models constructed to try values
OF_THE_MACHINE = {
    *("accelerator", "devices", "num_nodes", "strategy", "precision", "plugins", "sync_batchnorm"),
    *("callbacks", "benchmark", "deterministic", "profiler", "barebones", "fast_dev_run", "default_root_dir"),
}
"""Options of the Trainer that depend on the machine, change the process, or need other options."""


def check_parameters(parameters: Mapping[str, object], argv: Sequence[str] = ()) -> list[Fault]:
    """Return the faults of some sweep parameters with their values: unknown names and wrong types.

    `argv` holds the other flags of the sweep's `command`. A class path after `--model` decides which names
    exist. Nothing is trained or downloaded.
    """
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
    """Return the names of the metrics that a run with these flags sends to W&B.

    Trains and validates one batch on the CPU, without logging or saving anything. Downloads the data set if
    it is missing. Raises LitsweepError if the flags are wrong or the batch fails.
    """
    arguments = parse([*argv, "--wandb=disabled"])
    seed_everything(arguments.options.seed, verbose=False)
    logged = _LoggedNames()
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        trainer = _trainer_of_one_batch(scratch, logger=logged, validates=_validates(arguments))
        try:
            model, data, _ = instantiate(arguments)
            trainer.fit(model, data)
        except LitsweepError:
            raise
        except Exception as error:
            raise LitsweepError(f"one batch of training fails: {type(error).__name__}: {error}") from error
    return logged.names


class _LoggedNames(DummyLogger):
    """Keeps the names of what is logged. It accepts each call that a module makes of its logger."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def log_metrics(self, metrics: Mapping[str, float], *_: Any, **__: Any) -> None:
        self.names |= metrics.keys()


def _validates(arguments: Arguments) -> bool:
    """Return whether a run validates at all. Raises ConfigError if it ends before its first validation."""
    options = arguments.config.trainer
    every, epochs = options.check_val_every_n_epoch, options.max_epochs
    if every and epochs and 0 < epochs < every and options.limit_val_batches != 0:
        rule = f"must be at most trainer.max_epochs ({epochs}), else nothing is validated"
        raise ConfigError(
            WHAT, [Fault("trainer.check_val_every_n_epoch", rule, str(every), f"write {epochs} or less")]
        )
    return bool(options.limit_val_batches != 0)


def refused_resume(argv: Sequence[str] = ()) -> str | None:
    """Return why a run with these flags cannot resume from its checkpoint, or None if it can.

    Trains and validates one batch in each of two epochs on the CPU, the second one in a new trainer from the
    checkpoint of the first. Raises LitsweepError if the flags are wrong.
    """
    arguments = parse([*argv, "--wandb=disabled"])
    with _quiet(), tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch, "last.ckpt")
        try:
            for callbacks in ([_StopAfterOneEpoch()], []):
                seed_everything(arguments.options.seed, verbose=False)
                trainer = _trainer_of_one_batch(scratch, max_epochs=2, callbacks=callbacks)
                model, data, _ = instantiate(arguments)
                last = checkpoint if checkpoint.is_file() else None
                trainer.fit(model, data, ckpt_path=last, weights_only=False)
                trainer.save_checkpoint(checkpoint)
        except LitsweepError:
            raise
        except Exception as error:
            return f"{type(error).__name__}: {' '.join(str(error).split())}"
    return None


class _StopAfterOneEpoch(Callback):
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        trainer.should_stop = True


def refused_values(columns: Mapping[str, Sequence[object]], argv: Sequence[str] = ()) -> list[Fault]:
    """Return a fault for each value with which the model, the data or the trainer cannot be constructed.

    `columns` has the values of each parameter. A value is refused if it fails with the first values of the
    other parameters and also with their last values. If both of these configs fail, no value is reported.
    """
    ends = [{name: values[end] for name, values in columns.items()} for end in (0, -1)]
    bases = [base for base in ends if not _faults_of_making(base, argv)] if columns else []
    tries = [
        (name, value)
        for name, values in columns.items()
        for value in values
        if name.startswith(("model.", "data.")) and all(base[name] != value for base in bases)
    ]
    found = [_refusal(name, value, bases, argv) for name, value in tries[:MAX_TRIES]]
    found += [
        _refused_option(name, value) for name, values in columns.items() for value in values[:MAX_TRIES]
    ]
    return [fault for fault in found if fault is not None]


def _refusal(
    name: str, value: object, bases: Sequence[Mapping[str, object]], argv: Sequence[str]
) -> Fault | None:
    """Return why a value fails with each of these configs; None if one of them works."""
    fault = None
    for base in bases:
        faults = _faults_of_making({**base, name: value}, argv)
        if not faults:
            return None
        fault = replace(faults[0], path=name, got=repr(str(value)))
    return fault


def _refused_option(name: str, value: object) -> Fault | None:
    """Return why the Trainer refuses a value of one option on any machine, or None."""
    group, _, option = name.partition(".")
    if group != "trainer" or option not in signature(Trainer).parameters or option in OF_THE_MACHINE:
        return None
    try:
        given = parse([str(flag) for flag in flags.from_parameters({name: value})]).config.trainer[option]
        with _quiet():
            Trainer(**{"logger": False, "enable_progress_bar": False, "accelerator": "cpu", option: given})
    except LitsweepError:
        return None  # `check_parameters` reports it
    except Exception as error:
        return Fault(name, f"the trainer refuses it ({' '.join(str(error).split())})", repr(str(value)), "")
    return None


def _faults_of_making(parameters: Mapping[str, object], argv: Sequence[str]) -> tuple[Fault, ...]:
    try:
        arguments = parse([*argv, *(str(flag) for flag in flags.from_parameters(parameters))])
    except LitsweepError:
        return ()  # `check_parameters` reports it
    try:
        with _quiet(), contextlib.redirect_stdout(sys.stderr):
            instantiate(arguments)
    except ConfigError as error:
        return error.faults
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return (Fault("model", f"the model or the data module cannot be created ({reason})", "", ""),)
    return ()


def monitored(argv: Sequence[str] = ()) -> tuple[str, str]:
    """Return the metric that a run monitors, and `min` or `max`. Raises LitsweepError for wrong flags."""
    options = parse(argv).options
    return options.monitor, options.goal


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's messages about a training that the user did not ask for."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _trainer_of_one_batch(
    folder: str,
    max_epochs: int = 1,
    callbacks: Sequence[Callback] = (),
    logger: DummyLogger | None = None,
    validates: bool = True,
) -> Trainer:
    return Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=max_epochs,
        callbacks=list(callbacks),
        limit_train_batches=1,
        limit_val_batches=int(validates),
        num_sanity_val_steps=0,
        logger=logger or False,
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
