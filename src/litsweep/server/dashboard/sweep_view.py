"""What the page of a sweep shows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from litsweep.errors import shortened
from litsweep.server import sweep_states
from litsweep.server.dashboard.curves import CurveCache, finite, points, rounded
from litsweep.server.dashboard.rows import brief, counts, head
from litsweep.server.store import runs, sweeps
from litsweep.server.store.curves import Curve
from litsweep.server.store.runs import RunRecord
from litsweep.server.store.sweeps import SweepRecord
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import last_value, objective_value
from litsweep.sweep.pareto import best_of_sweep, front_of_sweep
from litsweep.sweep.space import Parameter
from litsweep.sweep.values import is_finite

MOST_CURVES = 60
MOST_CURVE_POINTS = 120
MOST_NAMED_TICKS = 8
# Where an axis of a countless parameter has its marks; unbounded ones have no value at 0 and 1.
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
INNER_QUANTILES = (0.02, 0.25, 0.5, 0.75, 0.98)


@lru_cache(maxsize=256)
def parsed(config: str) -> SweepConfig:
    """A stored sweep config."""
    return parse_sweep(config)


@dataclass(frozen=True)
class Result:
    """What one run has brought so far; `last` is of the first metric."""

    run: RunRecord
    parameters: Mapping[str, object]
    bests: Sequence[float | None]
    last: float | None
    curves: Sequence[Curve]

    @property
    def best(self) -> float | None:
        """Of the first metric."""
        return self.bests[0] if self.bests else None


def sweep_view(connection: Connection, sweep: SweepRecord, cache: CurveCache) -> dict[str, Any]:
    """The sweep, its parameters as axes, and its runs in the order they were begun."""
    config = parsed(sweep.config)
    found = list(runs.of_sweep(connection, sweep.id))
    axes = [parameter for parameter in config.space.parameters if parameter.distribution.size > 1]
    results = [_result(connection, run, config, cache) for run in found]
    front = _front(results, config)
    return {
        "sweep": _head(sweep, config, found, len(sweeps.agents_of(connection, sweep.id))),
        "metric": metric_row(config.metric) if config.metric else None,
        "metrics": [metric_row(metric) for metric in config.metrics],
        "parameters": [{"name": axis.name, "ticks": _ticks(axis)} for axis in axes],
        "runs": [{**_row(result, axes), "is_front": i in front} for i, result in enumerate(results)],
        "best": _best(results, config),
        "curves": _curves(results, config.metric) if config.metric else {},
    }


def _head(sweep: SweepRecord, config: SweepConfig, found: list[RunRecord], agents: int) -> dict[str, Any]:
    warnings: list[str] = json.loads(sweep.warnings)
    return {
        "name": sweep.name,
        "title": sweep.display_name or config.name or sweep.name,
        "description": sweep.description or config.description,
        "state": sweep.state,
        "why_done": sweep.done_because,
        "method": config.method,
        "early_terminate": config.early_terminate.label if config.early_terminate else None,
        "expected": sweep_states.expected_runs(config),
        "counts": counts(found),
        "agents": agents,
        "warnings": warnings,
        "created": sweep.created_at,
        "config": sweep.config,
    }


def metric_row(metric: Metric) -> dict[str, Any]:
    """What a page tells of a metric."""
    return {"name": metric.name, "goal": metric.goal, "target": metric.target}


def _result(connection: Connection, run: RunRecord, config: SweepConfig, cache: CurveCache) -> Result:
    parameters = json.loads(run.parameters) if run.parameters else config.flatten(run.config_values)
    curves = [cache.get(connection, run, metric.name) for metric in config.metrics]
    values, summary = [finite(curve) for curve in curves], run.summary_values
    pairs = zip(values, config.metrics, strict=True)
    bests = [objective_value(own, summary, metric) for own, metric in pairs]
    last = last_value(values[0], summary, config.metrics[0].name) if config.metrics else None
    return Result(run, parameters, bests, last, curves)


def _best(results: Sequence[Result], config: SweepConfig) -> str | None:
    """The name of the best run by the first metric."""
    if config.metric is None:
        return None
    broken = [result.run.is_broken for result in results]
    best = best_of_sweep([result.best for result in results], broken, config.metric)
    return None if best is None else results[best].run.name


def _front(results: Sequence[Result], config: SweepConfig) -> frozenset[int]:
    """Which results are on the Pareto front; none where there is but one metric."""
    if len(config.metrics) < 2:
        return frozenset()
    values, broken = [result.bests for result in results], [result.run.is_broken for result in results]
    return frozenset(front_of_sweep(values, broken, config.metrics))


def _ticks(parameter: Parameter) -> list[Any]:
    """`[quantile, value]` marks of an axis on which a value stands at its quantile."""
    distribution = parameter.distribution
    support = distribution.support
    if support is not None and len(support) <= MOST_NAMED_TICKS:
        return [[distribution.cdf(value), _shown(value)] for value in support]
    marks = [[u, _shown(distribution.ppf(u))] for u in QUANTILES]
    is_bounded = all(value is not None for _, value in marks)
    return marks if is_bounded else [[u, _shown(distribution.ppf(u))] for u in INNER_QUANTILES]


def _shown(value: object) -> object:
    """Numbers as numbers, so that the page can format them; anything else as text."""
    if isinstance(value, bool | str) or value is None:
        return value
    if not isinstance(value, int | float):
        return json.dumps(value, default=str)
    if isinstance(value, int) and not is_finite(value):
        return shortened(value)
    return rounded(float(value))


def _row(result: Result, axes: Sequence[Parameter]) -> dict[str, Any]:
    return {
        **head(result.run),
        "values": [_shown(result.parameters.get(axis.name)) for axis in axes],
        "positions": [_position(axis, result.parameters) for axis in axes],
        "best": rounded(result.best),
        "bests": [rounded(best) for best in result.bests],
        "last": rounded(result.last),
        "is_broken": result.run.is_broken,
        "why": brief(result.run.reason),
        "stop_why": brief(result.run.stop_reason),
        "failure": result.run.failure,
    }


def _position(axis: Parameter, parameters: Mapping[str, object]) -> float | None:
    """The quantile of the run's value; None if it has none that fits the axis."""
    if axis.name not in parameters:
        return None
    try:
        return round(axis.distribution.cdf(parameters[axis.name]), 4)
    except ValueError:
        return None


def _curves(results: Sequence[Result], metric: Metric) -> dict[str, list[Any]]:
    """The curves that a person wants to see, by run: of those that are running, then of the best."""
    sign = -metric.sign
    drawable = [result for result in results if result.best is not None and result.curves[0].values]
    order = sorted(drawable, key=lambda result: (not result.run.is_alive, sign * (result.best or 0.0)))
    return {r.run.name: points(r.curves[0], MOST_CURVE_POINTS) for r in order[:MOST_CURVES]}
