"""Suggestions of the Bayesian search: configs of the initial design first, then of the model."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes.design import MIN_ENDED, InitialDesign
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.memory import MIN_RESULTS, Memory
from litsweep.search.bayes.model import EXPLOITATION, EXPLORATION, Model, Strategy
from litsweep.search.bayes.numerics import FitError
from litsweep.search.bayes.observations import Observations, observe
from litsweep.search.bayes.outcomes import Outcomes
from litsweep.search.bayes.stated import stated_belief
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.reason import SuggestionReason
from litsweep.sweep.reasons import DesignReason, EarlierReason
from litsweep.sweep.run import Run, Suggestion, count_configs

if TYPE_CHECKING:
    from litsweep.search.bayes.pareto import ParetoModel

_DESIGN_SIZE = 5  # the model is used once this many runs have ended or are running
_YOUNG_RUNS_PER_PARAMETER = 4  # with fewer runs for each parameter, a sweep is young and explores more
_INSIDE_RUNS_PER_PARAMETER = 2  # from then on, no exploration while the best config lies inside
_EDGE = 0.05  # a number is at an edge within this share of its range


class _NoConfigError(Exception):
    """The model gives no config. The message says why."""


def suggest(
    config: SweepConfig, runs: Sequence[Run], n: int, seed: int, memory: Memory | None = None
) -> list[Suggestion]:
    """Return up to `n` configs to run next; fewer if the space has no more.

    `memory` has the earlier sweeps. The function is pure: equal arguments give equal results. It uses one
    thread; with several, on processors that are busy with training, it takes six times as long. Raises
    ValueError for a sweep without a metric.
    """
    engine = _Engine(config, runs, seed, memory if memory is not None and memory.sources else None)
    suggestions: list[Suggestion] = []
    first = count_configs(runs)
    for position in range(first, first + n):
        with threadpool_limits(limits=1):
            suggestion = engine.next_suggestion(position)
        if suggestion is None:
            break
        suggestions.append(suggestion)
    return suggestions


def strategy_at(d: int, position: int, *, has_trend: bool = False, best_is_inside: bool = False) -> Strategy:
    """Return exploration at every second position of a young sweep, later at every fourth.

    Exploitation alone can spend dozens of runs around a local optimum, where the expected improvement is
    small but certain. A sweep whose model has the trend of earlier ones is not young. The exploring model
    proposes edges of the space, which do not help if the optimum lies inside. So after the first runs there
    is no exploration while `best_is_inside`.
    """
    if best_is_inside and position >= _INSIDE_RUNS_PER_PARAMETER * d:
        return EXPLOITATION
    is_young = position < _YOUNG_RUNS_PER_PARAMETER * d and not has_trend
    period = 2 if is_young else 4
    return EXPLORATION if position % period == 1 else EXPLOITATION


class _Engine:
    """The models of one sweep after some runs. A config that it suggests counts as running for the next."""

    def __init__(self, config: SweepConfig, runs: Sequence[Run], seed: int, memory: Memory | None) -> None:
        if config.metric is None:
            raise ValueError("Bayesian search needs a metric")
        self._encoding, self._memory = Encoding(config.space), memory
        observed = [(metric, observe(self._encoding, config, metric, runs)) for metric in config.metrics]
        self._seen = observed[0][1]
        self._outcomes = Outcomes.of(self._encoding, config, runs, seed)
        self._trend = None if memory is None else memory.trend(self._seen)
        belief = stated_belief(self._encoding, config.prior)
        self._models = {
            strategy: tuple(
                Model(self._encoding, metric, seen, seed, strategy, self._outcomes, self._trend, belief)
                for metric, seen in observed
            )
            for strategy in (EXPLOITATION, EXPLORATION)
        }
        self._design = InitialDesign(self._encoding, seed, belief)
        self._unlogged = [metric.name for metric, seen in observed if seen.runs_used < 2]
        self._unlogged += self._outcomes.unlogged
        self._best_is_inside = _is_best_inside(self._encoding, self._seen, self._outcomes)
        self._pending, self._tried = list(self._seen.pending), set(self._seen.tried)

    def next_suggestion(self, position: int) -> Suggestion | None:
        """Return the config for `position`, and count it as running; None if the space has no more."""
        x, reason = self._next_config(position)
        if x is None:
            return None
        row = self._encoding.identity(x)
        self._tried.add(row)
        self._pending.append(row)
        outside = self._seen.outside_space or None
        return Suggestion(self._encoding.decode(x), replace(reason, runs_outside_the_space=outside))

    def _next_config(self, position: int) -> tuple[Tensor | None, SuggestionReason]:
        """Return a config of the model, else of earlier sweeps, else of the initial design."""
        fallback = None
        if self._is_model_due:
            try:
                return self._config_of_model(position)
            except _NoConfigError as why:
                fallback = str(why)
        if self._memory is not None and self._seen.ended < _DESIGN_SIZE:
            x = self._memory.first_config(self._pending, self._tried, position)
            if x is not None:
                return x, EarlierReason(sweeps=self._memory.names, fallback=fallback)
        x = self._design.next_config(position, self._tried, self._seen.ended)
        return x, DesignReason(fallback=fallback)

    @property
    def _is_model_due(self) -> bool:
        """True once enough runs have ended for the model, or are running."""
        seen = self._seen
        if self._memory is None:
            is_start = seen.ended + len(self._pending) < _DESIGN_SIZE
        else:
            is_start = seen.runs_used < MIN_RESULTS and seen.ended < _DESIGN_SIZE
        if is_start or seen.ended < MIN_ENDED or not self._encoding.d:
            return False
        # While the sweep is that small, the next run may be the second to log what too few have logged.
        return not self._unlogged or seen.ended >= _DESIGN_SIZE

    def _config_of_model(self, position: int) -> tuple[Tensor, SuggestionReason]:
        """Return the model's config for `position`. Raise _NoConfigError if it has none."""
        if self._unlogged:
            raise _NoConfigError(f"fewer than two runs have logged {', '.join(self._unlogged)}")
        try:
            found = self._model_at(position).next_config(self._pending, self._tried, position)
        except FitError as error:
            raise _NoConfigError(f"the model could not be fitted: {error}") from error
        if found is None:
            raise _NoConfigError("the model proposed only configs that were tried")
        return found

    def _model_at(self, position: int) -> "Model | ParetoModel":
        """Return the model that chooses at `position`. That of several metrics never explores."""
        if len(self._models[EXPLOITATION]) > 1:
            from litsweep.search.bayes.pareto import ParetoModel  # BoTorch takes over a second to import

            return ParetoModel(self._models[EXPLOITATION])
        has_trend, is_inside = self._trend is not None, self._best_is_inside
        strategy = strategy_at(self._encoding.d, position, has_trend=has_trend, best_is_inside=is_inside)
        return self._models[strategy][0]


def _is_best_inside(encoding: Encoding, seen: Observations, outcomes: Outcomes) -> bool:
    """Return True if fewer than half of the best config's numbers are at an edge of the space.

    Return False if runs have failed, and with constraints or a cost: then exploration also finds where
    configs succeed, are feasible or cheap.
    """
    if not seen.observed or seen.failed or outcomes.weights or encoding.is_category.all():
        return False
    numbers = seen.x[seen.y.argmax()][~encoding.is_category]
    return bool(((numbers - 0.5).abs() > 0.5 - _EDGE).double().mean() < 0.5)
