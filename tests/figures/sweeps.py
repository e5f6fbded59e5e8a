"""Sweeps of every kind, of which all charts are drawn."""

import math
import random
from collections.abc import Iterator
from typing import Any

from litsweep import parse_sweep
from litsweep.figures.sweep_data import Curve, RunData, SweepData
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.objective import best_value

EVIL = "</script><img src='https://example.com/x.png' onerror=alert(1)> {{ 7 * 7 }} & role:accent"

ONE = {"method": "bayes", "metric": {"name": "val_acc", "goal": "maximize"}}
TWO = {"method": "bayes", "metrics": [ONE["metric"], {"name": "latency", "goal": "minimize"}]}
SPACE: dict[str, Any] = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 8},
    "optimizer": {"values": ["adam", "sgd"]},
    "momentum": {"min": 0.0, "max": 1.0},
    "epochs": {"value": 3},
}
CONDITIONAL = {"litsweep": {"conditions": {"momentum": {"optimizer": "sgd"}}}}
GRID = {"lr": {"values": [0.01, 0.1]}, "optimizer": {"values": ["adam", None, True, [1, 2]]}}


def make(runs: int, sweep: dict[str, Any], state: str = "finished", **more: Any) -> SweepData:
    """Return a sweep with random runs in one state. `more` are fields of each run."""
    config = parse_sweep({"parameters": SPACE, **sweep})
    drawn = random.Random(1)
    made = [_run(f"run{i}", config, state, drawn, **more) for i in range(runs)]
    return SweepData(title=f"sweep {EVIL}", config=config, runs=made, path="local/p/abc")


def _run(
    name: str, config: SweepConfig, state: str, drawn: random.Random, rows: int = 20, **more: Any
) -> RunData:
    import numpy as np

    level = drawn.random()
    curves = [_curve(level + i, rows) for i in range(len(config.metrics))]
    start = 1_700_000_000 + 60 * int(name.removeprefix("run"))
    facts: dict[str, Any] = {
        "bests": [best_value(curve.finite, m) for curve, m in zip(curves, config.metrics, strict=True)],
        "last": curves[0].values[-1] if curves and curves[0].values else None,
        "curves": curves,
        "created": start,
        "started": start,
        "ended": None if state == "running" else start + 3600 * drawn.random(),
        "agent": f"agent {EVIL}",
        "host": "node1",
        "reason": f"predicted {EVIL}",
    }
    return RunData(
        name=name,
        title=f"{name} {EVIL}",
        state=state,
        is_alive=state == "running",
        is_broken=state == "failed",
        parameters=config.space.sample(np.random.default_rng(drawn.randrange(10**6))),
        summary={"test_acc": level, "nothing": math.nan},
        **{**facts, **more},
    )


def _curve(level: float, rows: int) -> Curve:
    steps = range(rows)
    values = [level * (1 - 0.8 ** (step + 1)) for step in steps]
    return Curve(
        steps, values, [1_700_000_000.0 + step for step in steps], {"epoch": [float(i) for i in steps]}
    )


def every_kind() -> Iterator[tuple[str, SweepData]]:
    """Yield a name and a sweep for each kind."""
    yield "no runs", make(0, ONE)
    yield "one run", make(1, ONE)
    yield "one running run without a result", make(1, ONE, "running", rows=0, last=None, bests=[None])
    yield "failed runs", make(5, ONE, "failed", failure=f"out of memory: {EVIL}")
    yield "conditional parameters", make(30, ONE | CONDITIONAL)
    yield "several metrics", make(30, TWO)
    yield "several metrics of one run", make(1, TWO)
    yield "a grid", make(8, {"method": "grid", "metric": ONE["metric"], "parameters": GRID})
    yield "no metric", make(5, {"method": "random"})
    yield "equal results", make(12, ONE, bests=[0.5])
    yield "nothing to search", make(12, ONE | {"method": "random", "parameters": {"x": {"value": 1}}})
