"""Freeze-thaw against full trainings: LCBench with the epochs of all runs as the budget.

Agents train one epoch at a time. They pause a run where the search says so, and go on with paused ones. With
several agents each run has its own speed, within 20 % of the others'.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import problems
from problems import LCBENCH, Parameters, Problem, Row

EPOCHS = 52
"""The budget is counted in epochs of trainings of this length, also where trainings have another one."""


@dataclass(frozen=True)
class Training:
    """The trainings of a suite: iterations, noise of each value, and the iterations that a resume costs.

    `noise` is a share of the distance between the median random config and the best known one.
    """

    length: int = EPOCHS
    noise: float = 0.0
    resume_cost: int = 0


SUITES = {
    "lcbench-freeze-thaw": Training(),
    "lcbench-freeze-thaw-noise": Training(noise=0.05),
    "lcbench-freeze-thaw-short": Training(length=20),
    "lcbench-freeze-thaw-long": Training(length=200),
    "lcbench-freeze-thaw-restart": Training(resume_cost=1),
}


def problem(data: Path, task: str) -> Problem:
    """Return the problem of one dataset, whose runs `play` trains."""
    return replace(problems.lcbench(data, task), epochs=EPOCHS)


class Curves:
    """The learning curves of one dataset: of each config, the true values and the logged ones."""

    def __init__(self, data: Path, task: str, training: Training, span: float, seed: int) -> None:
        self._model, self._task, self._training = problems.lcbench_model(data), task, training
        self._deviation, self._seed = training.noise * span, seed

    def __call__(self, parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
        epochs = np.linspace(1, EPOCHS, self._training.length)
        steps = [{**parameters, "OpenML_task_id": self._task, "epoch": float(e)} for e in epochs]
        true = self._model(steps, "val_accuracy")
        if not self._deviation:
            return true, true
        return true, true + self._deviation * problems.normals(parameters, self._seed, len(true))


@dataclass
class _Run:
    id: str
    true: np.ndarray
    logged: np.ndarray
    done: int
    started: float
    speed: float = 1.0

    def at(self, now: float) -> int:
        """Return the iterations that it has at a time."""
        return min(self.done + max(int((now - self.started) / self.speed), 0), len(self.true))


class Play:
    """One sweep of `agents` agents until `limit` iterations are trained in all."""

    def __init__(self, ask: Any, curves: Curves, training: Training, agents: int, seed: int) -> None:
        self._controller, self._curves, self._training = ask, curves, training
        self._agents, self._rng = agents, np.random.default_rng(seed)
        self._runs: dict[str, _Run] = {}
        self._queue: list[tuple[float, int, str, int]] = []
        self._used, self._count = 0.0, 0
        self.trace: dict[str, list[Any]] = {"logged": [], "true": [], "seconds": [], "epochs": []}
        self.resumes = self.pauses = self.given_up = 0
        self.gives_up = True

    def until(self, limit: float) -> dict[str, list[Any]]:
        """Return, for each stage of a run: logged and true objective, and the epochs used by its end."""
        for _ in range(self._agents):
            self._start(0.0)
        while self._queue:
            now, _, id, end = heapq.heappop(self._queue)
            self._end(now, id, end)
            if self._used >= limit:
                break
            self._start(now)
        return self.trace

    def _start(self, now: float) -> None:
        for _, _, id, end in self._queue:
            run = self._runs[id]
            if seen := min(run.at(now), end):
                self._tell(run, seen)
        started = time.perf_counter()
        (suggestion,) = self._controller.ask()
        self.trace["seconds"].append(round(time.perf_counter() - started, 4))
        run, cost = self._runs.get(suggestion.id), 0
        if suggestion.is_resumed:
            assert run is not None
            cost = self._training.resume_cost
            self.resumes += 1
        else:
            run = _Run(suggestion.id, *self._curves(suggestion.parameters), 0, now)
            run.speed = self._rng.uniform(0.8, 1.2) if self._agents > 1 else 1.0
            self._runs[run.id] = run
        end = min(suggestion.reason.train_to or self._training.length, self._training.length)
        run.started = now + cost * run.speed
        self._used += cost
        self._count += 1
        heapq.heappush(self._queue, (run.started + (end - run.done) * run.speed, self._count, run.id, end))

    def _end(self, now: float, id: str, end: int) -> None:
        run = self._runs[id]
        self._tell(run, end)
        paused = [decision for decision in self._controller.runs_to_stop() if decision == id]
        self._controller.tell(id, state="preempted" if paused else "finished")
        self.pauses += len(paused)
        self._used += end - run.done
        run.done = end
        best = int(np.argmax(run.logged[:end]))
        in_flight = sum(min(self._runs[i].at(now), e) - self._runs[i].done for _, _, i, e in self._queue)
        self.trace["logged"].append(float(run.logged[best]))
        self.trace["true"].append(float(run.true[best]))
        self.trace["epochs"].append(int(np.ceil((self._used + in_flight) * EPOCHS / self._training.length)))
        for given_up in self._controller.runs_to_give_up() if self.gives_up else []:
            self._controller.tell(given_up, state="finished", stopped_early=True)
            self.given_up += 1

    def _tell(self, run: _Run, end: int) -> None:
        rows: list[Row] = [{"val_accuracy": float(value)} for value in run.logged[:end]]
        self._controller.tell(run.id, history=rows)


def freeze_thaw_sweep(training: Training) -> Mapping[str, Any]:
    """Return the sweep config with freeze-thaw."""
    rule = {"type": "freeze_thaw", "max_iter": training.length}
    return {**plain_sweep(training), "litsweep": {"early_terminate": rule}}


def plain_sweep(training: Training) -> Mapping[str, Any]:
    """Return the sweep config with full trainings."""
    metric = {"name": "val_accuracy", "goal": "maximize"}
    return {"method": "bayes", "metric": metric, "parameters": LCBENCH}


def thirds(curves: Curves, training: Training, seed: int, limit: float) -> dict[str, list[Any]]:
    """Train each config to a third of the length, and the best three to the end within the limit."""
    from litsweep import Controller, parse_sweep

    controller = Controller(parse_sweep(plain_sweep(training)), seed=seed)
    third, full = training.length // 3, training.length
    trace: dict[str, list[Any]] = {"logged": [], "true": [], "seconds": [], "epochs": []}
    used, runs = 0, list[tuple[float, np.ndarray, np.ndarray]]()

    def note(logged: np.ndarray, true: np.ndarray) -> None:
        best = int(np.argmax(logged))
        trace["logged"].append(float(logged[best]))
        trace["true"].append(float(true[best]))
        trace["epochs"].append(int(np.ceil(used * EPOCHS / full)))

    while used + third <= limit - 3 * (full - third):
        (suggestion,) = controller.ask()
        true, logged = curves(suggestion.parameters)
        rows = [{"val_accuracy": float(value)} for value in logged[:third]]
        controller.tell(suggestion.id, history=rows, state="finished")
        used += third
        runs.append((float(max(logged[:third])), logged, true))
        note(logged[:third], true[:third])
    for _, logged, true in sorted(runs, key=lambda run: -run[0])[:3]:
        used += full - third + training.resume_cost
        note(logged, true)
    return trace


ENGINES: Mapping[str, Callable[[Training], Mapping[str, Any]] | None] = {
    "litsweep": plain_sweep,
    "litsweep-freeze-thaw": freeze_thaw_sweep,
    "litsweep-freeze-thaw-keep": freeze_thaw_sweep,
    "litsweep-thirds": None,
}
"""The engines of these suites and their sweep configs. The third one never gives up a paused run."""


def play(
    engine: str, curves: Curves, training: Training, seed: int, agents: int, full_trainings: int
) -> dict[str, Any]:
    """Run one engine until the budget, in full trainings, is used up."""
    from litsweep import Controller, parse_sweep

    limit, sweep = full_trainings * training.length, ENGINES[engine]
    if sweep is None:
        return thirds(curves, training, seed, limit)
    game = Play(Controller(parse_sweep(sweep(training)), seed=seed), curves, training, agents, seed)
    game.gives_up = not engine.endswith("-keep")
    trace: dict[str, Any] = game.until(limit)
    return trace | {"pauses": game.pauses, "resumes": game.resumes, "given_up": game.given_up}
