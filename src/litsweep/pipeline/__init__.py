"""One run: configuration in, a trained and tested Lightning model out. Needs no server of ours.

Importing this package is cheap; torch and lightning load with the first call.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from litsweep.errors import Fault, LitsweepError
from litsweep.sweep.contract import ExitCode

if TYPE_CHECKING:
    from litsweep.pipeline.classifier import ImageClassifier
    from litsweep.pipeline.datamodule import ImageDataModule

__all__ = [
    "ImageClassifier",
    "ImageDataModule",
    "check_parameters",
    "logged_metrics",
    "main",
    "monitored",
    "refused_values",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Train and test once, as agent.py's flags say. Return the exit code (docs/pipeline.md lists them)."""
    from litsweep.pipeline.arguments import parse
    from litsweep.pipeline.experiment import run

    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
    except LitsweepError as error:
        print(f"agent.py: {error}", file=sys.stderr)
        return ExitCode.CONFIG
    return run(arguments)


def check_parameters(parameters: Mapping[str, object], argv: Sequence[str] = ()) -> list[Fault]:
    """Say what is wrong with one value for each of some sweep parameters: unknown names, values of the wrong
    type.

    `argv` holds the other flags that the sweep's `command` passes (a class path after `--model` decides which
    names exist). Nothing is trained or downloaded.
    """
    from litsweep.pipeline.preflight import check_parameters

    return check_parameters(parameters, argv)


def refused_values(columns: Mapping[str, Sequence[object]], argv: Sequence[str] = ()) -> list[Fault]:
    """Say which values the model, the data or the trainer cannot be made with, by making them with each.

    `columns` has the values of each parameter. A value counts as refused if it fails together with the first
    values of the others, and with the last. Nothing is said if the first and the last config fail as such.
    """
    from litsweep.pipeline.preflight import refused_values

    return refused_values(columns, argv)


def monitored(argv: Sequence[str] = ()) -> tuple[str, str]:
    """Return the metric that picks the best checkpoint of a run with these flags, and `min` or `max`.

    Raises LitsweepError if the flags are wrong.
    """
    from litsweep.pipeline.arguments import parse

    options = parse(argv).options
    return options.monitor, options.goal


def logged_metrics(argv: Sequence[str] = ()) -> set[str]:
    """Return the names of the metrics that a run with these flags logs, found by training on one batch.

    Raises LitsweepError if the flags are wrong or that batch fails; prepares (downloads) the data set if need
    be.
    """
    from litsweep.pipeline.preflight import logged_metrics

    return logged_metrics(argv)


def __getattr__(name: str) -> Any:
    if name == "ImageClassifier":
        from litsweep.pipeline.classifier import ImageClassifier

        return ImageClassifier
    if name == "ImageDataModule":
        from litsweep.pipeline.datamodule import ImageDataModule

        return ImageDataModule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
