"""Engines of other projects, each in its own environment: HEBO, SMAC, Ax, Optuna's AutoSampler."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from child_process import ChildProcess
from problems import Parameters, Problem


class Rival:
    """An engine behind `rivals/NAME_engine.py`, which minimizes one number over a flat space.

    The script sees parameters `p0`, `p1`, ... that are floats, integers or categories. Log scales are kept,
    and categories are the texts "0", "1", ... Conditions are dropped: every parameter is always suggested.
    A run without a finite value counts as failed. Each script states what it does with failed runs.
    """

    def __init__(self, problem: Problem, seed: int, name: str) -> None:
        if len(problem.signs) > 1:
            raise SystemExit(f"{name}: this benchmark uses it with one metric only; leave out {problem.name}")
        self._problem = problem
        self._axes = [_Axis(f"p{i}", *item) for i, item in enumerate(problem.sweep["parameters"].items())]
        self._process = ChildProcess(name, f"rivals/{name.replace('-', '_')}_engine.py")
        try:
            self._process.question("open", parameters=[axis.neutral for axis in self._axes], seed=seed)
        except RuntimeError as error:
            raise SystemExit(f"the engine could not be started: {error}") from error

    def ask(self) -> tuple[str, dict[str, Any]]:
        """Return a handle and a config."""
        found = self._process.question("suggest")
        values = found["parameters"]
        return found["handle"], {axis.name: axis.decode(values[axis.code]) for axis in self._axes}

    def tell(
        self,
        handle: str,
        history: Sequence[Mapping[str, float]],
        failed: bool = False,
        stopped: bool = False,
    ) -> None:
        """Record the best value of a run, or that it failed."""
        self._process.question("tell", handle=handle, cost=None if failed else self._cost(history))

    def add(self, parameters: Parameters, history: Sequence[Mapping[str, float]]) -> None:
        """Add a finished run that the engine did not suggest."""
        codes = {axis.code: axis.encode(parameters[axis.name]) for axis in self._axes}
        self._process.question("add", parameters=codes, cost=self._cost(history))

    def report(self, handle: str, history: Sequence[Mapping[str, float]]) -> None:
        """Do nothing: these engines do not use the values of running runs."""

    def should_stop(self, handle: str, history: Sequence[Mapping[str, float]]) -> bool:
        """Return False: these engines do not stop runs."""
        return False

    def close(self) -> None:
        """End the engine's process."""
        self._process.close()

    def _cost(self, history: Sequence[Mapping[str, float]]) -> float | None:
        """Return the best value, negated if the metric is maximized; None without a finite value."""
        sign, metric = self._problem.sign, self._problem.metric
        values = [sign * row[metric] for row in history if math.isfinite(row[metric])]
        return -max(values) if values else None


class _Axis:
    """One parameter of a sweep, and what the engine sees of it."""

    def __init__(self, code: str, name: str, spec: Mapping[str, Any]) -> None:
        self.code, self.name, self._spec = code, name, spec

    @property
    def neutral(self) -> dict[str, Any]:
        """The parameter as the engine's script reads it."""
        if "values" in self._spec:
            options = [str(i) for i in range(len(self._spec["values"]))]
            return {"name": self.code, "kind": "category", "options": options}
        kind = "int" if self._is_integer else "float"
        is_log = "log" in self._spec["distribution"]
        low, high = self._spec["min"], self._spec["max"]
        return {"name": self.code, "kind": kind, "low": low, "high": high, "log": is_log}

    def encode(self, value: Any) -> Any:
        return str(self._spec["values"].index(value)) if "values" in self._spec else value

    def decode(self, value: Any) -> Any:
        if "values" in self._spec:
            return self._spec["values"][int(value)]
        value = min(max(value, self._spec["min"]), self._spec["max"])
        return round(value) if self._is_integer else float(value)

    @property
    def _is_integer(self) -> bool:
        return self._spec["distribution"] in ("int_uniform", "q_log_uniform_values")
