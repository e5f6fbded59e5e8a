"""The points of learning curves: positions on a chosen axis, smoothing, and means of several curves."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from litsweep.figures.figure import thinned
from litsweep.figures.sweep_data import Curve, RunData

STEP, RELATIVE, WALL = "step", "relative time", "wall time"
BUILT_IN = (STEP, RELATIVE, WALL)
TITLES = {STEP: "step", RELATIVE: "minutes since the start of the run", WALL: "time (UTC)"}

Points = tuple[Sequence[float], Sequence[float]]
"""The positions of a curve on the axis `x`, and its values."""


def axes_of(curves: Iterable[Curve]) -> Sequence[str]:
    """Return what can be `x` of some of the curves: the step, the times and metrics of the same rows."""
    found: dict[str, None] = {}
    has_times = False
    for curve in curves:
        has_times = has_times or len(curve.times) > 0
        found.update(dict.fromkeys(curve.along))
    times = (RELATIVE, WALL) if has_times else ()
    return [STEP, *times, *sorted(name for name in found if name not in BUILT_IN)]


def points(
    run: RunData, curve: Curve, x: str = STEP, smoothing: float = 0.0, limit: int = 200, log: str = ""
) -> Points:
    """Return about `limit` points of a curve over `x`. Both are empty if the run has no values of `x`.

    `log` names the logarithmic axes, `x`, `y` or both. They leave out what is not positive.
    """
    places = _places(run, curve, x)
    if len(places) != len(curve.values):
        return (), ()
    values = smoothed(curve.values, smoothing) if smoothing else curve.values
    kept = [i for i in thinned(values, limit) if math.isfinite(places[i])]
    kept = [i for i in kept if not (("x" in log and places[i] <= 0) or ("y" in log and values[i] <= 0))]
    return [places[i] for i in kept], [values[i] for i in kept]


def smoothed(values: Iterable[float], weight: float) -> list[float]:
    """Return the exponential moving average with the debiasing of TensorBoard.

    `weight` in [0, 1) is that of the past. NaN and the infinities stay, and do not count.
    """
    past, scale, result = 0.0, 1.0, []
    for value in values:
        if not math.isfinite(value):
            result.append(value)
            continue
        past = past * weight + (1 - weight) * value
        scale *= weight
        result.append(past / (1 - scale))
    return result


def interpolated(curve: Points, places: Sequence[float]) -> list[float | None]:
    """Return the value of a curve at each place, interpolated; None outside its ends."""
    pairs = sorted((x, y) for x, y in zip(*curve, strict=True) if math.isfinite(y))
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    return [_between(xs, ys, place) for place in places]


def _between(xs: Sequence[float], ys: Sequence[float], place: float) -> float | None:
    right = bisect_left(xs, place)
    if right == len(xs) or (right == 0 and xs[0] != place):
        return None
    if xs[right] == place:
        return ys[right]
    share = (place - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + share * (ys[right] - ys[right - 1])


def _places(run: RunData, curve: Curve, x: str) -> Sequence[float]:
    """Return the position of each value of a curve. It has another length if the run has none."""
    if x == STEP:
        return curve.steps
    if x == WALL:
        return [time * 1000 for time in curve.times]
    if x == RELATIVE:
        start = run.started if run.started is not None else min(curve.times, default=0.0)
        return [(time - start) / 60 for time in curve.times]
    return curve.along.get(x, ())
