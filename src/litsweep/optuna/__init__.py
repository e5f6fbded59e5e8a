"""The Bayesian search as an Optuna sampler, and as the engine behind `wandb sweep-scheduler`.

`LitsweepSampler` is for any Optuna study; `SweepSearch` is what a sweep's `scheduler.source` hands to the
stock wandb client, as `litsweep scheduler` writes it.
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
