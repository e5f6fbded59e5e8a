"""The charts of a sweep: their names, titles and options. The dashboard and the report read this list."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from litsweep.figures.best import best_so_far
from litsweep.figures.contours import contours, parameter_choices
from litsweep.figures.figure import Figure
from litsweep.figures.importance import MISSING, has_importance, importance, importance_metrics
from litsweep.figures.posterior import MIN_RUNS, free_parameters, has_model, metric_names
from litsweep.figures.slices import slices
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


def parameter_names(sweep: SweepData) -> Choices:
    """Return the names of the parameters that are not constant."""
    return [parameter.name for parameter in free_parameters(sweep)]


_METRIC = Option("metric", "Metric", metric_names)
_NO_MODEL = f"The model needs a metric, {MIN_RUNS} runs with a result, and a parameter that varies."

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
            options=(_METRIC, Option("parameter", "Parameters", parameter_names, is_list=True)),
            applies=has_model,
            missing=_NO_MODEL,
            needs_model=True,
        ),
        Chart(
            "contours",
            "Contours",
            contours,
            options=(
                _METRIC,
                Option("x", "Horizontal axis", parameter_choices),
                Option("y", "Vertical axis", parameter_choices),
            ),
            applies=has_model,
            missing=_NO_MODEL,
            needs_model=True,
        ),
    )
}
