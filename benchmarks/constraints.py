"""Measure the search with constraints on BoTorch's constrained test functions.

    python benchmarks/constraints.py --seeds 20 --first-seed 100
    python benchmarks/constraints.py --functions ConstrainedGramacy --engine plain

A run succeeds if its best feasible value is at most 5 % of |optimum| above the optimum after `-n` runs.
The optimum is the least value of BoTorch's code, found by differential evolution and, for PressureVessel, by
enumeration. For PressureVessel and WeldedBeamSO it is lower than the value from the literature that BoTorch
states. Every finished run is one JSON line in `--results`, so a stopped measurement resumes.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from botorch.test_functions import synthetic
from rich.console import Console
from rich.table import Table

from litsweep import Controller, parse_sweep

OPTIMA = {
    "ConstrainedGramacy": 0.599788,
    "ConstrainedHartmann": -3.322368,
    "PressureVessel": 5634.1125,
    "TensionCompressionString": 0.01266523,
    "WeldedBeamSO": 1.5870775,
    "SpeedReducer": 2996.348165,
}
"""The functions with a known optimum, and their least feasible values."""

TOLERANCE = 0.05
ENGINES = ("constraints", "plain", "random")
"""`plain` is the search without constraints, which sees the objective only."""


def main() -> None:
    """Run the command line."""
    options = arguments()
    torch.set_num_threads(1)
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.functions:
            measure(options, name, seed)
    show(options)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--functions", nargs="+", choices=OPTIMA, default=list(OPTIMA))
    parser.add_argument("--engine", choices=ENGINES, default="constraints")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=40, help="evaluations of each run")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    return parser.parse_args()


def measure(options: argparse.Namespace, name: str, seed: int) -> None:
    """Run one function with one seed, unless the results have its line."""
    key = {"function": name, "engine": options.engine, "seed": seed}
    known = [line for line in lines(options) if all(line[k] == v for k, v in key.items())]
    if any(len(line["best"]) >= options.n for line in known):
        return
    options.results.mkdir(parents=True, exist_ok=True)
    with path_of(options).open("a") as file:
        file.write(json.dumps({**key, "best": play(name, options.engine, seed, options.n)}) + "\n")


def play(name: str, engine: str, seed: int, n: int) -> list[float | None]:
    """Return the best feasible value after each evaluation; None before the first one."""
    function = getattr(synthetic, name)()
    limits = {f"slack_{i}": ">= 0" for i in range(function.num_constraints)}
    sweep: dict[str, Any] = {
        "method": "random" if engine == "random" else "bayes",
        "metric": {"name": "value", "goal": "minimize"},
        "parameters": {f"x{i}": {"min": low, "max": high} for i, (low, high) in enumerate(function._bounds)},
    }
    if engine == "constraints":
        sweep["litsweep"] = {"constraints": limits}
    controller, best, trace = Controller(parse_sweep(sweep), seed=seed), None, []
    for _ in range(n):
        (suggestion,) = controller.ask()
        x = torch.tensor([suggestion.parameters[f"x{i}"] for i in range(function.dim)], dtype=torch.double)
        value = float(function._evaluate_true(x.unsqueeze(0)))
        slacks = function._evaluate_slack_true(x.unsqueeze(0)).squeeze(0).tolist()
        row = {"value": value, **dict(zip(limits, slacks, strict=True))}
        controller.tell(suggestion.id, [row], state="finished")
        if min(slacks) >= 0 and (best is None or value < best):
            best = value
        trace.append(best)
    return trace


def path_of(options: argparse.Namespace) -> Path:
    """Return the file of the results."""
    path: Path = options.results / "constraints.jsonl"
    return path


def lines(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Return the finished runs in the results."""
    if path_of(options).exists():
        yield from map(json.loads, path_of(options).read_text().splitlines())


def show(options: argparse.Namespace) -> None:
    """Print a row for each function: successes, and the gap to the optimum over the seeds."""
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    table = Table(
        title=f"{options.engine}: {options.n} runs, seeds {seeds.start} to {seeds.stop - 1}", box=None
    )
    for heading in ("function", "within 5 %", "feasible", "first feasible run", "median gap", "worst gap"):
        table.add_column(heading)
    for name in options.functions:
        found = [
            line for line in lines(options) if (line["function"], line["engine"]) == (name, options.engine)
        ]
        traces = [line["best"][: options.n] for line in found if line["seed"] in seeds]
        table.add_row(name, *summary(name, [trace for trace in traces if len(trace) == options.n]))
    Console().print(table)


def summary(name: str, traces: Sequence[Sequence[float | None]]) -> list[str]:
    """Return the cells of a function: gaps are relative to |optimum|, infinite without a feasible run."""
    best, optimum = [trace[-1] for trace in traces], OPTIMA[name]
    gaps = np.array([np.inf if value is None else (value - optimum) / abs(optimum) for value in best])
    firsts = [next((i + 1 for i, v in enumerate(trace) if v is not None), np.inf) for trace in traces]
    n = len(traces)
    return [
        f"{(gaps <= TOLERANCE).sum()} of {n}",
        f"{np.isfinite(gaps).sum()} of {n}",
        f"{np.quantile(firsts, 0.5, method='higher'):.0f}" if n else "",
        f"{np.quantile(gaps, 0.5, method='higher'):.1%}" if n else "",
        f"{gaps.max():.1%}" if n else "",
    ]


if __name__ == "__main__":
    main()
