"""The median stopping rule."""

from collections.abc import Iterator, Sequence
from statistics import fmean, median

from litsweep.search.curve import Curve, Verdict
from litsweep.sweep.early_terminate import MedianStopping


def judge_median(rule: MedianStopping, curves: Sequence[Curve]) -> Iterator[Verdict]:
    """Every running run whose best loss is worse than the median of the finished runs' running averages.

    Both up to its last iteration (Golovin et al. 2017, "Google Vizier", section 3.2.2). Runs that
    were stopped early do not count as finished: their averages would draw the median towards the bad.
    """
    finished = [curve for curve in curves if curve.is_finished]
    medians: dict[int, tuple[float, int]] = {}
    for curve in curves:
        iteration = len(curve.values)
        if not curve.is_judged or iteration < rule.min_iter:
            continue
        if iteration not in medians:
            medians[iteration] = _median(finished, iteration)
        threshold, compared = medians[iteration]
        if compared < rule.min_runs or curve.best_by(iteration) <= threshold:
            continue
        yield (
            curve,
            {
                "rule": "median",
                "bracket": iteration,
                "threshold": curve.sign * threshold,
                "value": curve.sign * curve.best_by(iteration),
                "iteration": iteration,
                "compared_runs": compared,
            },
        )


def _median(finished: Sequence[Curve], iteration: int) -> tuple[float, int]:
    """The median running average at an iteration, and over how many runs that got there."""
    long_enough = [curve for curve in finished if len(curve.values) >= iteration]
    averages = [curve.sign * fmean(curve.values[:iteration]) for curve in long_enough]
    return (median(averages) if averages else float("inf")), len(averages)
