"""The charts of a sweep: their names, titles and options. The dashboard and the report read this list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litsweep.figures import curves, front, scatter
from litsweep.figures.best import TIMES, best_so_far, runs_over_time
from litsweep.figures.compare import distribution
from litsweep.figures.contours import contours, parameter_choices
from litsweep.figures.figure import Figure
from litsweep.figures.group_charts import groups
from litsweep.figures.groups import group_keys
from litsweep.figures.importance import MISSING, has_importance, importance, importance_metrics
from litsweep.figures.parallel import parallel_coordinates
from litsweep.figures.posterior import MIN_RUNS, has_model, metric_names
from litsweep.figures.slices import slices
from litsweep.figures.sweep_data import SweepData
from litsweep.figures.timeline import has_times, timeline

Choices = Sequence[str]


def always(sweep: SweepData) -> bool:
    """Return True: the chart can be drawn for every sweep."""
    return True


def has_result(sweep: SweepData) -> bool:
    """Return True for a sweep with a run that has a value of the first metric."""
    return len(sweep.ranked) > 0


@dataclass(frozen=True)
class Option:
    """A choice that a reader of a chart has.

    `choices` returns the allowed values of an option in a sweep; the first one is the default. Several can be
    chosen together if `is_list`. The values are texts, as in an address.
    """

    name: str
    title: str
    choices: Callable[[SweepData], Choices]
    is_list: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart.

    `name` is its name in addresses. `build` has a keyword argument for each option. `applies` says whether it
    can be drawn for a sweep. If not, `missing` tells the reader what the sweep lacks. A chart with
    `needs_model` uses the posterior of the search's model, so another process computes it.
    """

    name: str
    title: str
    build: Callable[..., Figure]
    options: Sequence[Option] = ()
    applies: Callable[[SweepData], bool] = always
    missing: str = ""
    needs_model: bool = False


def parameter_names(sweep: SweepData) -> Choices:
    """Return the names of the parameters that are not constant."""
    return [parameter.name for parameter in sweep.config.space.free]


def has_parallel_coordinates(sweep: SweepData) -> bool:
    """Return True for a sweep with a parameter to search and two runs with a result."""
    return len(sweep.ranked) > 1 and len(sweep.config.space.free) > 0


def fixed(*choices: str) -> Callable[[SweepData], Choices]:
    """Return the choices of an option that are the same for all sweeps."""
    return lambda sweep: choices


NO_RESULT = "No run has a result yet."
METRIC = Option("metric", "Metric", metric_names)
LOG_AXES = Option("log", "Logarithmic axes", fixed(*curves.LOG))
_NO_MODEL = f"The model needs a metric, {MIN_RUNS} runs with a result, and a parameter that varies."

CHARTS: Mapping[str, Chart] = {
    chart.name: chart
    for chart in (
        Chart("best", "Best so far", best_so_far, (METRIC,), has_result, NO_RESULT),
        Chart(
            "over_time",
            "Runs over time",
            runs_over_time,
            (METRIC, Option("at", "Time", fixed(*TIMES))),
            has_result,
            NO_RESULT,
        ),
        Chart(
            "front",
            "Pareto front",
            front.pareto_front,
            (
                Option("x", "x", metric_names),
                Option("y", "y", front.y_choices),
                Option("colour", "Colour", front.colour_choices),
            ),
            front.has_front,
            "This chart needs a sweep with several metrics, and a run that has logged all of them.",
        ),
        Chart(
            "curves",
            "Learning curves",
            curves.learning_curves,
            (
                METRIC,
                Option("x", "Over", curves.x_choices),
                Option("smoothing", "Smoothing", fixed(*curves.SMOOTHINGS)),
                LOG_AXES,
                Option("runs", "Runs", fixed(*curves.RUNS)),
                Option("group", "Mean by", curves.group_choices),
            ),
            curves.has_curves,
            "No run has logged a learning curve.",
        ),
        Chart(
            "parallel",
            "Parallel coordinates",
            parallel_coordinates,
            (METRIC,),
            has_parallel_coordinates,
            "This chart needs a parameter to search and two runs with a result.",
        ),
        Chart(
            "scatter",
            "Scatter",
            scatter.scatter,
            (
                Option("x", "x", scatter.x_choices),
                Option("y", "y", scatter.y_choices),
                Option("colour", "Colour", scatter.colour_choices),
                Option("log", "Logarithmic axes", fixed(*scatter.LOG)),
            ),
            has_result,
            NO_RESULT,
        ),
        Chart("distribution", "Distribution", distribution, (METRIC,), has_result, NO_RESULT),
        Chart(
            "groups",
            "Groups",
            groups,
            (METRIC, Option("by", "Groups by", group_keys, is_list=True)),
            has_result,
            NO_RESULT,
        ),
        Chart("timeline", "Timeline", timeline, (), has_times, "No run has started yet."),
        Chart(
            "importance",
            "Parameter importance",
            importance,
            options=(Option("metric", "Metric", importance_metrics),),
            applies=has_importance,
            missing=MISSING,
            needs_model=True,
        ),
        Chart(
            "slices",
            "Slices",
            slices,
            options=(METRIC, Option("parameter", "Parameters", parameter_names, is_list=True)),
            applies=has_model,
            missing=_NO_MODEL,
            needs_model=True,
        ),
        Chart(
            "contours",
            "Contours",
            contours,
            options=(
                METRIC,
                Option("x", "Horizontal axis", parameter_choices),
                Option("y", "Vertical axis", parameter_choices),
            ),
            applies=has_model,
            missing=_NO_MODEL,
            needs_model=True,
        ),
    )
}
