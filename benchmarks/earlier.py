"""Earlier sweeps of 50 runs by `bayes`, for engines that learn from them. They are made once and kept."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from problems import LCBENCH, Parameters, Problem

if TYPE_CHECKING:
    from litsweep import EarlierSweep

RUNS = 50
_DECAY = {"value": 0.01}
_CHANGED: dict[str, Any] = {
    **LCBENCH,
    "learning_rate": {"distribution": "log_uniform_values", "min": 3e-4, "max": 0.05},
    "max_units": {"distribution": "q_log_uniform_values", "min": 64, "max": 512, "q": 1},
    "max_dropout": {"distribution": "uniform", "min": 0.0, "max": 0.6},
    "weight_decay": _DECAY,
    "label_smoothing": {"distribution": "uniform", "min": 0.0, "max": 0.4},
}
_SMOOTHING_COST = 50.0  # accuracy is in percent: 2 % is lost at 0.3, where 0.1 is best


@dataclass(frozen=True)
class Earlier:
    """The sweep config of an earlier sweep, and its runs: configs and values of the metric."""

    name: str
    sweep: dict[str, Any]
    runs: list[tuple[Parameters, float]]


def changed(problem: Problem) -> Problem:
    """Return the problem in another space: other ranges, `weight_decay` constant, one more parameter."""

    def truth(parameters: Parameters) -> float:
        known = {name: value for name, value in parameters.items() if name != "label_smoothing"}
        return problem.truth(known) - _SMOOTHING_COST * (float(parameters["label_smoothing"]) - 0.1) ** 2

    def run(parameters: Parameters) -> list[dict[str, float]]:
        return [{problem.metric: truth(parameters)}]

    sweep = {**problem.sweep, "parameters": _CHANGED}
    return replace(problem, name=f"{problem.name}-changed", sweep=sweep, run=run, truth=truth, batch=None)


def earlier(folder: Path, problem: Problem, seed: int) -> Earlier:
    """Return the earlier sweep on a problem with this seed; it is made on first use and kept in `folder`."""
    path = folder / "earlier" / f"{problem.name}-{seed}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_made(problem, seed)))
    runs = [(parameters, value) for parameters, value in json.loads(path.read_text())]
    return Earlier(problem.name, dict(problem.sweep), runs)


def _made(problem: Problem, seed: int) -> list[tuple[Parameters, float]]:
    from litsweep import Controller, parse_sweep

    search, made = Controller(parse_sweep(dict(problem.sweep)), seed=seed), []
    for _ in range(RUNS):
        (suggestion,) = search.ask()
        history = problem.run(suggestion.parameters)
        search.tell(suggestion.id, history=history, state="finished")
        made.append((dict(suggestion.parameters), history[-1][problem.metric]))
    return made


def shuffled(sweep: Earlier, seed: int) -> Earlier:
    """Return the earlier sweep with its results in another order: it says nothing about any problem."""
    values = np.random.default_rng(seed).permutation([value for _, value in sweep.runs])
    runs = [(parameters, float(value)) for (parameters, _), value in zip(sweep.runs, values, strict=True)]
    return Earlier(f"{sweep.name}-shuffled", sweep.sweep, runs)


def synthetic(sweep: Earlier, seed: int) -> Earlier:
    """Return the earlier sweep with the results of another function: a parabola about a random config."""
    best = np.random.default_rng(seed).random(len(LCBENCH))
    runs = [(p, -float(((_quantiles(p) - best) ** 2).sum())) for p, _ in sweep.runs]
    return Earlier(f"{sweep.name}-synthetic", sweep.sweep, runs)


def _quantiles(parameters: Parameters) -> np.ndarray:
    return np.array([_quantile(LCBENCH[name], parameters[name]) for name in sorted(LCBENCH)])


def _quantile(spec: Mapping[str, Any], value: float) -> float:
    low, high = spec["min"], spec["max"]
    if "log" in spec["distribution"]:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return float((value - low) / (high - low))


def earlier_sweep(sweep: Earlier) -> EarlierSweep:
    """Return the earlier sweep as litsweep takes it."""
    from litsweep import EarlierSweep, parse_sweep
    from litsweep.sweep.contract import RunState
    from litsweep.sweep.run import Run

    metric = sweep.sweep["metric"]["name"]
    runs = [
        Run(str(number), parameters, RunState.FINISHED, [{metric: value}])
        for number, (parameters, value) in enumerate(sweep.runs)
    ]
    return EarlierSweep(parse_sweep(sweep.sweep), runs, sweep.name)


def with_earlier(problem: Problem, others: Sequence[Problem], kind: str, folder: Path) -> Problem:
    """Return the problem with one earlier sweep on each of `others`, of a kind in `KINDS`."""
    of_kind = KINDS[kind]

    def sweeps(seed: int) -> list[Earlier]:
        return [of_kind(folder, other, seed) for other in others]

    return replace(problem, earlier=sweeps)


KINDS: dict[str, Callable[[Path, Problem, int], Earlier]] = {
    "same": earlier,
    "changed": lambda folder, problem, seed: earlier(folder, changed(problem), seed),
    "shuffled": lambda folder, problem, seed: shuffled(earlier(folder, problem, seed), seed),
    "synthetic": lambda folder, problem, seed: synthetic(earlier(folder, problem, seed), seed),
}
"""The earlier sweeps of a suite: on other datasets in the same space or another, or without any relation."""
