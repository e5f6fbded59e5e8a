"""The best value so far: over the runs of a sweep, and over time."""

from collections.abc import Sequence
from typing import Any

from litsweep.errors import count
from litsweep.figures.figure import MAX_MARKERS, Figure, drawn_note, figure, rounded, thinned, value_label
from litsweep.figures.markers import (
    axis_with_target,
    compact_parts,
    kinds,
    marker_style,
    run_markers,
    some_runs,
    target_line,
)
from litsweep.figures.sweep_data import Ranking, RunData, SweepData
from litsweep.figures.theme import role
from litsweep.sweep.pareto import best_so_far as best_after_each

CREATED, ENDED = "created", "ended"
TIMES = (CREATED, ENDED)
_RUG = {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True}


def best_so_far(sweep: SweepData, metric: str | None = None) -> Figure:
    """Return the best value of a metric in each run, and the best value so far."""
    order = range(len(sweep.runs))
    return _history(sweep, sweep.ranking(metric), order, [i + 1 for i in order], "run")


def runs_over_time(sweep: SweepData, metric: str | None = None, at: str = CREATED) -> Figure:
    """Return the best value of a metric in each run, at the time when the run was created or ended."""
    times = [_time(run, at) for run in sweep.runs]
    order = sorted((i for i, time in enumerate(times) if time), key=lambda i: times[i])
    places = [round(times[i]) * 1000 for i in order]
    built = _history(sweep, sweep.ranking(metric), order, places, f"{at} (UTC)")
    built["layout"]["xaxis"]["type"] = "date"
    return built


def _time(run: RunData, at: str) -> float:
    return run.created if at == CREATED else run.ended or 0.0


def _history(
    sweep: SweepData, ranking: Ranking, order: Sequence[int], places: Sequence[float], x: str
) -> Figure:
    """Return the values of the runs and the best value so far. `places[i]` is the place of run `order[i]`."""
    values = [ranking.values[i] for i in order]
    best = best_after_each(values, [ranking.standings[i] for i in order], ranking.metric)
    with_value = [i for i, value in enumerate(values) if value is not None]
    place_of = dict(zip(order, places, strict=True))
    valued = [order[i] for i in with_value]
    drawn = sorted(some_runs(sweep, ranking, valued, MAX_MARKERS), key=place_of.__getitem__)
    traces = _markers(sweep, ranking, drawn, place_of)
    failed = [i for i in order if ranking.values[i] is None and sweep.runs[i].is_broken]
    name, last = ranking.metric.name, best[-1] if best else None
    return figure(
        [*traces, _line(best, places, with_value, x), *_without_value(sweep, failed, place_of)],
        x=x,
        y=name,
        label=f"Best {name} so far: {value_label(last)} after {count(len(order), 'run')}",
        note="; ".join(
            filter(None, [drawn_note(len(drawn), len(with_value), ", including the best"), sweep.unmet])
        ),
        yaxis=axis_with_target(values, ranking.metric),
        template={"data": {"scatter": [{"hovertemplate": "%{text}: %{y:.5g}<extra></extra>"}]}},
        **({"yaxis2": _RUG} if failed else {}),
        **target_line(ranking.metric),
    )


def _markers(
    sweep: SweepData, ranking: Ranking, drawn: Sequence[int], place_of: dict[int, float]
) -> list[dict[str, Any]]:
    by_kind = kinds(sweep, drawn)
    ys = compact_parts([[ranking.values[i] for i in own] for own in by_kind.values()])
    return [
        run_markers(
            [sweep.runs[i] for i in own], [place_of[i] for i in own], y, kind or "run", **marker_style(kind)
        )
        for (kind, own), y in zip(by_kind.items(), ys, strict=True)
    ]


def _line(
    best: Sequence[float | None], places: Sequence[float], with_value: Sequence[int], x: str
) -> dict[str, Any]:
    improved = [i for i in with_value if best[i] is not None and (i == 0 or best[i] != best[i - 1])]
    steps = sorted({*improved, *with_value[-1:]})
    after = "best after %{x} runs" if x == "run" else "best so far"
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "best so far",
        "line": {"shape": "hv", "color": role("accent"), "width": 2.5},
        "x": [places[i] for i in steps],
        "y": [rounded(best[i]) for i in steps],
        "hovertemplate": f"{after}: %{{y:.5g}}<extra></extra>",
    }


def _without_value(
    sweep: SweepData, failed: Sequence[int], place_of: dict[int, float]
) -> list[dict[str, Any]]:
    """Return marks at the lower edge for the runs that failed without a value."""
    chosen = [failed[i] for i in thinned([0.0] * len(failed), MAX_MARKERS // 2)]
    if not chosen:
        return []
    runs = [sweep.runs[i] for i in chosen]
    rug = run_markers(runs, [place_of[i] for i in chosen], [0.015] * len(runs), "failed without a value")
    colours = [role("bad" if sweep.matches(run) else "line") for run in runs]
    rug["marker"] = {"size": 7, "symbol": "line-ns", "line": {"width": 1.5, "color": colours}}
    return [{**rug, "yaxis": "y2", "hovertemplate": "%{text}: no value<extra></extra>"}]
