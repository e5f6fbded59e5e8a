"""The search of one sweep: suggest configs, record runs, decide which runs to stop."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from litsweep.errors import count
from litsweep.search.earlier_runs import EarlierRuns
from litsweep.search.searcher import searcher
from litsweep.sweep.completion import completed
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.earlier import EarlierSweep, checked_earlier
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import EarlyTerminationRule, Forecast, StopDecision, Stopper
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import objective, objective_value
from litsweep.sweep.pareto import best_of_sweep, front_of_sweep
from litsweep.sweep.reason import Reason, fallback_of
from litsweep.sweep.run import History, Run, Suggestion, parse_history, parse_summary, unreported_warning
from litsweep.sweep.summary import entries, is_aggregated
from litsweep.sweep.values import checked_seed, is_number, show

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 8


class Controller:
    """Suggests the configs of one sweep and decides which runs to stop.

    It is deterministic: the same config, runs (in order) and seed give the same suggestions and decisions. It
    does not matter whether the runs came by `ask` and `tell` or are replayed by `add`. The exception is
    `predictive` termination, which depends on what was known when a run reached a rung. The controller has no
    clock, files or threads, and is not thread-safe.

    A seed in the config overrides `seed`. `namespace` (for example the sweep's id) makes run ids differ
    between sweeps. Method `bayes` learns from `earlier` sweeps of the same metric. Raises ValueError for a
    wrong `seed`, TypeError if `config` was not parsed.
    """

    def __init__(
        self,
        config: SweepConfig,
        seed: int = 0,
        namespace: str = "",
        earlier: Iterable[EarlierSweep] = (),
    ) -> None:
        if not isinstance(config, SweepConfig):
            raise TypeError(f"config: must be what parse_sweep returns, got {show(config)}; parse it first")
        self.config = config
        self.seed = checked_seed(seed) if config.seed is None else config.seed
        self._namespace = namespace
        self._searcher = searcher(config, self.seed, checked_earlier(earlier))
        rule = config.early_terminate
        self._stopper = None if rule is None or config.scheduler else early_stopper(config, rule, self.seed)
        self._runs: dict[str, Run] = {}
        self._curves: dict[str, LearningCurve] = {}
        self._objectives: dict[str, float | None] = {}
        self._priors: set[str] = set()
        self._earlier = EarlierRuns(config.space)
        self._on_target: set[str] = set()
        self._tried: Counter[Hashable] = Counter()
        self._fallbacks: dict[str, str] = {}
        self._is_exhausted = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in order: suggested, added and prior ones."""
        return tuple(self._runs.values())

    @property
    def own_runs(self) -> list[Run]:
        """The runs of this sweep, in order: all but the prior ones."""
        return [run for run in self._runs.values() if run.id not in self._priors]

    def ask(self, n: int = 1) -> list[Suggestion]:
        """Return up to `n` configs and count them as running; none once the sweep is `done_because`."""
        if self.done_because is not None:
            return []
        if self.config.run_cap is not None:
            n = min(n, self.config.run_cap - self._own_count)
        suggestions = self._searcher.suggest(self.runs, self._tried.keys(), n)
        self._is_exhausted = len(suggestions) < n and self.config.scheduler is None
        return [self._start(suggestion) for suggestion in suggestions]

    def withdraw(self, ids: Iterable[str]) -> None:
        """Withdraw suggestions that nobody runs. The controller then acts as if it had not made them.

        Raises KeyError for an unknown id.
        """
        for id in ids:
            key = self.config.space.key(self._runs.pop(id).parameters)
            self._tried[key] -= 1
            if not self._tried[key]:
                del self._tried[key]
                self._searcher.release(key)
            self._objectives.pop(id)
            self._curves.pop(id, None)
            self._fallbacks.pop(id, None)
            self._earlier.remove(id)
            self._on_target.discard(id)
            self._is_exhausted = False

    def tell(
        self,
        id: str,
        history: History | None = None,
        state: RunState | str | None = None,
        failure: Failure | str | None = None,
        stopped_early: bool | None = None,
        summary: Mapping[str, object] | None = None,
    ) -> None:
        """Update a run. `history` and `summary` replace what it had; an argument of None changes nothing.

        A metric in the summary counts too: as a number, nested, or as `{"max": 0.9}` (W&B's `define_metric`).
        A failure belongs to the state of the same call: a later state without a failure removes it. Raises
        KeyError for an unknown id, TypeError for a history that does not consist of rows or a summary that is
        not a mapping. After an error the controller is unchanged.
        """
        run = self._runs[id]
        if state is None and failure is None:
            failure = run.failure
        self._record(
            replace(
                run,
                history=run.history if history is None else parse_history(history),
                state=run.state if state is None else RunState(state),
                failure=None if failure is None else Failure(failure),
                stopped_early=run.stopped_early if stopped_early is None else stopped_early,
                summary=run.summary if summary is None else parse_summary(summary),
            )
        )

    def add(
        self,
        parameters: Mapping[str, object],
        history: History = (),
        state: RunState | str = RunState.FINISHED,
        id: str | None = None,
        failure: Failure | str | None = None,
        stopped_early: bool = False,
        is_prior: bool = False,
        reason: Reason | None = None,
        summary: Mapping[str, object] | None = None,
    ) -> str:
        """Add a run that it did not suggest, or that it suggested before a restart. Return the run's id.

        A parameter that the run lacks gets its default in `litsweep: defaults`.

        `is_prior` marks a run of an earlier sweep. The search learns from it, but it does not count towards
        `run_cap`, `target` or `best`. The fallback of the suggestion's `reason` is counted. Raises ValueError
        for an id that exists. `summary` and other errors are as in `tell`.
        """
        run_id = self._new_id() if id is None else id
        if run_id in self._runs:
            raise ValueError(f"there is a run {run_id!r} already; use tell")
        state, failure = RunState(state), None if failure is None else Failure(failure)
        rows, values = parse_history(history), parse_summary({} if summary is None else summary)
        known = dict(completed(self.config, parameters))
        run = Run(run_id, known, state, rows, failure, stopped_early, values)
        fallback = fallback_of(reason)
        self._tried[self.config.space.key(run.parameters)] += 1
        if fallback is not None:
            self._fallbacks[run_id] = fallback
        if is_prior:
            self._priors.add(run_id)
        elif self.uses_results:
            self._earlier.add(run_id, known)
        self._record(run)
        return run_id

    def runs_to_stop(self) -> list[StopDecision]:
        """Return the running runs that early termination stops now, each with the reason.

        `tell(stopped_early=True)` removes a run from the list. In a sweep with a scheduler the list is empty.
        """
        return [] if self._stopper is None else list(self._stopper(self.runs, [*self._curves.values()]))

    def best(self) -> Run | None:
        """Return the run of this sweep with the best first metric; None if there is none.

        Failed and crashed runs rank last, because their model may not exist.
        """
        if self.config.metric is None:
            return None
        own = self.own_runs
        values = [self.objective(run.id) for run in own]
        best = best_of_sweep(values, [run.is_broken for run in own], self.config.metric)
        return None if best is None else own[best]

    def front(self) -> list[Run]:
        """Return the Pareto front of this sweep's runs. Broken runs are on it only if all are broken."""
        own = self.own_runs
        values = [[objective(run, metric) for metric in self.config.metrics] for run in own]
        front = front_of_sweep(values, [run.is_broken for run in own], self.config.metrics)
        return [own[i] for i in front]

    def objective(self, id: str) -> float | None:
        """Return the best value of the first metric in a run's history or summary; None if it has none.

        Raises KeyError for an unknown id.
        """
        return self._objectives[id]

    @property
    def uses_results(self) -> bool:
        """True if results may change the suggestions; False for `grid` and `random`."""
        return self._searcher.uses_results

    @property
    def done_because(self) -> str | None:
        """Why there are no more suggestions: `run_cap`, `target` or `exhausted`; None if there are."""
        if self.config.run_cap is not None and self._own_count >= self.config.run_cap:
            return "run_cap"
        if self._on_target:
            return "target"
        return "exhausted" if self._is_exhausted or self._searcher.is_exhausted(self._tried.keys()) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the user: fallbacks, runs that reported nothing, runs that never logged the metric."""
        counted = Counter(self._fallbacks.values())
        fallbacks = [f"{what} ({count(times, 'time')})" for what, times in counted.items()]
        unused = (*self._earlier.warnings(), *self._warn_of_unreported_runs())
        return (*fallbacks, *unused, *self._warn_of_missing_metric())

    @property
    def _own_count(self) -> int:
        return len(self._runs) - len(self._priors)

    def _start(self, suggestion: Suggestion) -> Suggestion:
        """Add the run of a suggestion and return the suggestion with the run's id."""
        run_id = self.add(suggestion.parameters, state=RunState.RUNNING, reason=suggestion.reason)
        return replace(suggestion, id=run_id, parameters=dict(suggestion.parameters))

    def _record(self, run: Run) -> None:
        self._runs[run.id] = run
        metric = self.config.metric
        self._objectives[run.id] = None
        if metric is None:
            return
        self._curves[run.id] = LearningCurve.of(run, metric)
        self._objectives[run.id] = objective_value(self._curves[run.id].values, run.summary, metric)
        if run.id not in self._priors and reaches_targets(run, self.config.metrics):
            self._on_target.add(run.id)
        else:
            self._on_target.discard(run.id)

    def _warn_of_unreported_runs(self) -> list[str]:
        unreported = sum(run.failure is Failure.UNREPORTED for run in self.own_runs)
        return [unreported_warning(unreported)] if unreported else []

    def _warn_of_missing_metric(self) -> list[str]:
        """Return a warning if finished runs have no value of the metric, whose name may be misspelt."""
        metric = self.config.metric
        if metric is None:
            return []
        finished = [run for run in self.own_runs if run.state is RunState.FINISHED and not run.stopped_early]
        reported = [run for run in finished if run.failure is not Failure.UNREPORTED]
        without = [run for run in reported if self._objectives[run.id] is None]
        if not without:
            return []
        logged = {name: value for run in without for name, value in _logged(run, metric)}
        last = f" (the last was {show(logged.pop(metric.name))})" if metric.name in logged else ""
        others = f", but {', '.join(sorted(logged))}" if logged else ""
        return [f"{count(len(without), 'finished run')} logged no finite {metric.name}{last}{others}"]

    def _new_id(self) -> str:
        """Return the next id that no run has: a hash, so that a replay gives the same ids."""
        for attempt in range(len(self._runs) + 1):
            text = f"{self._namespace}/{self.seed}/{len(self._runs)}/{attempt}"
            digest = hashlib.sha256(text.encode()).digest()
            run_id = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_ID_LENGTH])
            if run_id not in self._runs:
                return run_id
        raise AssertionError("more ids tried than there are runs")


def seed_for_sweep(sweep_id: str) -> int:
    """Return the seed of a sweep whose config has none. A sweep id always gives the same seed."""
    return int.from_bytes(hashlib.sha256(sweep_id.encode()).digest()[:4])


def _logged(run: Run, metric: Metric) -> Iterator[tuple[str, object]]:
    """Yield the logged values, the numbers in the summary, and the metric's value in the summary."""
    for row in run.history:
        yield from ((str(name), value) for name, value in row.items())
    for name, value in entries(run.summary):
        if is_number(value) or is_aggregated(value) or name == metric.name:
            yield name, value


def reaches_targets(run: Run, metrics: Sequence[Metric]) -> bool:
    """Return True if there are targets and the run has reached each of them at some time."""
    aims = [metric for metric in metrics if metric.target is not None]
    values = [(metric, objective(run, metric)) for metric in aims]
    reached = (value is not None and metric.reaches_target(value) for metric, value in values)
    return len(aims) > 0 and all(reached)


def early_stopper(config: SweepConfig, rule: EarlyTerminationRule, seed: int) -> Stopper:
    """Return the decision function of a sweep's early-termination rule."""

    def forecast(runs: Sequence[Run], run_ids: Sequence[str]) -> Iterator[Forecast]:
        from litsweep.search.bayes.forecast import forecasts  # torch takes seconds to import

        return forecasts(config, runs, run_ids, seed)

    return rule.stopper(forecast)
