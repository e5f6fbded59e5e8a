"""The charts of a sweep: their names, titles and options. The dashboard and the report read this list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litsweep.figures.best import best_so_far
from litsweep.figures.curves import LOG, RUNS, SMOOTHINGS, has_curves, learning_curves, x_choices
from litsweep.figures.figure import Figure
from litsweep.figures.parallel import parallel_coordinates
from litsweep.figures.sweep_data import SweepData

Choices = Sequence[str]


def always(sweep: SweepData) -> bool:
    """Return True: the chart can be drawn for every sweep."""
    return True


def one_metric(sweep: SweepData) -> bool:
    """Return True for a sweep with a single metric and a run that has a value of it."""
    return len(sweep.config.metrics) == 1 and len(sweep.ranked) > 0


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


def metric_names(sweep: SweepData) -> Choices:
    """Return the names of the metrics of a sweep."""
    return [metric.name for metric in sweep.config.metrics]


def has_axes(sweep: SweepData) -> bool:
    """Return True for a sweep with a parameter to search and two runs with a result."""
    return len(sweep.ranked) > 1 and any(each.distribution.size > 1 for each in sweep.config.space.parameters)


def fixed(*choices: str) -> Callable[[SweepData], Choices]:
    """Return the choices of an option that are the same for all sweeps."""
    return lambda sweep: choices


METRIC = Option("metric", "Metric", metric_names)

CHARTS: Mapping[str, Chart] = {
    chart.name: chart
    for chart in (
        Chart(
            "best",
            "Best so far",
            best_so_far,
            applies=one_metric,
            missing="No run has a result yet.",
        ),
        Chart(
            "curves",
            "Learning curves",
            learning_curves,
            options=(
                METRIC,
                Option("x", "Over", x_choices),
                Option("smoothing", "Smoothing", fixed(*SMOOTHINGS)),
                Option("log", "Logarithmic axes", fixed(*LOG)),
                Option("runs", "Runs", fixed(*RUNS)),
            ),
            applies=has_curves,
            missing="No run has logged a learning curve.",
        ),
        Chart(
            "parallel",
            "Parallel coordinates",
            parallel_coordinates,
            options=(METRIC,),
            applies=has_axes,
            missing="This chart needs a parameter to search and two runs with a result.",
        ),
    )
}
