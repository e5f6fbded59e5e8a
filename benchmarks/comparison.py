"""Comparison of two engines on the same problems and seeds: ratios of mean regret, intervals and tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from records import Record, curves
from scipy import stats

_RESAMPLES = 2000
_SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Interval:
    """An estimate and the middle 80 % of its bootstrap distribution."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


def bootstrap(statistic: Callable[[np.ndarray], float], n: int) -> Interval:
    """Return a statistic of `n` runs, computed from their indices, with its bootstrap interval."""
    rng = np.random.default_rng(0)
    found = [statistic(rng.integers(n, size=n)) for _ in range(_RESAMPLES)]
    low, high = np.quantile(found, [0.1, 0.9], method="inverted_cdf")
    return Interval(statistic(np.arange(n)), float(low), float(high))


def mean(values: np.ndarray) -> Interval:
    """Return the mean over runs, with its interval."""
    return bootstrap(lambda picked: float(values[picked].mean()), len(values))


@dataclass(frozen=True)
class Comparison:
    """Our regrets and theirs after the same number of evaluations or epochs, in pairs."""

    ours: np.ndarray
    theirs: np.ndarray

    @property
    def ratio(self) -> Interval:
        """Our mean regret divided by theirs; infinite if theirs is zero."""
        return bootstrap(self._ratio, len(self.ours))

    @property
    def difference(self) -> Interval:
        """Our mean regret minus theirs."""
        return mean(self.ours - self.theirs)

    @property
    def p(self) -> float:
        """The p-value of Wilcoxon's two-sided signed-rank test, with zeros split between the signs."""
        difference = self.ours - self.theirs
        if not difference.any():
            return 1.0
        return float(stats.wilcoxon(difference, zero_method="zsplit").pvalue)

    @property
    def verdict(self) -> str:
        """Whether we are `better` or `worse`, if the test is significant; otherwise `no difference`."""
        if self.p >= _SIGNIFICANT:
            return "no difference"
        ranks = stats.rankdata(np.abs(self.ours - self.theirs))
        return "better" if (ranks * np.sign(self.ours - self.theirs)).sum() < 0 else "worse"

    def _ratio(self, picked: np.ndarray) -> float:
        theirs = self.theirs[picked].mean()
        return float(self.ours[picked].mean() / theirs) if theirs > 0 else np.inf


def matched(ours: Sequence[Record], theirs: Sequence[Record]) -> tuple[list[Record], list[Record]]:
    """Return the records of both engines on the same problems and seeds, in the same order."""
    by_pair = {record.pair: record for record in theirs}
    kept = [record for record in ours if record.pair in by_pair]
    return kept, [by_pair[record.pair] for record in kept]


def compare(ours: Sequence[Record], theirs: Sequence[Record], at: int, target: str) -> Comparison | None:
    """Compare the pairs in which both have `at` evaluations or epochs; None if there are none."""
    reached = [
        (getattr(a, target)[at - 1], getattr(b, target)[at - 1])
        for a, b in zip(*matched(ours, theirs), strict=True)
        if min(len(getattr(a, target)), len(getattr(b, target))) >= at
    ]
    return Comparison(*np.array(reached).T) if reached else None


def reaching(ours: Sequence[Record], theirs: Sequence[Record], at: int) -> Interval | None:
    """Return our evaluations (or epochs) until our mean regret is as low as theirs after `at` evaluations.

    The bootstrap resamples pairs, so their level varies too. The result is infinite if we never reach it, and
    None if there are no pairs.
    """
    ours, theirs = matched(ours, [record for record in theirs if len(record.raw) >= at])
    if not ours:
        return None
    regrets, levels = curves(ours), curves(theirs)[:, at - 1]

    def first(picked: np.ndarray) -> float:
        below = regrets[picked].mean(0) <= levels[picked].mean()
        return float(np.argmax(below)) + 1 if below.any() else np.inf

    return bootstrap(first, len(ours))
