"""Charts as Python functions: each returns a `plotly.graph_objects.Figure` of a sweep, for notebooks."""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, Literal, Protocol

from litsweep.errors import LitsweepError
from litsweep.figures.charts import CHARTS, Chart
from litsweep.figures.figure import Figure, escaped
from litsweep.figures.options import OptionValue, option_values
from litsweep.figures.sources import SweepSource, read_sweep
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.theme import DARK, LIGHT, Colours, painted

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

Theme = Literal["light", "dark"]

_THEMES: Mapping[str, Colours] = {"light": LIGHT, "dark": DARK}
_TITLE_HEIGHT, _NOTE_HEIGHT = 44, 18
"""Space above a chart for its title and its note, in pixels."""


class ChartFunction(Protocol):
    """A function that draws one chart of a sweep."""

    __name__: str

    def __call__(
        self, sweep: SweepSource, *, theme: Theme = "light", **options: OptionValue
    ) -> "PlotlyFigure":
        """Return the chart as a Plotly figure.

        Raises LitsweepError for a sweep that does not exist or that cannot be drawn, TypeError for an unknown
        option, ValueError for a value that an option does not have.
        """
        ...


def draw(
    chart: Chart, sweep: SweepData, options: Mapping[str, OptionValue], theme: Theme = "light"
) -> "PlotlyFigure":
    """Return a chart as a Plotly figure with a title, in the colours of a theme. Raises as ChartFunction."""
    if theme not in _THEMES:
        raise ValueError(f"theme: must be light or dark, got {theme!r:.80}")
    chosen = option_values(chart, sweep, options)
    if not chart.applies(sweep):
        raise LitsweepError(f"chart {chart.name} of sweep {sweep.title}: {chart.missing}")
    from plotly.graph_objects import Figure as PlotlyFigure  # takes 10 MB, which a server does not need

    figure = _with_title(painted(chart.build(sweep, **chosen), _THEMES[theme]), chart, _THEMES[theme])
    return PlotlyFigure(data=figure["data"], layout=figure["layout"])


def _with_title(figure: Figure, chart: Chart, colours: Colours) -> Figure:
    """Return a figure that needs no page around it: it has a title, its note and a background."""
    layout = figure["layout"]
    note = layout.get("meta", {}).get("note", "")
    top = _TITLE_HEIGHT + _NOTE_HEIGHT * bool(note)
    title = {"text": escaped(chart.title), "subtitle": {"text": escaped(note)}, "font": {"size": 15}}
    own = {
        "template": {},  # not Plotly's default template, so that a notebook shows what the page shows
        "title": title,
        "margin": {**layout.get("margin", {}), "t": layout.get("margin", {}).get("t", 0) + top},
        "paper_bgcolor": colours["raised"],
        "plot_bgcolor": colours["raised"],
    }
    return {"data": figure["data"], "layout": {**layout, **own}}


def _function(chart: Chart) -> ChartFunction:
    """Return the function of a chart, with the signature and the documentation that a notebook shows."""

    def function(sweep: SweepSource, *, theme: Theme = "light", **options: OptionValue) -> "PlotlyFigure":
        return draw(chart, read_sweep(sweep), options, theme)

    described: Any = function
    described.__name__ = described.__qualname__ = chart.name
    described.__module__ = "litsweep.figures"
    described.__doc__ = _documentation(chart)
    described.__signature__ = _signature(chart)
    return function


def _documentation(chart: Chart) -> str:
    """Return the documentation of a chart's function: of the chart, and of its arguments."""
    lines = [f"    {option.name}: {option.title}{' (several)' * option.is_list}" for option in chart.options]
    options = ["", "Options (None is the default; a wrong value raises an error that lists the right ones):"]
    return "\n".join(
        [
            _summary(chart.build) or f"Return the chart {chart.title!r}.",
            "",
            "`sweep` is a Controller, a path ENTITY/PROJECT/ID, a sweep of `wandb.Api()`, or what",
            "`read_sweep` returns. The result is a `plotly.graph_objects.Figure`. `theme` is light or dark.",
            *(options + lines if lines else []),
        ]
    )


def _summary(build: Callable[..., Figure]) -> str:
    return (build.__doc__ or "").strip().split("\n\n")[0]


def _signature(chart: Chart) -> Signature:
    keyword = Parameter.KEYWORD_ONLY
    options = [Parameter(option.name, keyword, default=None) for option in chart.options]
    sweep = Parameter("sweep", Parameter.POSITIONAL_OR_KEYWORD)
    return Signature([sweep, Parameter("theme", keyword, default="light"), *options])


CHART_FUNCTIONS: Mapping[str, ChartFunction] = {name: _function(chart) for name, chart in CHARTS.items()}
