"""Measure search engines side by side.

    python benchmarks/search.py run --suite sklearn --engines litsweep optuna-gp random --seeds 3
    python benchmarks/search.py run --suite lcbench --data YAHPO_FOLDER --engines litsweep wandb --seeds 2
    python benchmarks/search.py table --suite lcbench
    python benchmarks/search.py table --suite all

Every finished run is one JSON line in `--results`, so a stopped measurement resumes. The development datasets
are the default. `--final` selects the others, which are measured once and never used for tuning.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import freezing
import numpy as np
import problems
from earlier import KINDS, with_earlier
from engines import ENGINES, Engine
from fronts import signed
from interpreters import DEFAULT_FOLDER, keep_in
from problems import CrashError, Parameters, Problem, Row, sample
from rich.progress import Progress
from scales import scale_of
from summary import show
from warm_start import DATASETS, warm

LIMIT_SHARE = 30
"""The epochs that a sweep with early stopping may use, in full trainings."""

PARTS = 10
"""In a suite with times, the unit in place of epochs is this part of a random config's mean duration."""


def main() -> None:
    """Run the command line."""
    options = arguments()
    options.results.mkdir(parents=True, exist_ok=True)
    keep_in(options.environments)
    if options.command == "table":
        show(options.results, options.suite, options.plot)
        return
    single_thread()
    jobs = [
        (problem, engine, seed)
        for seed in range(options.seeds)
        for problem in suite(options)
        for engine in options.engines
    ]
    with Progress() as progress:
        bar = progress.add_task(options.suite, total=len(jobs))
        for problem, engine, seed in jobs:
            progress.update(bar, description=f"{engine} on {problem.name}, seed {seed}")
            measure(options, problem, engine, seed)
            progress.advance(bar)
    show(options.results, options.suite, None)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["run", "table"])
    parser.add_argument("--suite", choices=[*SUITES, "all"], default="sklearn", help="all: for table")
    engines = list(dict.fromkeys([*ENGINES, *freezing.ENGINES]))
    default = ["litsweep", "optuna-gp", "random"]
    parser.add_argument("--engines", nargs="+", choices=engines, default=default)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=100, help="evaluations, or full trainings, of each run")
    parser.add_argument("--in-flight", type=int, default=1, help="configs evaluated at once")
    parser.add_argument("--data", type=Path, help="folder of YAHPO Gym's data, for lcbench and xgboost")
    parser.add_argument("--tasks", nargs="+", help="datasets; by default the development ones")
    parser.add_argument("--final", action="store_true", help="the datasets kept for the final check")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument(
        "--environments", type=Path, default=DEFAULT_FOLDER, help="folder of the engines' own environments"
    )
    parser.add_argument("--plot", type=Path, help="write the regret curves as an HTML page")
    options = parser.parse_args()
    if options.command == "run" and options.suite == "all":
        parser.error("run takes one suite; `all` is for table")
    known = freezing.ENGINES if options.suite in freezing.SUITES else ENGINES
    if options.command == "run" and (strange := set(options.engines) - set(known)):
        parser.error(f"{options.suite} has no engine {', '.join(sorted(strange))}")
    return options


def single_thread() -> None:
    """Use one thread, as the other engines do, also in torch if it is already imported."""
    import torch

    torch.set_num_threads(1)


EARLIER_SUITES = {
    f"lcbench-earlier-{kind}-{n}": (kind, n)
    for kind in KINDS
    for n in (3, 7)
    if kind in ("same", "changed") or n == 3
}
"""The suites with earlier sweeps: their kind and number."""

SUITES = [
    "sklearn",
    "synthetic",
    "lcbench",
    "lcbench-noise",
    "lcbench-warm",
    *EARLIER_SUITES,
    "lcbench-reporting",
    "lcbench-curves",
    "lcbench-pareto",
    "lcbench-cost",
    *freezing.SUITES,
    "xgboost",
    "crashing",
]


def suite(options: argparse.Namespace) -> list[Problem]:
    """Return the problems of `--suite`."""
    name, data = options.suite, options.data
    if name == "crashing":
        return [problems.crashing()]
    if name == "sklearn":
        return [problems.boosting_breast_cancer(), problems.svm_wine()]
    if name == "synthetic":
        return [problems.synthetic(function) for function in problems.SYNTHETIC]
    if data is None:
        raise SystemExit("--data FOLDER is needed: YAHPO Gym's data (github.com/slds-lmu/yahpo_data)")
    if name == "xgboost":
        return [problems.xgboost(data, task) for task in tasks(options, problems.XGBOOST_DEVELOPMENT, 8)]
    chosen = tasks(options, problems.LCBENCH_DEVELOPMENT, None)
    if name == "lcbench-noise":
        return [noisy(options, problems.lcbench(data, task), task) for task in chosen]
    if name == "lcbench-warm":
        return [warm(problems.lcbench(data, task), others(data, task)) for task in chosen]
    special = {"lcbench-pareto": problems.lcbench_pareto, "lcbench-cost": problems.lcbench_timed}
    special |= dict.fromkeys(freezing.SUITES, freezing.problem)
    if name in special:
        return [special[name](data, task) for task in chosen]
    if name in EARLIER_SUITES:
        kind, n = EARLIER_SUITES[name]
        return [
            with_earlier(problems.lcbench(data, task), others(data, task, n), kind, options.results)
            for task in chosen
        ]
    reports, stops = name in ("lcbench-reporting", "lcbench-curves"), name == "lcbench-curves"
    return [problems.lcbench(data, task, curves=reports, stopping=stops) for task in chosen]


def tasks(options: argparse.Namespace, development: tuple[str, ...], at_most: int | None) -> list[str]:
    """Return the requested datasets."""
    if options.tasks:
        return list(options.tasks)
    if not options.final:
        return list(development)
    scenario = "rbv2_xgboost" if options.suite == "xgboost" else "lcbench"
    kept = [task for task in problems.tasks(options.data, scenario) if task not in development]
    return kept[:at_most]


def noisy(options: argparse.Namespace, problem: Problem, task: str) -> Problem:
    """Return the problem with noise of 5 % of the distance between the median random config and the best."""
    scale = scale_of(options.results, problem)
    return problems.lcbench(options.data, task, noise=0.05 * abs(scale.best - scale.median))


def others(data: Path, task: str, n: int = DATASETS) -> list[Problem]:
    """Return other development datasets: those after `task` in their list, then those from its start."""
    known = problems.LCBENCH_DEVELOPMENT
    start = known.index(task) + 1 if task in known else 0
    return [problems.lcbench(data, known[(start + i) % len(known)]) for i in range(n)]


def measure(options: argparse.Namespace, problem: Problem, engine: str, seed: int) -> None:
    """Run one engine on one problem, unless the results have its line."""
    seed += options.first_seed
    key = {
        "suite": options.suite,
        "problem": problem.name,
        "engine": engine,
        "seed": seed,
        "in_flight": options.in_flight,
    }
    path = options.results / f"{options.suite}.jsonl"
    if any(all(line[k] == v for k, v in key.items()) and line["n"] >= options.n for line in lines(path)):
        return
    scale = scale_of(options.results, problem)
    if options.suite in freezing.SUITES:
        training, task = freezing.SUITES[options.suite], problem.name.split("-")[1]
        span = abs(scale.best - scale.median)
        curves = freezing.Curves(options.data, task, training, span, seed)
        trace = freezing.play(engine, curves, training, seed, options.in_flight, options.n)
        write(path, {**key, "n": options.n, "scale": scale.as_dict(), **trace})
        return
    opened = ENGINES[engine](problem, seed)
    try:
        trace = play(opened, problem, seed, options.n, options.in_flight)
    finally:
        opened.close()
    write(path, {**key, "n": options.n, "scale": scale.as_dict(), **trace})


def write(path: Path, record: dict[str, Any]) -> None:
    """Add a line to the results."""
    with path.open("a") as file:
        file.write(json.dumps(record) + "\n")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Return the finished runs in a results file."""
    if path.exists():
        yield from (json.loads(line) for line in path.read_text().splitlines())


def play(engine: Engine, problem: Problem, seed: int, n: int, in_flight: int) -> dict[str, list[Any]]:
    """Ask and tell until `n` configs are evaluated. With several in flight, the oldest run ends first.

    Running runs that log more than once report their history so far. Returns, for each evaluation: the logged
    and the true objective (None for a crash), the epochs used so far, and the engine's seconds for the
    suggestion.
    """
    if problem.epochs > 1:
        return play_stopping(engine, problem, LIMIT_SHARE * problem.epochs)
    if problem.seconds is not None:
        return play_timed(engine, problem, problem.seconds, n)
    trace: dict[str, list[Any]] = {"logged": [], "true": [], "seconds": []}
    for parameters in problem.first(seed):
        engine.add(parameters, score(problem, parameters, train(problem, parameters), trace))
    running: list[tuple[str, Parameters, list[Row]]] = []
    while len(trace["true"]) < n:
        while len(running) < min(in_flight, n - len(trace["true"])):
            report(engine, [(handle, history) for handle, _, history in running], in_flight)
            started = time.perf_counter()
            handle, parameters = engine.ask()
            trace["seconds"].append(round(time.perf_counter() - started, 4))
            running.append((handle, parameters, train(problem, parameters)))
        handle, parameters, history = running.pop(0)
        engine.tell(handle, score(problem, parameters, history, trace), failed=not history)
    return trace


def report(engine: Engine, running: Sequence[tuple[str, list[Row]]], in_flight: int) -> None:
    """Report the history so far of the running runs, oldest first.

    They started at equal intervals: of `in_flight` equal parts of its training, the latest run has finished
    one, the one before it two, and so on.
    """
    for age, (handle, history) in enumerate(reversed(running), 1):
        if so_far := history[: len(history) * age // in_flight]:
            engine.report(handle, so_far)


def train(problem: Problem, parameters: Parameters) -> list[Row]:
    """Return the history of a run, empty for a crash."""
    try:
        return problem.run(parameters)
    except CrashError:
        return []


def score(
    problem: Problem, parameters: Parameters, history: list[Row], trace: dict[str, list[Any]]
) -> list[Row]:
    """Return the history unchanged; add the run's objective to the trace."""
    logged, true = objective(problem, parameters, history, trace) if history else (None, None)
    trace["logged"].append(logged)
    trace["true"].append(true)
    return history


def objective(
    problem: Problem, parameters: Parameters, history: list[Row], trace: dict[str, list[Any]]
) -> tuple[float, float]:
    """Return a run's objective, logged and true; with several metrics, of the front up to this run."""
    if problem.box is not None:
        rows = trace.setdefault("rows", [])
        rows.append(history[-1])
        share = problem.box.dominated(signed(rows, problem.signs))
        return share, share
    best = max(problem.sign * row[problem.metric] for row in history)
    return problem.sign * best, problem.truth(parameters)


def play_stopping(engine: Engine, problem: Problem, epochs: int) -> dict[str, list[Any]]:
    """Run one config at a time, with early stopping after every epoch, until the epochs are used up."""
    trace: dict[str, list[Any]] = {"logged": [], "true": [], "seconds": [], "epochs": []}
    used = 0
    while used < epochs:
        started = time.perf_counter()
        handle, parameters = engine.ask()
        trace["seconds"].append(round(time.perf_counter() - started, 4))
        history = problem.run(parameters)
        end = next(
            (e for e in range(1, len(history)) if engine.should_stop(handle, history[:e])), len(history)
        )
        used += end
        engine.tell(handle, history[:end], stopped=end < len(history))
        best = problem.sign * max(problem.sign * row[problem.metric] for row in history[:end])
        trace["logged"].append(best)
        trace["true"].append(best)
        trace["epochs"].append(used)
    return trace


def play_timed(
    engine: Engine, problem: Problem, seconds: Callable[[Parameters], float], n: int
) -> dict[str, list[Any]]:
    """Run one config at a time, for the time that `n` random configs take.

    The trace has times as `epochs`.
    """
    rng = np.random.default_rng(2)
    unit = float(np.mean([seconds(sample(problem.sweep["parameters"], rng)) for _ in range(200)])) / PARTS
    trace: dict[str, list[Any]] = {"logged": [], "true": [], "seconds": [], "epochs": []}
    used = 0.0
    while used < n * PARTS:
        started = time.perf_counter()
        handle, parameters = engine.ask()
        trace["seconds"].append(round(time.perf_counter() - started, 4))
        history = train(problem, parameters)
        engine.tell(handle, score(problem, parameters, history, trace), failed=not history)
        used += seconds(parameters) / unit
        trace["epochs"].append(math.ceil(used))
    return trace


if __name__ == "__main__":
    main()
