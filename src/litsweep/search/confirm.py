"""Confirm the leaders of a sweep: which config to repeat next, and what its repeats say.

Only repeats count. A config leads because its first value is high, so that value is too high on average: the
winner's curse (Smith and Winkler 2006, "The Optimizer's Curse"). It chooses the candidates and nothing else.

Repeats are modelled as normal. A config has its own variance, pooled with that of the other configs, because
two to five repeats say little about a variance.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

DECISIVE_PROBABILITY = 0.95
"""The repeats end when one config is the best with this probability."""
INTERVAL_LEVEL = 0.90
"""The level of the intervals."""
MIN_REPEATS = 2
"""Each config gets this many repeats before the choice depends on values; one repeat has no variance."""

_MOST_POOLED = 8  # the other configs' variance counts as at most this many degrees of freedom
_POINTS = 400  # of the quadrature over quantiles


@dataclass(frozen=True)
class Candidate:
    """A config that is repeated. `values` are its repeats' values, higher is better.

    `running` counts repeats without a value so far, and `failed` those that ended without one. `id` is the
    first run with this config.
    """

    id: str
    values: tuple[float, ...] = ()
    running: int = 0
    failed: int = 0

    @property
    def mean(self) -> float:
        """The mean of the values; minus infinity without a value."""
        return fmean(self.values) if self.values else -math.inf

    @property
    def spent(self) -> int:
        """The number of its repeats, those without a value included."""
        return len(self.values) + self.running + self.failed

    @property
    def fails(self) -> bool:
        """True if its repeats mostly fail. It is repeated no more."""
        return self.failed >= MIN_REPEATS and self.failed > len(self.values)


@dataclass(frozen=True)
class Confirmed:
    """What the repeats say of one config. `n` counts its values.

    `low` and `high` are the ends of the mean's `INTERVAL_LEVEL` interval; None if the variance is
    unknown. `probability` is that of being the best of the candidates.
    """

    id: str
    n: int
    mean: float | None
    low: float | None
    high: float | None
    probability: float | None


@dataclass(frozen=True)
class _Belief:
    """The Student t distribution of a config's mean."""

    mean: float
    variance: float
    freedom: int

    def error(self, n: int) -> float:
        """Return the standard error of the mean of `n` values."""
        return math.sqrt(self.variance / n)


def next_repeat(candidates: Sequence[Candidate], budget: int) -> str | None:
    """Return the id of the config to repeat next; None if no more repeat is needed now.

    Each config gets `MIN_REPEATS` repeats. Then one of two gets the next: the leader, and the config for
    which the evidence that it is worse is weakest, whichever of them is known less well. This is the top-two
    rule EB-TC (Jourdan et al. 2022, "Top Two Algorithms Revisited", 2.2; Russo 2020). It ends after `budget`
    repeats in all, or when a config is the best with the probability `DECISIVE_PROBABILITY`.
    """
    usable = [each for each in candidates if not each.fails]
    if sum(each.spent for each in candidates) >= budget or not usable:
        return None
    first = min(usable, key=lambda each: each.spent)
    if first.spent < MIN_REPEATS or len(usable) == 1:
        return first.id
    if is_decided(candidates):
        return None
    known = [each for each in usable if each.values]
    return _top_two(known) if len(known) > 1 else None


def is_decided(candidates: Sequence[Candidate]) -> bool:
    """Return True if one of several configs is the best with the probability `DECISIVE_PROBABILITY`."""
    usable = [each for each in candidates if not each.fails]
    if len(usable) < 2 or min(len(each.values) for each in usable) < MIN_REPEATS:
        return False
    return max(each.probability or 0.0 for each in confirmed(usable)) >= DECISIVE_PROBABILITY


def confirmed(candidates: Sequence[Candidate]) -> list[Confirmed]:
    """Return what is known of each config, in the order of `candidates`."""
    beliefs = _beliefs(candidates)
    probabilities = _probabilities(candidates, beliefs)
    rows = zip(candidates, beliefs, probabilities, strict=True)
    return [_confirmed(each, belief, probability) for each, belief, probability in rows]


def _confirmed(each: Candidate, belief: _Belief | None, probability: float | None) -> Confirmed:
    from scipy.special import stdtrit  # it takes a third of a second to import

    n, mean = len(each.values), each.mean if each.values else None
    if belief is None:
        return Confirmed(each.id, n, mean, None, None, probability)
    half = float(stdtrit(belief.freedom, 0.5 + INTERVAL_LEVEL / 2)) * belief.error(n)
    return Confirmed(each.id, n, mean, belief.mean - half, belief.mean + half, probability)


def _beliefs(candidates: Sequence[Candidate]) -> list[_Belief | None]:
    """Return the distribution of each mean; None while there is no value or no variance.

    The variance is that of moderated t statistics (Smyth 2004, equation 3), with the variance of the other
    configs as the prior and their degrees of freedom, up to `_MOST_POOLED`, as its weight.
    """
    squares = [sum((value - each.mean) ** 2 for value in each.values) for each in candidates]
    freedom = [max(len(each.values) - 1, 0) for each in candidates]
    return [
        _belief(each, own, of_own, sum(squares) - own, sum(freedom) - of_own)
        for each, own, of_own in zip(candidates, squares, freedom, strict=True)
    ]


def _belief(each: Candidate, own: float, of_own: int, others: float, of_others: int) -> _Belief | None:
    weight = min(of_others, _MOST_POOLED)
    if not each.values or of_own + weight == 0:
        return None
    pooled = max(others, 0.0) / of_others * weight if of_others else 0.0
    return _Belief(each.mean, (own + pooled) / (of_own + weight), of_own + weight)


def _probabilities(candidates: Sequence[Candidate], beliefs: Sequence[_Belief | None]) -> list[float | None]:
    """Return the probability of each config that its mean is the highest; None while it is unknown.

    It is the integral over the quantiles u of one config's mean of the probability that all others are
    below. A config without a value can be the best too, so all are unknown until each has one.
    """
    import numpy as np  # the server imports neither before a sweep has repeats
    from scipy.special import stdtr, stdtrit

    known = [belief for belief in beliefs if belief is not None]
    if len(known) < len(candidates):
        return [None] * len(candidates)
    means = np.array([belief.mean for belief in known])
    errors = [belief.error(len(each.values)) for belief, each in zip(known, candidates, strict=True)]
    # Without noise the best is certain, and equal means share the probability.
    scales = np.maximum(errors, 1e-9 * float(np.ptp(means)) + 1e-300)
    freedom = np.array([belief.freedom for belief in known], dtype=float)
    u = (np.arange(_POINTS) + 0.5) / _POINTS
    x = means + scales * stdtrit(freedom, u[:, None])  # points x configs
    below = stdtr(freedom, (x[:, :, None] - means) / scales)  # points x configs x others
    below[:, range(len(known)), range(len(known))] = 1.0
    weights = below.prod(-1).mean(0)
    return [float(weight) for weight in weights / weights.sum()]


def _top_two(known: Sequence[Candidate]) -> str:
    """Return the config of the top two of which one more repeat lowers the variance of the mean most."""
    variances = [1.0 if belief is None else belief.variance for belief in _beliefs(known)]
    counts = [len(each.values) + each.running for each in known]
    errors = [variance / n for variance, n in zip(variances, counts, strict=True)]
    leader = max(range(len(known)), key=lambda i: known[i].mean)

    def evidence(i: int) -> float:
        return (known[leader].mean - known[i].mean) ** 2 / max(errors[leader] + errors[i], 1e-300)

    challenger = min((i for i in range(len(known)) if i != leader), key=evidence)
    return known[max(leader, challenger, key=lambda i: errors[i] / (counts[i] + 1))].id
