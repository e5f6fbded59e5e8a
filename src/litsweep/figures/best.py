"""The best value so far over the runs of a sweep."""

from litsweep.figures.figure import MAX_MARKERS, Figure, escaped, figure, inner_range, rounded, thinned
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import role


def best_so_far(sweep: SweepData) -> Figure:
    """Return the best value of the first metric in each run, and the best value so far."""
    with_value = [i for i, run in enumerate(sweep.runs) if run.best is not None]
    shown = [with_value[place] for place in thinned([_best(sweep, i) for i in with_value], MAX_MARKERS)]
    is_improvement = [i for i in with_value if i == 0 or sweep.best_so_far[i] != sweep.best_so_far[i - 1]]
    steps = sorted({*is_improvement, *with_value[-1:]})
    runs = [sweep.runs[i] for i in shown]
    colours = [role("second" if sweep.matches(run) else "line") for run in runs]
    markers = {
        "type": "scatter",
        "mode": "markers",
        "x": [i + 1 for i in shown],
        "y": [rounded(run.best) for run in runs],
        "customdata": [run.name for run in runs],
        "text": [escaped(run.title) for run in runs],
        "hovertemplate": "%{text}: %{y:.5g}<extra></extra>",
        "marker": {"color": colours, "size": 6},
    }
    line = {
        "type": "scatter",
        "mode": "lines",
        "line": {"shape": "hv", "color": role("accent"), "width": 2.5},
        "x": [i + 1 for i in steps],
        "y": [rounded(sweep.best_so_far[i]) for i in steps],
        "hovertemplate": "best after %{x} runs: %{y:.5g}<extra></extra>",
    }
    name, last = sweep.metric.name, sweep.best_so_far[-1] if sweep.runs else None
    label = f"Best {name} so far: {rounded(last)} after {len(sweep.runs)} runs"
    note = f"{len(shown)} of {len(with_value)} runs are drawn" if len(shown) < len(with_value) else ""
    limits = {"range": inner_range(run.best for run in runs)}
    return figure([markers, line], x="run", y=name, label=label, note=note, yaxis=limits)


def _best(sweep: SweepData, run: int) -> float:
    return sweep.runs[run].best or 0.0
