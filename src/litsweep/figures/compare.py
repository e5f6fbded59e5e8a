"""Several sweeps in one chart or one table, by a metric that they share."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litsweep.errors import count
from litsweep.figures.figure import Figure, compact, figure, rounded, thinned, value_axis
from litsweep.figures.series import LEGEND, distinct, series_line
from litsweep.figures.sweep_data import Ranking, SweepData
from litsweep.sweep.pareto import best_so_far

MAX_POINTS, ALL_POINTS = 200, 1_600  # of one line, and of all lines together

Sweeps = Sequence[SweepData]


@dataclass(frozen=True)
class BestConfig:
    """The best run of a sweep by a metric. `parameters` are those of the sweep's search space."""

    run: str
    value: float
    parameters: Mapping[str, object]


@dataclass(frozen=True)
class Comparison:
    """A chart of several sweeps. `name` is its name in addresses; `build` takes the sweeps and a metric."""

    name: str
    title: str
    build: Callable[[Sweeps, str | None], Figure]


def shared_metrics(sweeps: Sweeps) -> Sequence[str]:
    """Return the metrics of the sweeps; those that more sweeps have come first."""
    names = [metric.name for sweep in sweeps for metric in sweep.config.metrics]
    return sorted(dict.fromkeys(names), key=lambda name: -names.count(name))


def best_over_runs(sweeps: Sweeps, metric: str | None = None) -> Figure:
    """Return the best value so far of each sweep, over its number of runs."""

    def line(sweep: SweepData, ranking: Ranking) -> tuple[Sequence[float], Sequence[float | None]]:
        return range(1, len(sweep.runs) + 1), ranking.best_so_far

    return _lines(sweeps, metric, line, x="runs", label="Best {} so far over the number of runs")


def best_over_time(sweeps: Sweeps, metric: str | None = None) -> Figure:
    """Return the best value of the ended runs of each sweep, over the hours since its first run started."""

    def line(sweep: SweepData, ranking: Ranking) -> tuple[Sequence[float], Sequence[float | None]]:
        ended = {i: run.ended for i, run in enumerate(sweep.runs) if run.ended is not None}
        order = sorted(ended, key=ended.__getitem__)
        starts = [run.started for run in sweep.runs if run.started is not None]
        start = min(starts, default=min(ended.values(), default=0.0))
        values = [ranking.values[i] for i in order]
        hours = [(ended[i] - start) / 3600 for i in order]
        return hours, best_so_far(values, [ranking.standings[i] for i in order], ranking.metric)

    return _lines(sweeps, metric, line, x="hours", label="Best {} so far over hours")


def distributions(sweeps: Sweeps, metric: str | None = None) -> Figure:
    """Return the empirical distribution function of the best values of each sweep's runs."""

    label = "Share of the runs with a best {} of at most a value"
    return _lines(sweeps, metric, _distribution, x="best {}", label=label, y="share of runs in %")


def distribution(sweep: SweepData, metric: str | None = None) -> Figure:
    """Return the share of the runs whose best value is at most a value. Broken runs are left out."""
    name = metric or sweep.metric.name
    built = distributions([sweep], name)
    values, _ = _distribution(sweep, sweep.ranking(metric))
    label = f"Share of the runs with a best {name} of at most a value: {len(values)} runs"
    built["layout"]["showlegend"] = False
    built["layout"]["meta"]["label"] = label
    for trace in built["data"]:
        trace["hovertemplate"] = "%{y:.3g} % of the runs have at most %{x:.5g}<extra></extra>"
    return built


def _distribution(sweep: SweepData, ranking: Ranking) -> tuple[list[float], list[float | None]]:
    """Return the sorted best values of runs that are not broken, and the percentage of runs up to each."""
    pairs = zip(ranking.values, ranking.broken, sweep.runs, strict=True)
    values = sorted(
        value for value, is_broken, run in pairs if value is not None and not is_broken and sweep.matches(run)
    )
    return values, [100 * (place + 1) / len(values) for place in range(len(values))]


def best_configs(sweeps: Sweeps, metric: str | None = None) -> Sequence[BestConfig]:
    """Return the best run of each sweep that has one by the metric."""
    found = []
    for sweep, ranking in _with_metric(sweeps, _metric(sweeps, metric)):
        best = ranking.best
        if best is None:
            continue
        run = sweep.runs[best]
        own = {key: run.parameters[key] for key in sweep.config.space.by_name if key in run.parameters}
        found.append(BestConfig(run.name, ranking.values[best] or 0.0, own))
    return found


COMPARISONS: Mapping[str, Comparison] = {
    each.name: each
    for each in (
        Comparison("best", "Best so far", best_over_runs),
        Comparison("best_over_time", "Best so far over time", best_over_time),
        Comparison("distribution", "Distribution of the best values", distributions),
    )
}


def _metric(sweeps: Sweeps, metric: str | None) -> str:
    return metric or next(iter(shared_metrics(sweeps)), "")


def _with_metric(sweeps: Sweeps, metric: str) -> list[tuple[SweepData, Ranking]]:
    """Return the sweeps that have a value of the metric, with their rankings."""
    having = [sweep for sweep in sweeps if metric in {each.name for each in sweep.config.metrics}]
    return [(sweep, ranking) for sweep in having if (ranking := sweep.ranking(metric)).ranked]


def _lines(
    sweeps: Sweeps,
    metric: str | None,
    line: Callable[[SweepData, Ranking], tuple[Sequence[float], Sequence[float | None]]],
    *,
    x: str,
    label: str,
    y: str = "",
) -> Figure:
    """Return one line for each sweep that has a value of the metric."""
    name = _metric(sweeps, metric)
    found = _with_metric(sweeps, name)
    titles = distinct(
        [each.title for each, _ in found],
        [each.path.rpartition("/")[2] or str(i + 1) for i, (each, _) in enumerate(found)],
    )
    limit = min(MAX_POINTS, ALL_POINTS // max(1, len(found)))
    traces, values = [], []
    for i, (sweep, ranking) in enumerate(found):
        xs, ys = _steps(*line(sweep, ranking), limit)
        values += ys if not y else xs
        traces.append(series_line(i, titles[i], compact(xs), [rounded(v) for v in ys], line={"shape": "hv"}))
    lacking = len(sweeps) - len(found)
    unmet = sum(ranking.best is None for _, ranking in found)
    notes = [f"{count(lacking, 'sweep')} without a value of {name}"] * (lacking > 0)
    notes += [f"{count(unmet, 'sweep')} without a run that meets the constraints"] * (unmet > 0)
    text = label.format(name)
    return figure(
        traces,
        x=x.format(name),
        y=y or name,
        label=f"{text}: {count(len(found), 'sweep')}",
        note="; ".join(notes),
        **{"xaxis" if y else "yaxis": value_axis(values)},
        **LEGEND,
    )


def _steps(xs: Sequence[float], ys: Sequence[float | None], limit: int) -> tuple[list[float], list[float]]:
    """Return the ends and the places where `y` changes, thinned."""
    known = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None and math.isfinite(x)]
    last = len(known) - 1
    kept = [pair for i, pair in enumerate(known) if i in (0, last) or known[i - 1][1] != pair[1]]
    places = thinned([y for _, y in kept], limit)
    return [kept[i][0] for i in places], [kept[i][1] for i in places]
