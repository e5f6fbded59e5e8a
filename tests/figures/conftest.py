"""Sweeps whose charts the tests draw."""

from typing import Any

from litsweep import parse_sweep
from litsweep.figures.sweep_data import Curve, RunData, SweepData

CONFIG = """
method: bayes
metric: {name: val_acc, goal: maximize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  optimizer: {values: [adam, sgd]}
"""


def run_data(name: str, values: list[float], **more: Any) -> RunData:
    """Return a finished run with these values of `val_acc`."""
    curve = Curve(range(len(values)), values)
    facts: dict[str, Any] = {
        "title": name,
        "state": "finished",
        "is_alive": False,
        "is_broken": False,
        "parameters": {"lr": 0.01, "optimizer": "adam"},
        "bests": [max(values, default=None)],
        "last": values[-1] if values else None,
        "curves": [curve],
    }
    return RunData(name=name, **{**facts, **more})


def sweep_data(*runs: RunData, config: str = CONFIG) -> SweepData:
    """Return a sweep with these runs."""
    return SweepData(title="sweep", config=parse_sweep(config), runs=runs)
