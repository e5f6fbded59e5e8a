"""Data of the page that compares sweeps."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from litsweep.figures.charts import CHARTS
from litsweep.figures.compare import COMPARISONS, BestConfig, best_configs, shared_metrics
from litsweep.figures.figure import Figure, rounded
from litsweep.figures.sweep_data import SweepData
from litsweep.server.dashboard.compare_runs_view import compared
from litsweep.server.errors import RequestError
from litsweep.sweep.constraints import UNMET
from litsweep.sweep.run import count_words

Named = Mapping[str, SweepData]
"""The compared sweeps by name."""


def sweeps_view(sweeps: Named) -> dict[str, Any]:
    """Return the heads of the sweeps, tables with a column for each of them, and their charts."""
    chosen = list(sweeps.values())
    metrics = shared_metrics(chosen)
    best = [best_configs([sweep], metrics[0])[:1] if metrics else () for sweep in chosen]
    configs: list[Mapping[str, Any]] = [own[0].parameters if own else {} for own in best]
    values = [_best(metrics, own, sweep) for own, sweep in zip(best, chosen, strict=True)]
    results = [own | _facts(sweep) for own, sweep in zip(values, chosen, strict=True)]
    return {
        "sweeps": [{"name": name, "title": sweep.title} for name, sweep in sweeps.items()],
        "tables": [
            {"title": "Result", "rows": [{**row, "differs": True} for row in compared(results)]},
            {"title": "Best config", "rows": compared(configs)},
        ],
        "charts": [*_comparisons(metrics), *_importances(sweeps)],
    }


def _best(metrics: Sequence[str], found: Sequence[BestConfig], sweep: SweepData) -> dict[str, Any]:
    """Return the best value of a sweep, or that no run meets its constraints; nothing without a result."""
    if not found:
        return {f"best {metrics[0]}": UNMET} if metrics and sweep.unmet else {}
    return {f"best {metrics[0]}": rounded(found[0].value)}


def _facts(sweep: SweepData) -> dict[str, Any]:
    counts = count_words(run.state for run in sweep.runs)
    words = ", ".join(f"{count} {word}" for word, count in Counter(counts).items())
    return {"method": sweep.config.method, "runs": len(sweep.runs), "states": words}


def _comparisons(metrics: Sequence[str]) -> list[dict[str, Any]]:
    option = {"name": "metric", "title": "Metric", "choices": metrics, "is_list": False}
    missing = None if metrics else "The sweeps have no metric."
    return [
        {"name": each.name, "title": each.title, "missing": missing, "options": [option]}
        for each in COMPARISONS.values()
    ]


def _importances(sweeps: Named) -> list[dict[str, Any]]:
    """Return the chart of parameter importance of each sweep that has one. `source` is its address."""
    chart = CHARTS["importance"]
    return [
        {
            "name": f"importance-{name}",
            "title": f"{chart.title}: {sweep.title}",
            "missing": None,
            "options": [],
            "source": f"sweeps/{name}/charts/{chart.name}",
        }
        for name, sweep in sweeps.items()
        if chart.applies(sweep)
    ]


def sweeps_figure(sweeps: Named, query: Mapping[str, str]) -> Figure:
    """Return the chart `chart` of the sweeps by the metric `metric`. Raise RequestError if unknown."""
    name, metric = query.get("chart", ""), query.get("metric")
    if name not in COMPARISONS:
        raise RequestError(f"chart: must be one of {', '.join(COMPARISONS)}, got {name!r:.80}", 404)
    chosen = list(sweeps.values())
    if metric is not None and metric not in shared_metrics(chosen):
        raise RequestError(f"metric: must be one of {', '.join(shared_metrics(chosen))}, got {metric!r:.80}")
    return COMPARISONS[name].build(chosen, metric)
