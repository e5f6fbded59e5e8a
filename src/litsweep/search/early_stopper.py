"""The decision function of a sweep's early-termination rule, with the search's forecasts."""

from collections.abc import Iterator, Sequence

from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_termination.rule import EarlyTerminationRule, Forecast, Stopper
from litsweep.sweep.run import Run


def early_stopper(config: SweepConfig, rule: EarlyTerminationRule, seed: int) -> Stopper:
    """Return the decision function of a sweep's early-termination rule."""

    def forecast(runs: Sequence[Run], run_ids: Sequence[str]) -> Iterator[Forecast]:
        from litsweep.search.bayes.forecast import forecasts  # torch takes seconds to import

        return forecasts(config, runs, run_ids, seed)

    return rule.stopper(forecast)
