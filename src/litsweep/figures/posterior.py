"""The search's model of a metric, as the charts use it: fitted to the runs of a sweep of any method."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

from litsweep.errors import count
from litsweep.figures.figure import Figure, notice
from litsweep.figures.sweep_data import RunData, SweepData
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.metric import Metric
from litsweep.sweep.reason import format_value
from litsweep.sweep.run import STOPPED_EARLY, Run
from litsweep.sweep.space import Parameter
from litsweep.sweep.values import is_finite

if TYPE_CHECKING:
    from litsweep.search.bayes.fitted_model import FittedModel

MIN_RUNS = 5
"""The model is shown once this many runs have a value of the metric. The search uses it from then on, too."""

_MOST_FITTED = 4  # fitted models that are kept
_MOST_NAMED = 5  # parameters of a config that a note names
_fitted: list[tuple[Sequence[RunData], Metric, "FittedModel"]] = []

Options = ParamSpec("Options")


def metric_names(sweep: SweepData) -> Sequence[str]:
    """Return the names of the sweep's metrics."""
    return [metric.name for metric in sweep.config.metrics]


def metric_of(sweep: SweepData, name: str) -> Metric:
    """Return the sweep's metric of this name, or one for another number in the runs' summaries.

    An empty name is that of the first metric.
    """
    known = {metric.name: metric for metric in sweep.config.metrics}
    return known.get(name) or (Metric(name) if name else sweep.metric)


def values_of(sweep: SweepData, metric: Metric) -> Sequence[float | None]:
    """Return the value of a metric in each run: the best one, or for another metric that of the summary."""
    names = metric_names(sweep)
    if metric.name in names:
        place = names.index(metric.name)
        return [run.bests[place] if place < len(run.bests) else None for run in sweep.runs]
    found = (run.summary.get(metric.name) for run in sweep.runs)
    return [float(value) if is_finite(value) else None for value in found]


def has_model(sweep: SweepData) -> bool:
    """Return True if a parameter varies and enough runs have a value of the first metric."""
    has_metric = len(sweep.config.metrics) > 0 and len(sweep.config.space.free) > 0
    return has_metric and sum(run.best is not None for run in sweep.runs) >= MIN_RUNS


def without_fit(build: Callable[Options, Figure]) -> Callable[Options, Figure]:
    """Return the chart `build`, which becomes a message if the model cannot be fitted."""

    @wraps(build)
    def chart(*args: Options.args, **options: Options.kwargs) -> Figure:
        from litsweep.search.bayes.numerics import FitError

        try:
            return build(*args, **options)
        except FitError as error:
            return notice(f"The model could not be fitted: {error}.")

    return chart


def fitted_model(sweep: SweepData, metric: Metric) -> "FittedModel":
    """Return the fitted model of a metric. The last ones are kept. Raises FitError."""
    from litsweep.search.bayes.fitted_model import fit_model

    for runs, known, fitted in _fitted:
        if runs is sweep.runs and known == metric:
            return fitted
    fitted = fit_model(sweep.config, metric, engine_runs(sweep, metric), sweep.config.seed or 0)
    _fitted.append((sweep.runs, metric, fitted))
    del _fitted[:-_MOST_FITTED]
    return fitted


def engine_runs(sweep: SweepData, metric: Metric) -> list[Run]:
    """Return the runs as the search reads them, with the history and the best value of one metric."""
    names = metric_names(sweep)
    place = names.index(metric.name) if metric.name in names else None
    return [
        _engine_run(run, metric.name, value, place)
        for run, value in zip(sweep.runs, values_of(sweep, metric), strict=True)
    ]


def _engine_run(run: RunData, metric: str, value: float | None, place: int | None) -> Run:
    has_curve = place is not None and place < len(run.curves)
    return Run(
        id=run.name,
        parameters=run.parameters,
        state=_state(run),
        history=_Rows(metric, run.curves[place].finite if place is not None and has_curve else ()),
        failure=_failure(run),
        stopped_early=run.state == STOPPED_EARLY,
        summary=_known(run) | ({} if value is None else {metric: value}),
    )


def _known(run: RunData) -> dict[str, float]:
    """Return the values that the sweep's constraints apply to."""
    return {name: value for name, value in run.constrained.items() if value is not None}


def _state(run: RunData) -> RunState:
    if run.is_alive:
        return RunState.RUNNING
    if run.is_broken:
        return RunState.FAILED
    return RunState.KILLED if run.state == RunState.KILLED else RunState.FINISHED


def _failure(run: RunData) -> Failure | None:
    """Return the failure whose words begin `run.failure`. Another text counts as an error of the program."""
    name = (run.failure or "").partition(":")[0].replace(" ", "_")
    if not name:
        return None
    return Failure(name) if name in list(Failure) else Failure.ERROR


class _Rows(Sequence[Mapping[str, float]]):
    """The history of one metric. The rows are made on demand: a million of them would take 200 MB."""

    def __init__(self, metric: str, values: Sequence[float]) -> None:
        self._metric, self._values = metric, values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, index: int) -> Mapping[str, float]:  # type: ignore[override]  # slices are not used
        return {self._metric: self._values[index]}


def model_note(fitted: "FittedModel", sweep: SweepData) -> str:
    """Return the note of a chart with a model: that it is a model, and how many runs the model has used."""
    failed = len(fitted.model.seen.failed)
    avoided = (
        f"; {count(failed, 'failed run')} without a usable value count only as failures" if failed else ""
    )
    used = f"{fitted.runs_used:,} of {len(sweep.runs):,} runs"
    return f"The search's model (a Gaussian process), fitted to {used}{avoided}."


def config_text(config: Mapping[str, object], parameters: Sequence[Parameter]) -> str:
    """Return the values of some parameters, such as `lr = 0.01, optimizer = adam`; at most five of them."""
    shown = [f"{each.name} = {format_value(config[each.name])}" for each in parameters if each.name in config]
    more = [f"{len(shown) - _MOST_NAMED} more"] if len(shown) > _MOST_NAMED else []
    return ", ".join(shown[:_MOST_NAMED] + more)


def changed(
    sweep: SweepData, config: Mapping[str, object], values: Mapping[str, object]
) -> dict[str, object]:
    """Return a config with other values of some parameters. One that becomes active gets its median."""
    space = sweep.config.space
    medians = {each.name: each.distribution.ppf(0.5) for each in space.parameters if each.name not in config}
    everything = {**medians, **config, **values}
    return {each.name: everything[each.name] for each in space.active(everything)}
