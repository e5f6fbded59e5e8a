"""Seconds per suggestion: wall time of `Controller.ask()` in sweeps that already have many runs.

    python benchmarks/suggest_time.py
    nice -n -15 python benchmarks/suggest_time.py       # on a machine with other users (as root)

The first half of the known runs is random, the rest is near the best so far. A smooth function with
interactions and 5 % noise scores them. `first` is the time after a server's restart: create a controller, add
all runs, and suggest one config. The other suggestions follow one after another, each with the result of the
one before.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from problems import LCBENCH, sample
from rich.console import Console
from rich.progress import track
from rich.table import Table

from litsweep import Controller, parse_sweep
from litsweep.sweep.reasons import RandomReason

MIXED = {
    **{f"rate{i}": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0} for i in range(4)},
    **{f"share{i}": {"min": 0.0, "max": 1.0} for i in range(5)},
    **{f"count{i}": {"distribution": "int_uniform", "min": 1, "max": 8} for i in range(3)},
    **{
        f"size{i}": {"distribution": "q_log_uniform_values", "min": 16, "max": 1024, "q": 1} for i in range(3)
    },
    **{f"kind{i}": {"values": ["a", "b", "c", "d"]} for i in range(3)},
    **{f"flag{i}": {"values": [True, False]} for i in range(2)},
}
"""Twenty parameters of all kinds."""


_LENGTHS, _SHARES = (3, 9, 26, 52), (0.04, 0.6, 0.2, 0.16)
"""The iterations of runs with freeze-thaw, and their shares of the runs."""


@dataclass(frozen=True)
class Case:
    """A sweep with `runs` runs, and the limit in seconds for 95 % of its suggestions.

    With freeze-thaw (`is_freezing`) most runs are paused.
    """

    title: str
    parameters: Mapping[str, Any]
    runs: int
    limit: float
    asks: int = 20
    is_freezing: bool = False


CASES = (
    Case("7d (LCBench's)", LCBENCH, 300, 0.5),
    Case("7d (LCBench's)", LCBENCH, 1_000, 1.5),
    Case("20d (mixed)", MIXED, 300, 1.5),
    Case("20d (mixed)", MIXED, 1_000, 4.0),
    Case("7d (LCBench's)", LCBENCH, 10_000, 5.0, asks=6),
    Case("7d, freeze-thaw", LCBENCH, 300, 0.5, is_freezing=True),
    Case("7d, freeze-thaw", LCBENCH, 1_000, 1.0, is_freezing=True),
)


class Objective:
    """A smooth loss of the parameters' positions in their ranges: an ellipsoid, a ridge and a step."""

    def __init__(self, parameters: Mapping[str, Any], rng: np.random.Generator) -> None:
        self._parameters = parameters
        self._best = rng.uniform(0.2, 0.8, len(parameters))
        self._weights = 2.0 ** -np.arange(len(parameters))[rng.permutation(len(parameters))]

    def __call__(self, config: Mapping[str, Any]) -> float:
        places = [_place(spec, config[name]) for name, spec in self._parameters.items()]
        away = np.array(places) - self._best
        return float(self._weights @ away**2 + 0.3 * away[0] * away[1] + 0.2 * np.tanh(4 * away[2]))


def _place(spec: Mapping[str, Any], value: Any) -> float:
    """Return the position of a value in its range, 0 to 1."""
    if "values" in spec:
        return float(spec["values"].index(value) / (len(spec["values"]) - 1))
    low, high = spec["min"], spec["max"]
    is_log = "log" in spec.get("distribution", "")
    return float(np.log(value / low) / np.log(high / low) if is_log else (value - low) / (high - low))


def known_runs(
    case: Case, objective: Objective, rng: np.random.Generator
) -> list[tuple[dict[str, Any], float]]:
    """Return the configs of a running sweep with their scores; later configs resemble a good earlier one."""
    runs: list[tuple[dict[str, Any], float]] = []
    while len(runs) < case.runs:
        config = sample(case.parameters, rng)
        if len(runs) >= case.runs // 2:
            parent = min((runs[i] for i in rng.integers(len(runs), size=20)), key=lambda run: run[1])[0]
            config |= {name: value for name, value in parent.items() if rng.random() < 0.7}
        runs.append((config, objective(config) + 0.05 * rng.standard_normal()))
    return runs


def curve(loss: float, length: int, case: Case) -> list[dict[str, float]]:
    """Return the history of a run: its loss alone, or with freeze-thaw a falling learning curve."""
    if not case.is_freezing:
        return [{"loss": loss}]
    return [{"loss": loss + 1 / (1 + i)} for i in range(length)]


def measure(case: Case, seed: int) -> tuple[float, list[float]]:
    """Return the seconds of a new controller's first suggestion, and of each later one."""
    rng = np.random.default_rng(seed)
    objective = Objective(case.parameters, rng)
    runs = known_runs(case, objective, rng)
    sweep = {"method": "bayes", "metric": {"name": "loss"}, "parameters": case.parameters}
    if case.is_freezing:
        sweep["litsweep"] = {"early_terminate": {"type": "freeze_thaw", "max_iter": _LENGTHS[-1]}}
    started = time.perf_counter()
    controller = Controller(parse_sweep(sweep), seed=seed)
    for config, loss in runs:
        length = int(rng.choice(_LENGTHS, p=_SHARES)) if case.is_freezing else 1
        reason = RandomReason(train_to=length if length < _LENGTHS[-1] else None)
        state = "preempted" if case.is_freezing and reason.train_to else "finished"
        controller.add(config, curve(loss, length, case), state, reason=reason)
    (suggestion,) = controller.ask()
    first, later = time.perf_counter() - started, []
    for _ in range(case.asks):
        loss = objective(suggestion.parameters) + 0.05 * rng.standard_normal()
        length = suggestion.reason.train_to or _LENGTHS[-1]
        state = "preempted" if suggestion.reason.train_to else "finished"
        controller.tell(suggestion.id, history=curve(loss, length, case), state=state)
        started = time.perf_counter()
        (suggestion,) = controller.ask()
        later.append(time.perf_counter() - started)
    return first, later


def main() -> None:
    """Measure all cases and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--space", default="", help="only the spaces whose name contains this")
    options = parser.parse_args()
    seed = options.seed
    measure(replace(CASES[0], runs=20, asks=1), seed)  # imports torch
    machine = f"{platform.machine()}, torch {version('torch')}, one thread"
    table = Table(title=f"seconds per suggestion, wall; {machine}; load {os.getloadavg()[0]:.1f}")
    for column in ("space", "known runs", "suggestions", "first", "median", "p95", "max", "limit (p95)"):
        table.add_column(column, justify="left" if column == "space" else "right")
    chosen = [case for case in CASES if options.space in case.title]
    for case in track(
        chosen,
        console=Console(stderr=True),
        auto_refresh=False,
        transient=True,
    ):
        first, later = measure(case, seed)
        seconds = (first, np.median(later), np.quantile(later, 0.95), max(later))
        numbers = [f"{second:.2f}" for second in seconds]
        table.add_row(case.title, f"{case.runs:,}", str(case.asks), *numbers, f"{case.limit:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
