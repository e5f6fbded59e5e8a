"""Hyperparameter optimization for PyTorch Lightning with W&B Sweeps.

The Python API of the search: `parse_sweep` reads a sweep config, `Controller` suggests runs and stops them,
and an `EarlierSweep` is one from which it learns.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litsweep.search.controller import Controller
    from litsweep.sweep.config import parse_sweep
    from litsweep.sweep.earlier import EarlierSweep

__all__ = ["Controller", "EarlierSweep", "parse_sweep"]

_MODULES = {
    "Controller": "litsweep.search.controller",
    "EarlierSweep": "litsweep.sweep.earlier",
    "parse_sweep": "litsweep.sweep.config",
}


def __getattr__(name: str) -> object:
    """Import a public name on first use, so that `litsweep.pipeline` does not load the search."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)
