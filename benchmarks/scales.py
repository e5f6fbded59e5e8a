"""The scale of a problem's regret: its median random config and its best known one."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from fronts import Box, non_dominated
from problems import Parameters, Problem, sample

_GENERATIONS, _CHILDREN, _PARENTS = 60, 1000, 20


@dataclass(frozen=True)
class Scale:
    """The `median` of random configs, the best of them (`cap`), and the `best` known objective."""

    median: float
    cap: float
    best: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def scale_of(folder: Path, problem: Problem) -> Scale:
    """Return the scale of a problem, which is computed once and stored in `folder`."""
    path = folder / "scales.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    name = problem.name.removesuffix("-curves").removesuffix("-noise").removesuffix("-warm")
    if name not in known:
        known[name] = _measure(problem).as_dict()
        path.write_text(json.dumps(known, indent=1))
    return Scale(**known[name])


def _measure(problem: Problem) -> Scale:
    rng = np.random.default_rng(1)
    configs = [sample(problem.sweep["parameters"], rng) for _ in range(problem.pool)]
    if problem.box is not None:
        return _measure_front(problem, problem.box, configs, rng)
    values = problem.sign * _evaluate(problem, configs)
    best = values.max()
    if problem.batch is not None:
        best = _evolve(problem, configs, values, rng)
    if problem.best is not None:
        best = problem.sign * problem.best
    sign = problem.sign
    return Scale(sign * float(np.median(values)), sign * float(values.max()), sign * float(best))


def _measure_front(problem: Problem, box: Box, configs: list[Parameters], rng: np.random.Generator) -> Scale:
    """Return the scale in shares of the box: 0, the random configs' share, and that of their evolution."""
    assert problem.batch is not None
    signs = [*problem.signs.values()]
    points = problem.batch(configs) * signs
    cap = box.dominated(points)
    for _ in range(_GENERATIONS):
        kept = non_dominated(points).nonzero()[0]
        configs, points = [configs[i] for i in kept], points[kept]
        children = [_mutate(problem, configs[rng.integers(len(configs))], rng) for _ in range(_CHILDREN)]
        configs, points = configs + children, np.concatenate([points, problem.batch(children) * signs])
    return Scale(0.0, cap, box.dominated(points))


def _evaluate(problem: Problem, configs: list[Parameters]) -> np.ndarray:
    if problem.batch is not None:
        return problem.batch(configs)
    return np.array([problem.truth(config) for config in configs])


def _evolve(
    problem: Problem, configs: list[Parameters], values: np.ndarray, rng: np.random.Generator
) -> float:
    """Return the best value that an evolution strategy finds on the surrogate itself; higher is better."""
    for _ in range(_GENERATIONS):
        order = np.argsort(-values)[:_PARENTS]
        configs, values = [configs[i] for i in order], values[order]
        children = [_mutate(problem, configs[rng.integers(len(configs))], rng) for _ in range(_CHILDREN)]
        configs = configs + children
        values = np.concatenate([values, problem.sign * _evaluate(problem, children)])
    return float(values.max())


def _mutate(problem: Problem, parent: Parameters, rng: np.random.Generator) -> Parameters:
    """Return the config with about two parameters changed: a number is moved or drawn again."""
    fresh = sample(problem.sweep["parameters"], rng)
    child = dict(parent)
    for name, value in parent.items():
        if rng.random() > 2 / len(parent):
            continue
        spec = problem.sweep["parameters"][name]
        child[name] = fresh[name]
        if "min" in spec and rng.random() < 0.7:
            log = "log" in spec.get("distribution", "")
            step = rng.normal() * 10 ** rng.uniform(-3, -0.5)
            span = spec["max"] - spec["min"]
            moved = value * (spec["max"] / spec["min"]) ** step if log else value + span * step
            moved = min(max(moved, spec["min"]), spec["max"])
            child[name] = round(moved) if isinstance(value, int) else moved
    return child
