"""Suggestions of the Bayesian search: configs of the initial design first, then of the model."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
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


def suggest(
    config: SweepConfig, runs: Sequence[Run], n: int, seed: int, memory: Memory | None = None
) -> list[Suggestion]:
    """Return up to `n` configs to run next; fewer if the space has no more.

    `memory` has the earlier sweeps. The function is pure: equal arguments give equal results. It uses one
    thread; with several, on processors that are busy with training, it takes six times as long. Raises
    ValueError for a sweep without a metric.
    """
    if config.metric is None:
        raise ValueError("Bayesian search needs a metric")
    encoding = Encoding(config.space)
    observed = [(metric, observe(encoding, config, metric, runs)) for metric in config.metrics]
    outcomes = Outcomes.of(encoding, config, runs, seed)
    memory = memory if memory is not None and memory.sources else None
    trend = None if memory is None else memory.trend(observed[0][1])
    belief = stated_belief(encoding, config.prior)
    models = {
        strategy: tuple(
            Model(encoding, metric, seen, seed, strategy, outcomes, trend, belief)
            for metric, seen in observed
        )
        for strategy in (EXPLOITATION, EXPLORATION)
    }
    seen, design = observed[0][1], InitialDesign(encoding, seed, belief)
    pending, tried = list(seen.pending), set(seen.tried)
    suggestions: list[Suggestion] = []
    best_is_inside = _is_best_inside(encoding, seen, outcomes)
    first = count_configs(runs)
    for position in range(first, first + n):
        with threadpool_limits(limits=1):
            strategy = strategy_at(encoding.d, len(observed), position, trend is not None, best_is_inside)
            x, reason = _next_config(design, models[strategy], pending, tried, position, memory)
        if x is None:
            break
        row = encoding.identity(x)
        tried.add(row)
        pending.append(row)
        suggestions.append(Suggestion(encoding.decode(x), reason))
    return suggestions


def strategy_at(
    d: int, metrics: int, position: int, has_trend: bool = False, best_is_inside: bool = False
) -> Strategy:
    """Return exploration at every second position of a young sweep, later at every fourth.

    Exploitation alone can spend dozens of runs around a local optimum, where the expected improvement is
    small but certain. A sweep whose model has the trend of earlier ones is not young. The exploring model
    proposes edges of the space, which do not help if the optimum lies inside. So after the first runs there
    is no exploration while `best_is_inside`. With several metrics there is none at all.
    """
    if metrics > 1 or (best_is_inside and position >= _INSIDE_RUNS_PER_PARAMETER * d):
        return EXPLOITATION
    is_young = position < _YOUNG_RUNS_PER_PARAMETER * d and not has_trend
    return EXPLORATION if position % (2 if is_young else 4) == 1 else EXPLOITATION


def _is_best_inside(encoding: Encoding, seen: Observations, outcomes: Outcomes) -> bool:
    """Return True if fewer than half of the best config's numbers are at an edge of the space.

    Return False if runs have failed, and with constraints or a cost: then exploration also finds where
    configs succeed, are feasible or cheap.
    """
    if not seen.observed or seen.failed or outcomes.weights or encoding.is_category.all():
        return False
    numbers = seen.x[seen.y.argmax()][~encoding.is_category]
    return bool(((numbers - 0.5).abs() > 0.5 - _EDGE).double().mean() < 0.5)


def _next_config(
    design: InitialDesign,
    models: tuple[Model, ...],
    pending: Sequence[Sequence[float]],
    tried: AbstractSet[tuple[float, ...]],
    position: int,
    memory: Memory | None,
) -> tuple[Tensor | None, SuggestionReason]:
    """Return one config and its reason. The design replaces the model when the model cannot give a config."""
    seen, fallback = models[0].seen, None
    outside = seen.outside_space or None
    if memory is None:
        is_start = seen.ended + len(pending) < _DESIGN_SIZE
    else:
        is_start = seen.runs_used < MIN_RESULTS and seen.ended < _DESIGN_SIZE
    if not is_start and seen.ended >= MIN_ENDED and models[0].encoding.d:
        unlogged = [model.metric.name for model in models if model.seen.runs_used < 2]
        unlogged += models[0].outcomes.unlogged
        if unlogged and seen.ended >= _DESIGN_SIZE:  # with fewer, the next run may be the second to log
            fallback = f"fewer than two runs have logged {', '.join(unlogged)}"
        elif not unlogged:
            try:
                suggested = _joint_model(models).next_config(pending, tried, position)
            except FitError as error:
                fallback = f"the model could not be fitted: {error}"
            else:
                if suggested is not None:
                    return suggested[0], replace(suggested[1], runs_outside_the_space=outside)
                fallback = "the model proposed only configs that were tried"
    if memory is not None and seen.ended < _DESIGN_SIZE:
        x = memory.first_config(pending, tried, position)
        if x is not None:
            return x, EarlierReason(sweeps=memory.names, fallback=fallback, runs_outside_the_space=outside)
    reason = DesignReason(fallback=fallback, runs_outside_the_space=outside)
    return design.next_config(position, tried, seen.ended), reason


def _joint_model(models: tuple[Model, ...]) -> "Model | ParetoModel":
    if len(models) == 1:
        return models[0]
    from litsweep.search.bayes.pareto import ParetoModel  # BoTorch takes more than a second to import

    return ParetoModel(models)
