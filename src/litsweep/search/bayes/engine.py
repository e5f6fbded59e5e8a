"""One suggestion after another: the design first, then the model."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits
from torch import Tensor

from litsweep.search.bayes.design import ENDED, Design
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.model import EXPLOITATION, EXPLORATION, Model, Strategy
from litsweep.search.bayes.observations import observe
from litsweep.search.bayes.surrogate import FitError
from litsweep.search.proposal import Proposal
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.run import Run

if TYPE_CHECKING:
    from litsweep.search.bayes.pareto import ParetoModel

_INITIAL = 5
"""So many runs, ended or under way, are spread over the space before a model decides."""

_YOUNG = 4
"""So many runs for each parameter, and it is known where the good regions lie."""


def suggest(config: SweepConfig, runs: Sequence[Run], n: int, seed: int) -> list[Proposal]:
    """Up to `n` configs to run next, fewer when the space has no more.

    Pure: the same arguments give the same answer. One thread: the matrices are small, and several threads
    would wait for each other at every step where training keeps the processors busy (six times as long, seen
    on two). Raises ValueError for a sweep without a metric.
    """
    if config.metric is None:
        raise ValueError("Bayesian search needs a metric")
    encoding = Encoding(config.space)
    observed = [(metric, observe(encoding, config, metric, runs)) for metric in config.metrics]
    models = {
        strategy: tuple(Model(encoding, metric, seen, seed, strategy) for metric, seen in observed)
        for strategy in (EXPLOITATION, EXPLORATION)
    }
    seen, design = observed[0][1], Design(encoding, seed)
    pending, tried = list(seen.pending), set(seen.tried)
    proposals: list[Proposal] = []
    for position in range(len(runs), len(runs) + n):
        with threadpool_limits(limits=1):
            strategy = _strategy(encoding.d, len(observed), position)
            x, reason = _next(design, models[strategy], pending, tried, position)
        if x is None:
            break
        row = encoding.identity(x)
        tried.add(row)
        pending.append(row)
        proposals.append(Proposal(encoding.decode(x), reason))
    return proposals


def _strategy(d: int, metrics: int, position: int) -> Strategy:
    """Exploration at every second position of a young sweep, then every fourth; not with several metrics.

    Exploitation alone can spend dozens of runs around a local optimum: what little there is to gain close by
    is more certain than what there may be elsewhere. The trials of `feasibility` are at positions where this
    is exploration's turn at any age.
    """
    is_young = position < _YOUNG * d
    explores = metrics == 1 and position % (2 if is_young else 4) == 1
    return EXPLORATION if explores else EXPLOITATION


def _next(
    design: Design,
    models: tuple[Model, ...],
    pending: Sequence[Sequence[float]],
    tried: AbstractSet[tuple[float, ...]],
    position: int,
) -> tuple[Tensor | None, dict[str, object]]:
    """One config and the reason for it; the design steps in where the model cannot, and says so."""
    seen = models[0].seen
    aside: dict[str, object] = {"runs_outside_the_space": seen.foreign} if seen.foreign else {}
    is_spread = seen.ended + len(pending) >= _INITIAL
    if is_spread and seen.ended >= ENDED and models[0].encoding.d:
        silent = [model.metric.name for model in models if model.seen.runs_used < 2]
        if silent and seen.ended >= _INITIAL:  # with fewer ended, the next may be the second to log
            aside["fallback"] = f"fewer than two runs have logged {', '.join(silent)}"
        elif not silent:
            try:
                proposed = _joined(models).propose(pending, tried, position)
            except FitError as error:
                aside["fallback"] = f"the model could not be fitted: {error}"
            else:
                if proposed is not None:
                    return proposed[0], {**proposed[1], **aside}
                aside["fallback"] = "the model proposed only configs that were tried"
    return design.next(position, tried, seen.ended), {"method": "initial design", **aside}


def _joined(models: tuple[Model, ...]) -> "Model | ParetoModel":
    if len(models) == 1:
        return models[0]
    from litsweep.search.bayes.pareto import ParetoModel  # BoTorch takes more than a second to import

    return ParetoModel(models)
