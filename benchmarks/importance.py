"""Importance of parameters on functions of known sensitivity: whether its order is right, and its time.

    python benchmarks/importance.py                      # 20 seeds, 60 runs, the chart's method
    python benchmarks/importance.py --first-seed 1000 --methods litsweep forest fanova pedanova

The known order has every pair of parameters of which one has at least three times the total Sobol' index of
the other, and at least .02 more. A seed counts as right if an importance ranks all of these pairs so. Total
indices are computed from the function itself, with 8,192 base points. Runs are chosen at random, or by
`method: bayes`, one after another.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from multiprocessing import get_context
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
from rich.console import Console
from rich.table import Table

from litsweep import Controller, parse_sweep

Values = Mapping[str, Any]
BASE_POINTS = 8_192


@dataclass(frozen=True)
class Problem:
    """A function of a config, to be minimized. `noise` is a share of the function's standard deviation."""

    parameters: Mapping[str, Any]
    function: Callable[[Values], float]
    noise: float = 0.0
    conditions: Mapping[str, Any] | None = None

    def sweep(self, method: str) -> dict[str, Any]:
        """Return the sweep config."""
        ours = {"litsweep": {"conditions": self.conditions}} if self.conditions else {}
        metric = {"name": "loss", "goal": "minimize"}
        return {"method": method, "metric": metric, "parameters": self.parameters, **ours}


def unit(d: int, low: float = 0.0, high: float = 1.0) -> dict[str, Any]:
    """Return `d` uniform parameters, named `x0`, `x1` and so on."""
    return {f"x{i}": {"min": low, "max": high} for i in range(d)}


def unused(p: Values) -> float:
    """Three parameters with an effect, five without."""
    return 4 * p["x0"] + 2.5 * math.sin(3 * p["x1"]) + 1.2 * p["x2"] ** 2


def dominant(p: Values) -> float:
    """A learning rate with a narrow valley, two weak parameters, and three without effect."""
    return (math.log10(p["lr"]) + 2.5) ** 2 + 0.8 * p["dropout"] + 0.5 * abs(p["layers"] - 3)


def interaction(p: Values) -> float:
    """Two parameters that act only together, one that acts alone, and three without effect."""
    return 8 * (p["x0"] - 0.5) * (p["x1"] - 0.5) + 0.8 * p["x2"]


def ishigami(p: Values) -> float:
    """Ishigami and Homma (1990), a = 7 and b = .1, and two parameters without effect."""
    return math.sin(p["x0"]) + 7 * math.sin(p["x1"]) ** 2 + 0.1 * p["x2"] ** 4 * math.sin(p["x0"])


def g_function(p: Values) -> float:
    """Sobol' (1993), a = 0, 1, 4.5, 9, 99, 99."""
    pairs = zip(p.values(), (0, 1, 4.5, 9, 99, 99), strict=True)
    return math.prod((abs(4 * x - 2) + a) / (1 + a) for x, a in pairs)


def friedman(p: Values) -> float:
    """Friedman (1991): ten parameters, five of them without effect."""
    pair = 10 * math.sin(math.pi * p["x0"] * p["x1"])
    return pair + 20 * (p["x2"] - 0.5) ** 2 + 10 * p["x3"] + 5 * p["x4"]


def borehole(p: Values) -> float:
    """Flow of water through a borehole (Harper and Gupta 1983)."""
    log = math.log(p["r"] / p["rw"])
    leak = 2 * p["L"] * p["Tu"] / (log * p["rw"] ** 2 * p["Kw"])
    return 2 * math.pi * p["Tu"] * (p["Hu"] - p["Hl"]) / (log * (1 + leak + p["Tu"] / p["Tl"]))


def mixed(p: Values) -> float:
    """Categories, a conditional parameter, an integer, and two parameters without effect."""
    loss = {"adam": 0.0, "sgd": 1.0, "lion": 2.0}[p["optimizer"]] + 0.5 * (math.log10(p["lr"]) + 3) ** 2
    return loss + (0.6 * p["momentum"] if p["optimizer"] == "sgd" else 0.0)


BOREHOLE = {
    "rw": (0.05, 0.15),
    "r": (100.0, 50_000.0),
    "Tu": (63_070.0, 115_600.0),
    "Hu": (990.0, 1_110.0),
    "Tl": (63.1, 116.0),
    "Hl": (700.0, 820.0),
    "L": (1_120.0, 1_680.0),
    "Kw": (9_855.0, 12_045.0),
}
RATE = {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}
DOMINANT = {
    "lr": RATE,
    "dropout": {"min": 0.0, "max": 1.0},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 5},
    "weight_decay": {"distribution": "log_uniform_values", "min": 1e-8, "max": 1e-2},
    "batch_size": {"values": [16, 32, 64, 128]},
    "nesterov": {"values": [True, False]},
}
MIXED = {
    "optimizer": {"values": ["adam", "sgd", "lion"]},
    "lr": RATE,
    "momentum": {"min": 0.0, "max": 1.0},
    "warmup": {"distribution": "int_uniform", "min": 0, "max": 10},
    "schedule": {"values": ["cosine", "linear", "constant"]},
}
PROBLEMS = {
    "unused": Problem(unit(8), unused),
    "unused, noise": Problem(unit(8), unused, noise=0.2),
    "dominant": Problem(DOMINANT, dominant),
    "interaction": Problem(unit(6), interaction),
    "interaction, noise": Problem(unit(6), interaction, noise=0.1),
    "mixed": Problem(MIXED, mixed, noise=0.1, conditions={"momentum": {"optimizer": ["sgd"]}}),
    "borehole": Problem({k: {"min": a, "max": b} for k, (a, b) in BOREHOLE.items()}, borehole),
    "g-function": Problem(unit(6), g_function),
    "Ishigami": Problem(unit(5, -math.pi, math.pi), ishigami),
    "Friedman": Problem(unit(10), friedman),
}


@cache
def truth(name: str) -> tuple[dict[str, float], float]:
    """Return the total index of each parameter, and the standard deviation of the function."""
    from scipy.stats import sobol_indices, uniform

    problem = PROBLEMS[name]
    space = parse_sweep(problem.sweep("random")).space
    values: list[float] = []

    def evaluate(u: np.ndarray) -> np.ndarray:
        configs = (
            {p.name: p.distribution.ppf(q) for p, q in zip(space.parameters, row, strict=True)} for row in u.T
        )
        found = [problem.function(config) for config in configs]
        values.extend(found)
        return np.array(found)

    rng, d = np.random.default_rng(0), len(space.parameters)
    found = sobol_indices(func=evaluate, n=BASE_POINTS, dists=[uniform()] * d, rng=rng)
    names = [parameter.name for parameter in space.parameters]
    return dict(zip(names, found.total_order.ravel().tolist(), strict=True)), float(np.std(values))


def is_right(name: str, importance: Mapping[str, float]) -> bool:
    """Return True if an importance has the known order."""
    known, _ = truth(name)
    pairs = ((a, b) for a in known for b in known if known[a] >= max(3 * known[b], known[b] + 0.02))
    return all(importance[a] > importance[b] for a, b in pairs)


def runs_of(name: str, method: str, seed: int, count: int) -> Controller:
    """Return a sweep with `count` finished runs."""
    problem, (_, deviation) = PROBLEMS[name], truth(name)
    rng = np.random.default_rng(seed)
    controller = Controller(parse_sweep(problem.sweep(method)), seed=seed)
    for _ in range(count):
        (run,) = controller.ask()
        loss = problem.function(run.parameters) + problem.noise * deviation * rng.standard_normal()
        controller.tell(run.id, history=[{"loss": loss}], state="finished")
    return controller


def litsweep_importance(controller: Controller) -> dict[str, float]:
    """The importance of the dashboard's chart."""
    from litsweep.search.bayes.fitted_model import fit_model
    from litsweep.search.bayes.sensitivity import sensitivity

    config = controller.config
    found = sensitivity(fit_model(config, config.metrics[0], controller.runs).model)
    return dict(zip(found.names, np.median(found.total, axis=0).tolist(), strict=True))


def forest_importance(controller: Controller) -> dict[str, float]:
    """Permutation importance of a random forest on encoded parameters, with 5-fold held-out runs."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance
    from sklearn.model_selection import KFold

    from litsweep.search.bayes.encoding import Encoding

    encoding = Encoding(controller.config.space)
    x = np.array([encoding.encode(run.parameters) for run in controller.runs])
    y = np.array([controller.objective(run.id) for run in controller.runs], dtype=float)
    total = np.zeros(encoding.d)
    for train, held in KFold(5, shuffle=True, random_state=0).split(x):
        forest = RandomForestRegressor(100, random_state=0).fit(x[train], y[train])
        found = permutation_importance(forest, x[held], y[held], n_repeats=10, random_state=0)
        total += found.importances_mean
    return {dim.name: float(value) for dim, value in zip(encoding.dimensions, total, strict=True)}


def _categories(dim: Any) -> int:
    return 0 if dim.codes is None else len(dim.codes)


def optuna_importance(controller: Controller, evaluator: str) -> dict[str, float]:
    """An importance of Optuna: `FanovaImportanceEvaluator` or `PedAnovaImportanceEvaluator`."""
    import optuna

    from litsweep.search.bayes.encoding import Encoding

    encoding = Encoding(controller.config.space)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study()
    distributions: dict[str, Any] = {
        dim.name: optuna.distributions.CategoricalDistribution(list(range(_categories(dim))))
        if dim.is_category
        else optuna.distributions.FloatDistribution(0.0, 1.0)
        for dim in encoding.dimensions
    }
    for run in controller.runs:
        row = encoding.encode(run.parameters)
        pairs = zip(encoding.dimensions, row or (), strict=True)
        values = {dim.name: int(code) if dim.is_category else code for dim, code in pairs}
        loss = controller.objective(run.id)
        study.add_trial(optuna.trial.create_trial(params=values, distributions=distributions, values=[loss]))
    found = getattr(optuna.importance, evaluator)().evaluate(study)
    return {name: found.get(name, 0.0) for name in distributions}


METHODS: dict[str, Callable[[Controller], dict[str, float]]] = {
    "litsweep": litsweep_importance,
    "forest": forest_importance,
    "fanova": lambda controller: optuna_importance(controller, "FanovaImportanceEvaluator"),
    "pedanova": lambda controller: optuna_importance(controller, "PedAnovaImportanceEvaluator"),
}
Result = tuple[str, str, dict[str, tuple[bool, float]]]


def measure(task: tuple[str, str, int, int, Sequence[str]]) -> Result:
    """Return for each importance whether its order is right, and its seconds."""
    name, method, seed, count, importances = task
    warnings.simplefilter("ignore")
    controller = runs_of(name, method, seed, count)
    results = {}
    for importance in importances:
        started = time.perf_counter()
        found = METHODS[importance](controller)
        results[importance] = (is_right(name, found), time.perf_counter() - started)
    return name, method, results


def report(results: Sequence[Result], importances: Sequence[str], arguments: argparse.Namespace) -> Table:
    """Return the table."""
    seeds = f"seeds {arguments.first_seed} to {arguments.first_seed + arguments.seeds - 1}"
    machine = f"{platform.machine()}, torch {version('torch')}, scipy {version('scipy')}, one thread"
    table = Table(title=f"right order after {arguments.runs} runs; {seeds}; {machine}")
    for column in ("problem", "runs by", "importance", "right", "ms, median", "ms, max"):
        table.add_column(column)
    groups = [(name, by, each) for each in importances for by in arguments.by for name in arguments.problems]
    for name, by, each in groups:
        found = [result[each] for problem, method, result in results if (problem, method) == (name, by)]
        milliseconds = [1000 * seconds for _, seconds in found]
        right = sum(is_right for is_right, _ in found)
        times = (f"{np.median(milliseconds):.0f}", f"{max(milliseconds):.0f}")
        table.add_row(name, by, each, f"{right} of {len(found)}", *times)
    return table


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--by", nargs="+", choices=["random", "bayes"], default=["random", "bayes"])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=["litsweep"])
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    tasks = [
        (name, by, seed, arguments.runs, arguments.methods)
        for by in arguments.by
        for name in arguments.problems
        for seed in seeds
    ]
    with ProcessPoolExecutor(arguments.processes, get_context("spawn")) as pool:
        results = list(pool.map(measure, tasks))
    Console(width=110).print(report(results, arguments.methods, arguments))


if __name__ == "__main__":
    main()
