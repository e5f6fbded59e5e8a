"""Hyperparameter optimization for PyTorch Lightning with W&B Sweeps.

The search as a Python API: `parse_sweep` reads a sweep config, `Controller` suggests runs and stops them.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litsweep.search.controller import Controller
    from litsweep.sweep.config import parse_sweep

__all__ = ["Controller", "parse_sweep"]

_HOMES = {"Controller": "litsweep.search.controller", "parse_sweep": "litsweep.sweep.config"}


def __getattr__(name: str) -> object:
    """Import on first use, so that a training process that wants `litsweep.pipeline` loads no search."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
