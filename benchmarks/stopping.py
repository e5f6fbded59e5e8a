"""Early stopping for engines that have none: their own suggestions, and a rule that stops runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from problems import Parameters, Problem

if TYPE_CHECKING:
    from engines import Engine

ASHA = {"type": "successive_halving", "min_iter": 3, "eta": 3}
"""Asynchronous successive halving (Li et al. 2020), with the rungs of `lcbench-curves`' hyperband rule."""


class Stopped:
    """An engine whose runs a rule stops. The engine takes a stopped run's best value as its result.

    That is how Ray Tune combines its searchers with ASHA. litsweep's rules are used. Without `rule` it is the
    one of the problem's sweep, W&B's hyperband.
    """

    def __init__(
        self,
        problem: Problem,
        seed: int,
        make: Callable[[Problem, int], Engine],
        rule: Mapping[str, Any] | None = None,
    ) -> None:
        from litsweep import Controller, parse_sweep

        sweep = {**problem.sweep, "method": "random"}
        if rule is not None:
            sweep = {k: v for k, v in sweep.items() if k != "early_terminate"}
            sweep["litsweep"] = {"early_terminate": rule}
        self._judge = Controller(parse_sweep(sweep), seed=seed)
        self._engine = make(problem, seed)
        self._judged: dict[str, str] = {}

    def ask(self) -> tuple[str, dict[str, Any]]:
        """Return the engine's suggestion."""
        handle, parameters = self._engine.ask()
        self._judged[handle] = self._judge.add(parameters, state="running")
        return handle, parameters

    def tell(
        self,
        handle: str,
        history: Sequence[Mapping[str, float]],
        failed: bool = False,
        stopped: bool = False,
    ) -> None:
        """Record a run's history and its end."""
        state = "failed" if failed else "finished"
        self._judge.tell(self._judged[handle], history=history, state=state, stopped_early=stopped or None)
        self._engine.tell(handle, history, failed, stopped)

    def add(self, parameters: Parameters, history: Sequence[Mapping[str, float]]) -> None:
        """Add a finished run that the engine did not suggest."""
        self._judge.add(parameters, history)
        self._engine.add(parameters, history)

    def report(self, handle: str, history: Sequence[Mapping[str, float]]) -> None:
        """Record the history so far of a running run."""
        self._judge.tell(self._judged[handle], history=history)
        self._engine.report(handle, history)

    def should_stop(self, handle: str, history: Sequence[Mapping[str, float]]) -> bool:
        """Return True if the rule stops the run with this history."""
        self.report(handle, history)
        return self._judged[handle] in self._judge.runs_to_stop()

    def close(self) -> None:
        """End the processes that the engine started."""
        self._engine.close()
