"""Sweeps with enough runs for the charts that use the search's model."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from litsweep import Controller, parse_sweep
from litsweep.figures.sweep_data import SweepData
from tests.figures.conftest import run_data

SPACE = """
method: random
metric: {name: acc, goal: maximize}
parameters:
  batch: {values: [16, 32]}
  epochs: {value: 3}
  layers: {distribution: int_uniform, min: 1, max: 6}
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  momentum: {min: 0.0, max: 1.0}
  optimizer: {values: [adam, sgd, <b>]}
litsweep: {conditions: {momentum: {optimizer: [sgd]}}}
"""
TWO_METRICS = SPACE.replace(
    "metric: {name: acc, goal: maximize}",
    "metrics: [{name: acc, goal: maximize}, {name: loss, goal: minimize}]",
)


def accuracy(p: Mapping[str, Any]) -> float:
    """The best learning rate is 0.003. `sgd` costs accuracy, with a small momentum most."""
    loss = 0.05 * (math.log10(p["lr"]) + 2.5) ** 2 - 0.01 * p["layers"]
    return float(0.9 - loss - (0.1 * (1 - p["momentum"]) if p["optimizer"] == "sgd" else 0.0))


def swept(
    runs: int = 40,
    config: str = SPACE,
    function: Callable[[Mapping[str, Any]], float | None] = accuracy,
    **more: Any,
) -> SweepData:
    """A sweep with finished runs `r0`, `r1` and so on. A run diverges if the function returns None.

    With two metrics, the second one is the negative of the first. Each summary has `test` and `name`.
    """
    parsed = parse_sweep(config)
    made = []
    for i, suggestion in enumerate(Controller(parsed, seed=1).ask(runs)):
        value = function(suggestion.parameters)
        run = run_data(f"r{i}", [] if value is None else [value - 0.1, value])
        if value is None:
            run = replace(run, state="failed", is_broken=True, failure="diverged")
        else:
            bests = [value, -value][: len(parsed.metrics)]
            run = replace(run, bests=bests, summary={"test": suggestion.parameters["lr"], "name": "x"})
        made.append(replace(run, parameters=suggestion.parameters))
    return SweepData(title="sweep", config=parsed, runs=made, **more)
