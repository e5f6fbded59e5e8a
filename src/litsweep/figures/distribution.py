"""The empirical distribution of the best values of a sweep's runs."""

from litsweep.figures.compare import distributions
from litsweep.figures.figure import Figure
from litsweep.figures.sweep_data import SweepData


def distribution(sweep: SweepData, metric: str | None = None) -> Figure:
    """Return the share of the runs whose best value is at most a value. Broken runs are left out."""
    built = distributions([sweep], metric or sweep.metric.name)
    built["layout"]["showlegend"] = False
    name, ranking = metric or sweep.metric.name, sweep.by(metric)
    kept = [i for i in ranking.ranked if not ranking.broken[i] and sweep.matches(sweep.runs[i])]
    label = f"Share of the runs with a best {name} of at most a value: {len(kept)} runs"
    built["layout"]["meta"]["label"] = label
    for trace in built["data"]:
        trace["hovertemplate"] = "%{y:.3g} % of the runs have at most %{x:.5g}<extra></extra>"
    return built
