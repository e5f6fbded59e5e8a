"""Charts of a sweep as Plotly figures, for the dashboard, for notebooks and for reports.

Each chart of `charts.py` is a function here, by its name: `best(sweep)` returns a Plotly figure, a
`plotly.graph_objects.Figure`. `read_sweep` reads a sweep once for several charts. `dir(litsweep.figures)`
lists the charts.
"""

from litsweep.figures.api import CHART_FUNCTIONS, ChartFunction
from litsweep.figures.sources import read_sweep

__all__ = ["read_sweep"]
__all__ += list(CHART_FUNCTIONS)

# For type checkers and editors, which would find modules with some of these names.
best: ChartFunction
over_time: ChartFunction
front: ChartFunction
curves: ChartFunction
parallel: ChartFunction
scatter: ChartFunction
distribution: ChartFunction
groups: ChartFunction
timeline: ChartFunction
importance: ChartFunction
slices: ChartFunction
contours: ChartFunction

# After the import of all modules with charts, because a chart may have the name of its module.
globals().update(CHART_FUNCTIONS)


def __dir__() -> list[str]:
    return __all__
