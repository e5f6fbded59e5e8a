"""The compared search engines behind one interface: ask for a config, tell its result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from child_process import ChildProcess
from earlier import earlier_sweep
from plain_botorch import PlainBotorch
from problems import Parameters, Problem, sample
from rival import Rival
from stopping import ASHA, Stopped

Row = Mapping[str, float]


class Engine(Protocol):
    """A search engine. If `ask` is called again before `tell`, the earlier configs are still running."""

    def ask(self) -> tuple[str, dict[str, Any]]:
        """Return a handle and a config."""

    def tell(self, handle: str, history: Sequence[Row], failed: bool = False, stopped: bool = False) -> None:
        """Record a run's history and its end."""

    def add(self, parameters: Parameters, history: Sequence[Row]) -> None:
        """Add a finished run that the engine did not suggest."""

    def report(self, handle: str, history: Sequence[Row]) -> None:
        """Record the history so far of a running run."""

    def should_stop(self, handle: str, history: Sequence[Row]) -> bool:
        """Return True if early stopping ends the run with this history."""

    def close(self) -> None:
        """End the processes that the engine started."""


class _NeverStops:
    """An engine without early stopping, which ignores the values of running runs."""

    def report(self, handle: str, history: Sequence[Row]) -> None:
        pass

    def should_stop(self, handle: str, history: Sequence[Row]) -> bool:
        return False

    def close(self) -> None:
        pass


class Litsweep:
    """This project through its public interface; `early_terminate` replaces W&B's rule, `cost` saves time.

    With `knows_earlier` it learns from the problem's earlier sweeps.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        early_terminate: Mapping[str, Any] | None = None,
        cost: str | None = None,
        knows_earlier: bool = True,
    ) -> None:
        from litsweep import Controller, parse_sweep

        sweep = dict(problem.sweep)
        ours: dict[str, Any] = {"conditions": problem.conditions} if problem.conditions else {}
        if early_terminate is not None:
            sweep.pop("early_terminate")
            ours["early_terminate"] = early_terminate
        if cost is not None:
            ours["cost"] = cost
        if ours:
            sweep["litsweep"] = ours
        earlier = map(earlier_sweep, problem.earlier(seed) if knows_earlier else [])
        self._controller = Controller(parse_sweep(sweep), seed=seed, earlier=earlier)
        self._seconds = problem.seconds
        self._asked: dict[str, Parameters] = {}

    def ask(self) -> tuple[str, dict[str, Any]]:
        (suggestion,) = self._controller.ask()
        self._asked[suggestion.id] = suggestion.parameters
        return suggestion.id, dict(suggestion.parameters)

    def tell(self, handle: str, history: Sequence[Row], failed: bool = False, stopped: bool = False) -> None:
        state = "failed" if failed else "finished"
        duration = self._seconds(self._asked[handle]) if self._seconds else None
        self._controller.tell(
            handle, history=history, state=state, stopped_early=stopped or None, duration=duration
        )

    def add(self, parameters: Parameters, history: Sequence[Row]) -> None:
        self._controller.add(parameters, history)

    def report(self, handle: str, history: Sequence[Row]) -> None:
        self._controller.tell(handle, history=history)

    def should_stop(self, handle: str, history: Sequence[Row]) -> bool:
        self.report(handle, history)
        return handle in self._controller.runs_to_stop()

    def close(self) -> None:
        pass


class Wandb:
    """W&B's own engine, the package `sweeps`, which needs an older NumPy."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._config, self._seed = json.loads(json.dumps(problem.sweep)), seed
        self._runs: list[dict[str, Any]] = []
        self._process = ChildProcess("wandb", "wandb_engine.py")

    def ask(self) -> tuple[str, dict[str, Any]]:
        parameters = self._question("suggest", self._runs, seed=1000 * self._seed + len(self._runs))
        return self._append("running", parameters, []), parameters

    def tell(self, handle: str, history: Sequence[Row], failed: bool = False, stopped: bool = False) -> None:
        state = "failed" if failed else "finished"
        self._runs[int(handle)] |= {"state": state, "history": list(history)}

    def add(self, parameters: Parameters, history: Sequence[Row]) -> None:
        self._append("finished", parameters, history)

    def report(self, handle: str, history: Sequence[Row]) -> None:
        self._runs[int(handle)]["history"] = list(history)

    def should_stop(self, handle: str, history: Sequence[Row]) -> bool:
        self.report(handle, history)
        return handle in self._question("stop", self._runs)["stopped"]

    def close(self) -> None:
        self._process.close()

    def _append(self, state: str, parameters: Parameters, history: Sequence[Row]) -> str:
        name = str(len(self._runs))
        run = {"name": name, "state": state, "config": dict(parameters), "history": list(history)}
        self._runs.append(run)
        return name

    def _question(self, ask: str, runs: list[dict[str, Any]], **rest: Any) -> Any:
        return self._process.question(ask, config=self._config, runs=runs, **rest)


class RandomSearch(_NeverStops):
    """Independent draws from the parameters' distributions."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self._parameters = problem.sweep["parameters"]
        self._rng = np.random.default_rng(seed)

    def ask(self) -> tuple[str, dict[str, Any]]:
        return "", sample(self._parameters, self._rng)

    def tell(self, handle: str, history: Sequence[Row], failed: bool = False, stopped: bool = False) -> None:
        pass

    def add(self, parameters: Parameters, history: Sequence[Row]) -> None:
        pass


class Optuna(_NeverStops):
    """Optuna 5 with its Gaussian process sampler, or TPE."""

    def __init__(self, problem: Problem, seed: int, sampler: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        samplers = {"gp": optuna.samplers.GPSampler, "tpe": optuna.samplers.TPESampler}
        self._problem, self._optuna = problem, optuna
        directions = ["maximize" if sign > 0 else "minimize" for sign in problem.signs.values()]
        self._study = optuna.create_study(directions=directions, sampler=samplers[sampler](seed=seed))
        self._space = {k: _optuna_distribution(v) for k, v in problem.sweep["parameters"].items()}

    def ask(self) -> tuple[str, dict[str, Any]]:
        trial = self._study.ask(self._space)
        return str(trial.number), dict(trial.params)

    def tell(self, handle: str, history: Sequence[Row], failed: bool = False, stopped: bool = False) -> None:
        if failed:
            self._study.tell(int(handle), state=self._optuna.trial.TrialState.FAIL)
            return
        self._study.tell(int(handle), self._best(history))

    def add(self, parameters: Parameters, history: Sequence[Row]) -> None:
        trial = self._optuna.trial.create_trial(
            params=dict(parameters), distributions=self._space, values=self._best(history)
        )
        self._study.add_trial(trial)

    def _best(self, history: Sequence[Row]) -> list[float]:
        """Return the best value of each metric."""
        signs = self._problem.signs
        return [sign * max(sign * row[name] for row in history) for name, sign in signs.items()]


def _optuna_distribution(spec: Mapping[str, Any]) -> Any:
    from optuna import distributions as d

    if "values" in spec:
        return d.CategoricalDistribution(spec["values"])
    match spec.get("distribution"):
        case "int_uniform":
            return d.IntDistribution(spec["min"], spec["max"])
        case "q_log_uniform_values":
            return d.IntDistribution(spec["min"], spec["max"], log=True)
        case "log_uniform_values":
            return d.FloatDistribution(spec["min"], spec["max"], log=True)
        case _:
            return d.FloatDistribution(spec["min"], spec["max"])


_RIVALS = ("optuna-auto", "hebo", "smac", "ax")

_NEVER_STOPPING: dict[str, Callable[[Problem, int], Engine]] = {
    "optuna-gp": partial(Optuna, sampler="gp"),
    "optuna-tpe": partial(Optuna, sampler="tpe"),
    **{name: partial(Rival, name=name) for name in _RIVALS},
    "botorch": partial(PlainBotorch, is_warped=False),
    "botorch-warped": partial(PlainBotorch, is_warped=True),
    "random": RandomSearch,
}

ENGINES: dict[str, Callable[[Problem, int], Engine]] = {
    "litsweep": Litsweep,
    "litsweep-alone": partial(Litsweep, knows_earlier=False),
    "litsweep-predictive": partial(Litsweep, early_terminate={"type": "predictive"}),
    "litsweep-cost": partial(Litsweep, cost="duration"),
    "litsweep-asha": partial(Litsweep, early_terminate=ASHA),
    "wandb": Wandb,
    **_NEVER_STOPPING,
    **{f"{name}-asha": partial(Stopped, make=make, rule=ASHA) for name, make in _NEVER_STOPPING.items()},
    **{f"{name}-hyperband": partial(Stopped, make=make) for name, make in _NEVER_STOPPING.items()},
}
