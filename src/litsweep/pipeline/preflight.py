"""What can be known about a sweep's runs before the first one starts."""

import contextlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from inspect import signature

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

MOST_TRIES = 50  # models that are made to try values
OF_THE_MACHINE = {
    *(
        "accelerator",
        "devices",
        "num_nodes",
        "strategy",
        "precision",
        "plugins",
        "sync_batchnorm",
        "callbacks",
    ),
    *("benchmark", "deterministic", "profiler", "barebones", "fast_dev_run", "default_root_dir"),
}
"""Options of the Trainer that depend on the machine, change the process, or need other options."""


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


def refused_values(columns: Mapping[str, Sequence[object]], argv: Sequence[str] = ()) -> list[Fault]:
    """Say which values the model or the data cannot be made with (see `litsweep.pipeline`)."""
    ends = [{name: values[end] for name, values in columns.items()} for end in (0, -1)]
    bases = [base for base in ends if not _faults_of_making(base, argv)] if columns else []
    tries = [
        (name, value)
        for name, values in columns.items()
        for value in values
        if name.startswith(("model.", "data.")) and all(base[name] != value for base in bases)
    ]
    found = [_refusal(name, value, bases, argv) for name, value in tries[:MOST_TRIES]]
    found += [
        _refused_option(name, value) for name, values in columns.items() for value in values[:MOST_TRIES]
    ]
    return [fault for fault in found if fault is not None]


def _refusal(
    name: str, value: object, bases: Sequence[Mapping[str, object]], argv: Sequence[str]
) -> Fault | None:
    """Say why a value fails with each of these configs; None if it does not."""
    fault = None
    for base in bases:
        faults = _faults_of_making({**base, name: value}, argv)
        if not faults:
            return None
        fault = replace(faults[0], path=name, got=repr(str(value)))
    return fault


def _refused_option(name: str, value: object) -> Fault | None:
    """Say why the Trainer refuses a value of one of its options by itself, on whatever machine."""
    group, _, option = name.partition(".")
    if group != "trainer" or option not in signature(Trainer).parameters or option in OF_THE_MACHINE:
        return None
    try:
        given = parse([str(flag) for flag in flags.from_parameters({name: value})]).config.trainer[option]
        with _quiet():
            Trainer(**{"logger": False, "enable_progress_bar": False, "accelerator": "cpu", option: given})
    except LitsweepError:
        return None  # `check_parameters` tells of it
    except Exception as error:
        return Fault(
            name, f"is refused by the trainer ({' '.join(str(error).split())})", repr(str(value)), ""
        )
    return None


def _faults_of_making(parameters: Mapping[str, object], argv: Sequence[str]) -> tuple[Fault, ...]:
    try:
        arguments = parse([*argv, *(str(flag) for flag in flags.from_parameters(parameters))])
    except LitsweepError:
        return ()  # `check_parameters` tells of it
    try:
        with _quiet(), contextlib.redirect_stdout(sys.stderr):
            instantiate(arguments)
    except ConfigError as error:
        return error.faults
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return (Fault("model", f"is refused when the model and the data are made ({reason})", "", ""),)
    return ()


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
