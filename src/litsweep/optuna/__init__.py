"""The Bayesian search as a sampler for any Optuna study, and as the optimizer of `wandb sweep-scheduler`."""

try:
    import optuna as _optuna  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "litsweep.optuna needs Optuna: pip install 'litsweep[optuna]'", name="optuna"
    ) from error

from litsweep.optuna.sampler import LitsweepSampler
from litsweep.optuna.sweep_search import SweepSearch

__all__ = ["LitsweepSampler", "SweepSearch"]
