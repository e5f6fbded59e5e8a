"""One run: parsed flags in, a trained and tested Lightning model out. It needs no litsweep server.

Importing this package is cheap. torch and lightning load on first use.
"""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from litsweep.errors import LitsweepError
from litsweep.imports import without_garbage_collection
from litsweep.sweep.contract import ExitCode

if TYPE_CHECKING:
    from litsweep.pipeline.classifier import ImageClassifier
    from litsweep.pipeline.datamodule import ImageDataModule
    from litsweep.pipeline.preflight import (
        check_parameters,
        logged_metrics,
        monitored,
        refused_resume,
        refused_values,
    )

_HOMES = {
    "ImageClassifier": "classifier",
    "ImageDataModule": "datamodule",
    **dict.fromkeys(
        ("check_parameters", "logged_metrics", "monitored", "refused_resume", "refused_values"), "preflight"
    ),
}

__all__ = [
    "ImageClassifier",
    "ImageDataModule",
    "check_parameters",
    "logged_metrics",
    "main",
    "monitored",
    "refused_resume",
    "refused_values",
]


def main(argv: Sequence[str] | None = None) -> int:
    """Train and test once with the flags of agent.py. Return the exit code (docs/pipeline.md lists them)."""
    with without_garbage_collection():
        from litsweep.pipeline.arguments import parse
    try:
        arguments = parse(sys.argv[1:] if argv is None else argv)
    except LitsweepError as error:
        print(f"agent.py: {error}", file=sys.stderr)
        return ExitCode.CONFIG
    with without_garbage_collection():
        from litsweep.pipeline.experiment import run  # not for --help: it needs the client
    return run(arguments)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    with without_garbage_collection():
        home = import_module(f"{__name__}.{_HOMES[name]}")
    return getattr(home, name)
