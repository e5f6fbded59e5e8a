"""The Bayesian search as an Optuna sampler, and as the optimizer of `wandb sweep-scheduler`.

`LitsweepSampler` is for any Optuna study. `SweepSearch` is for the `scheduler.source` that `litsweep
scheduler` writes.
"""

try:
    import optuna as _optuna  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "litsweep.optuna needs Optuna: pip install 'litsweep[optuna]'", name="optuna"
    ) from error

from litsweep.optuna.sampler import LitsweepSampler
from litsweep.optuna.sweep_search import SweepSearch

__all__ = ["LitsweepSampler", "SweepSearch"]
