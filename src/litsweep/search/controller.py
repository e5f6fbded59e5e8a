"""The search of one sweep: suggest configs, record runs, decide which runs to stop."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace

from litsweep.errors import count
from litsweep.search.earlier_runs import EarlierRuns
from litsweep.search.early_stopper import early_stopper
from litsweep.search.freeze_thaw import FreezeThawSearch
from litsweep.search.result_warnings import result_warnings
from litsweep.search.searcher import searcher
from litsweep.sweep.completion import completed
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.constraints import meets_constraints, misses_constraint, reaches_targets
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.earlier import EarlierSweep, checked_earlier
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.rule import StopDecision
from litsweep.sweep.objective import objective, objective_value
from litsweep.sweep.pareto import best_of_ranked, front_of_sweep, standing
from litsweep.sweep.reason import Reason, fallback_of
from litsweep.sweep.reasons import started_because
from litsweep.sweep.run import History, Run, Suggestion, parse_duration, parse_history, parse_summary
from litsweep.sweep.values import checked_seed, show

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
        self._freezer = self._searcher if isinstance(self._searcher, FreezeThawSearch) else None
        rule = config.early_terminate
        self._stopper = None if rule is None or config.scheduler else early_stopper(config, rule, self.seed)
        self._runs: dict[str, Run] = {}
        self._curves: dict[str, LearningCurve] = {}
        self._objectives: dict[str, float | None] = {}
        self._earlier = EarlierRuns(config.space)
        self._on_target: set[str] = set()
        self._tried: Counter[Hashable] = Counter()
        self._fallbacks: dict[str, str] = {}
        self._paused: dict[str, Run] = {}
        self._is_exhausted = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in order: suggested, added and prior ones."""
        return tuple(self._runs.values())

    @property
    def own_runs(self) -> list[Run]:
        """The runs of this sweep, in order: all but the prior ones."""
        return [run for run in self._runs.values() if not run.is_prior]

    def ask(self, n: int = 1) -> list[Suggestion]:
        """Return up to `n` configs and count them as running; none once the sweep is `done_because`.

        With freeze-thaw, some may resume paused runs (`is_resumed`). The list may also be empty for now.
        """
        if self.done_because is not None:
            return []
        most_new = n if self.config.run_cap is None else min(n, self.config.run_cap - self._own_count)
        if self._freezer is not None:
            suggestions = self._freezer.choose(self.runs, n, most_new)
        else:
            suggestions = self._searcher.suggest(self.runs, self._tried.keys(), most_new)
        self._is_exhausted = len(suggestions) < most_new and self.config.scheduler is None
        return [self._start(suggestion) for suggestion in suggestions]

    def withdraw(self, ids: Iterable[str]) -> None:
        """Withdraw suggestions that nobody runs. The controller then acts as if it had not made them.

        A paused run that a suggestion was to resume stays paused. Raises KeyError for an unknown id.
        """
        for id in ids:
            if id in self._paused:
                self._record(self._paused.pop(id))
                continue
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
        duration: float | None = None,
    ) -> None:
        """Update a run. `history` and `summary` replace what it had; an argument of None changes nothing.

        A metric in the summary counts too: as a number, nested, or as `{"max": 0.9}` (W&B's `define_metric`).
        `duration` is in seconds, for `cost: duration`. A failure belongs to the state of the same call: a
        later state without a failure removes it. Raises KeyError for an unknown id, TypeError for a history
        that does not consist of rows or a summary that is not a mapping, ValueError for a wrong `duration`.
        After an error the controller is unchanged.
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
                duration=run.duration if duration is None else parse_duration(duration),
            )
        )
        self._paused.pop(id, None)

    def resume(self, id: str, reason: Reason) -> None:
        """Count a paused run as running again, for the `reason` of a suggestion that `is_resumed`.

        `ask` does this itself. Raises KeyError for an unknown id.
        """
        run = self._runs[id]
        self._record(started_because(replace(run, state=RunState.RUNNING), reason))
        self._paused[id] = run

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
        duration: float | None = None,
    ) -> str:
        """Add a run that it did not suggest, or that it suggested before a restart. Return the run's id.

        A parameter that the run lacks gets its default in `litsweep: defaults`. `is_prior` marks a run of an
        earlier sweep: the search learns from it, but it does not count towards `run_cap`, `target` or `best`.
        With a RepeatReason the run is a repeat: it does not count towards `run_cap` or `target`, and is not
        stopped early. The fallback of the suggestion's `reason` is counted. Raises ValueError for an id that
        exists. `summary`, `duration` and other errors are as in `tell`.
        """
        run_id = self._new_id() if id is None else id
        if run_id in self._runs:
            raise ValueError(f"there is a run {run_id!r} already; use tell")
        state, failure = RunState(state), None if failure is None else Failure(failure)
        rows, values = parse_history(history), parse_summary({} if summary is None else summary)
        known, seconds = dict(completed(self.config, parameters)), parse_duration(duration)
        run = Run(run_id, known, state, rows, failure, stopped_early, values, seconds, is_prior=is_prior)
        self._tried[self.config.space.key(known)] += 1
        if (fallback := fallback_of(reason)) is not None:
            self._fallbacks[run_id] = fallback
        if not is_prior and self.uses_results:
            self._earlier.add(run_id, known)
        self._record(run if is_prior else started_because(run, reason))
        return run_id

    def runs_to_stop(self) -> list[StopDecision]:
        """Return the running runs that early termination stops now, each with the reason.

        `tell(stopped_early=True)` removes a run from the list. With `is_pause` the run only pauses;
        `tell(state="preempted")` then removes it. In a sweep with a scheduler the list is empty. A run that
        misses a constraint is neither stopped nor compared with.
        """
        if self._stopper is None:
            return []
        limits = self.config.constraints, self.config.metrics
        runs = [run for run in self.runs if not misses_constraint(run, *limits)]
        stops = self._stopper(runs, [self._curves[run.id] for run in runs])
        return [stop for stop in stops if self._runs[stop.id].repeat_of is None]

    def runs_to_give_up(self) -> list[str]:
        """Return the ids of the paused runs whose chance of becoming the best is negligible.

        They need no checkpoints. `tell(state="finished", stopped_early=True)` ends such a run. The list
        depends on the runs alone. It is empty without freeze-thaw.
        """
        return [] if self._freezer is None else self._freezer.runs_to_give_up(self.runs)

    def best(self) -> Run | None:
        """Return the run of this sweep with the best first metric; None if there is none.

        Only runs that meet the constraints count. With replicates it is the best run of the config with the
        best mean. Failed and crashed runs rank last, because their model may not exist.
        """
        if self.config.metric is None:
            return None
        own = self.own_runs
        values = [self.objective(run.id) for run in own]
        standings, parameters = self._standings(own), [run.parameters for run in own]
        ranked = self.config.ranked_runs(values, standings, self.config.metric, parameters)
        best = best_of_ranked(ranked, standings)
        return None if best is None else own[best]

    def front(self) -> list[Run]:
        """Return the Pareto front of this sweep's runs that meet its constraints.

        Broken runs are on it only if all are broken.
        """
        own = self.own_runs
        values = [[objective(run, metric) for metric in self.config.metrics] for run in own]
        front = front_of_sweep(values, self._standings(own), self.config.metrics)
        return [own[i] for i in front]

    def objective(self, id: str) -> float | None:
        """Return the best value of the first metric in a run's history or summary; None if it has none.

        Raises KeyError for an unknown id.
        """
        return self._objectives[id]

    def _standings(self, runs: Sequence[Run]) -> list[int]:
        """Return the class in which each run ranks by its value."""
        limits = self.config.constraints, self.config.metrics
        return [standing(run.is_broken, meets_constraints(run, *limits)) for run in runs]

    @property
    def uses_results(self) -> bool:
        """True if results may change the suggestions; False for `grid` and `random`."""
        return self._searcher.uses_results

    @property
    def done_because(self) -> str | None:
        """Why there are no more suggestions: `run_cap`, `target` or `exhausted`; None if there are.

        With freeze-thaw, a sweep without new configs continues until no promising run is paused.
        """
        reason = self._no_new_configs_because
        if reason is None or self._on_target or self._freezer is None:
            return reason
        return None if self._freezer.has_run_to_resume(self.runs) else reason

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the user: of fallbacks, unused runs, missing results, constraints and the cost."""
        counted = Counter(self._fallbacks.values())
        fallbacks = [f"{what} ({count(times, 'time')})" for what, times in counted.items()]
        results = result_warnings(self.own_runs, self.config, self.objective)
        return (*fallbacks, *self._earlier.warnings(), *results)

    @property
    def _no_new_configs_because(self) -> str | None:
        if self.config.run_cap is not None and self._own_count >= self.config.run_cap:
            return "run_cap"
        if self._on_target:
            return "target"
        return "exhausted" if self._is_exhausted or self._searcher.is_exhausted(self._tried.keys()) else None

    @property
    def _own_count(self) -> int:
        return sum(run.is_new_config for run in self._runs.values())

    def _start(self, suggestion: Suggestion) -> Suggestion:
        """Count the run of a suggestion as running and return the suggestion with the run's id."""
        if suggestion.is_resumed:
            self.resume(suggestion.id, suggestion.reason)
            return suggestion
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
        if run.is_new_config and reaches_targets(run, self.config.constraints, self.config.metrics):
            self._on_target.add(run.id)
        else:
            self._on_target.discard(run.id)

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
