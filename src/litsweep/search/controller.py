"""The search of one sweep: ask for configs, tell what became of them, hear which runs to stop."""

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace

from litsweep.errors import count
from litsweep.search.curve import Curve
from litsweep.search.searcher import searcher
from litsweep.search.stopping import StopDecision, Stopper
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.history import History, rows_of, summary_of
from litsweep.sweep.metric import Metric
from litsweep.sweep.objective import best_value, objective
from litsweep.sweep.pareto import best_of_sweep, front_of_sweep
from litsweep.sweep.run import Failure, Run, RunState, Suggestion, unreported_warning
from litsweep.sweep.section import show
from litsweep.sweep.summary import entries, is_aggregated
from litsweep.sweep.values import checked_seed, is_number

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 8


class Controller:
    """What to run next and what to stop, from the runs so far.

    Deterministic: the same config, runs (in order) and seed give the same suggestions and decisions, whether
    the runs came by `ask` and `tell` or are replayed by `add`; only `predictive` termination depends on what
    was known when a run reached the iterations at which it is judged. It keeps no clock, files or threads;
    calls from several threads are the caller's to order. A seed in the config goes before `seed`; `namespace`
    (the id of the sweep, say) makes run ids differ between sweeps and changes nothing else. Raises ValueError
    where `seed` is no integer of at least 0, TypeError where `config` was not parsed.
    """

    def __init__(self, config: SweepConfig, seed: int = 0, namespace: str = "") -> None:
        if not isinstance(config, SweepConfig):
            raise TypeError(f"config: must be what parse_sweep returns, got {show(config)}; parse it first")
        self.config = config
        self.seed = checked_seed(seed) if config.seed is None else config.seed
        self._namespace = namespace
        self._searcher = searcher(config, self.seed)
        rule = config.early_terminate
        self._stopper = None if rule is None or config.scheduler else Stopper(config, rule, self.seed)
        self._runs: dict[str, Run] = {}
        self._curves: dict[str, Curve] = {}
        self._objectives: dict[str, float | None] = {}
        self._priors: set[str] = set()
        self._on_target: set[str] = set()
        self._tried: set[Hashable] = set()
        self._fallbacks: Counter[str] = Counter()
        self._ran_dry = False

    @property
    def runs(self) -> tuple[Run, ...]:
        """Every run it knows, in order: suggested, added and prior ones."""
        return tuple(self._runs.values())

    def ask(self, n: int = 1) -> list[Suggestion]:
        """Up to `n` configs to run next; they count as running from here on.

        Fewer, or none, once the sweep is done (`is_done` says why).
        """
        if self.is_done is not None:
            return []
        if self.config.run_cap is not None:
            n = min(n, self.config.run_cap - self._own_count)
        proposals = self._searcher.propose(self.runs, self._tried, n)
        self._ran_dry = len(proposals) < n and self.config.scheduler is None
        return [self._launch(proposal.parameters, proposal.reason) for proposal in proposals]

    def tell(
        self,
        id: str,
        history: History | None = None,
        state: RunState | str | None = None,
        failure: Failure | str | None = None,
        stopped_early: bool | None = None,
        summary: Mapping[str, object] | None = None,
    ) -> None:
        """What became of a run. `history` and `summary` replace what it had; what is None stays as it was.

        A metric counts in the summary too: as a number, nested, or as `{"max": 0.9}` (W&B's `define_metric`).
        A failure belongs to the state that it is told with: a later state without one takes it back.
        Raises KeyError for an unknown id, TypeError for a history that does not consist of rows or a summary
        that is no mapping. An error leaves everything as it was.
        """
        run = self._runs[id]
        if state is None and failure is None:
            failure = run.failure
        self._record(
            replace(
                run,
                history=run.history if history is None else rows_of(history),
                state=run.state if state is None else RunState(state),
                failure=None if failure is None else Failure(failure),
                stopped_early=run.stopped_early if stopped_early is None else stopped_early,
                summary=run.summary if summary is None else summary_of(summary),
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
        reason: Mapping[str, object] | None = None,
        summary: Mapping[str, object] | None = None,
    ) -> str:
        """A run it did not suggest, or one it did before a restart; returns its id.

        `summary` is as in `tell`. `is_prior` marks a run of an earlier sweep: the search learns from it, but
        it uses up no `run_cap`, reaches no `target` and is not the `best` of this sweep. `reason` is that of
        the suggestion, so that fallbacks are counted across a restart. Raises ValueError for an id that is
        taken, TypeError for a history that does not consist of rows or a summary that is no mapping. An error
        leaves everything as it was.
        """
        run_id = self._new_id() if id is None else id
        if run_id in self._runs:
            raise ValueError(f"there is a run {run_id!r} already; use tell")
        state, failure = RunState(state), None if failure is None else Failure(failure)
        told = summary_of({} if summary is None else summary)
        run = Run(run_id, dict(parameters), state, rows_of(history), failure, stopped_early, told)
        fallback = None if reason is None else reason.get("fallback")
        self._tried.add(self.config.space.key(run.parameters))
        if fallback is not None:
            self._fallbacks[str(fallback)] += 1
        if is_prior:
            self._priors.add(run_id)
        self._record(run)
        return run_id

    def runs_to_stop(self) -> list[StopDecision]:
        """The running runs that early termination ends now, each with the reason.

        A run for which `tell(stopped_early=True)` was called is not named again. A scheduler that chooses the
        runs also stops them.
        """
        return [] if self._stopper is None else self._stopper.decide(self.runs, self._curves.values())

    def best(self) -> Run | None:
        """The run of this sweep with the best first metric; None while there is none.

        Failed and crashed runs stand behind all others: what they reached may not be there to use.
        """
        if self.config.metric is None:
            return None
        own = self._own
        values = [self.objective(run.id) for run in own]
        best = best_of_sweep(values, [run.is_broken for run in own], self.config.metric)
        return None if best is None else own[best]

    def front(self) -> list[Run]:
        """The runs of this sweep that no other dominates in all of its metrics; broken ones only if alone."""
        own = self._own
        values = [[objective(run, metric) for metric in self.config.metrics] for run in own]
        front = front_of_sweep(values, [run.is_broken for run in own], self.config.metrics)
        return [own[i] for i in front]

    def objective(self, id: str) -> float | None:
        """The best value of the first metric in a run's history or summary; None where it has none.

        Raises KeyError for an unknown id.
        """
        return self._objectives[id]

    @property
    def is_done(self) -> str | None:
        """Why no more runs will be suggested: `run_cap`, `target` or `exhausted`; None while it goes on."""
        if self.config.run_cap is not None and self._own_count >= self.config.run_cap:
            return "run_cap"
        if self._on_target:
            return "target"
        return "exhausted" if self._ran_dry or self._searcher.is_exhausted(self._tried) else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know: fallbacks and how often, runs that never logged the metric."""
        told = [f"{what} ({count(times, 'time')})" for what, times in self._fallbacks.items()]
        return (*told, *self._unreported_runs(), *self._silent_runs())

    @property
    def _own(self) -> list[Run]:
        return [run for run in self._runs.values() if run.id not in self._priors]

    @property
    def _own_count(self) -> int:
        return len(self._runs) - len(self._priors)

    def _launch(self, parameters: Mapping[str, object], reason: Mapping[str, object]) -> Suggestion:
        run_id = self.add(parameters, state=RunState.RUNNING, reason=reason)
        return Suggestion(run_id, dict(parameters), reason)

    def _record(self, run: Run) -> None:
        self._runs[run.id] = run
        metric = self.config.metric
        self._objectives[run.id] = None
        if metric is None:
            return
        self._curves[run.id] = Curve.of(run, metric)
        self._objectives[run.id] = best_value(self._curves[run.id].values, run.summary, metric)
        if run.id not in self._priors and reaches_targets(run, self.config.metrics):
            self._on_target.add(run.id)
        else:
            self._on_target.discard(run.id)

    def _unreported_runs(self) -> list[str]:
        unreported = sum(run.failure is Failure.UNREPORTED for run in self._own)
        return [unreported_warning(unreported)] if unreported else []

    def _silent_runs(self) -> list[str]:
        """Finished runs without a value of the metric: a misspelt name would make the search blind."""
        metric = self.config.metric
        if metric is None:
            return []
        finished = [run for run in self._own if run.state is RunState.FINISHED and not run.stopped_early]
        reported = [run for run in finished if run.failure is not Failure.UNREPORTED]
        silent = [run for run in reported if self._objectives[run.id] is None]
        if not silent:
            return []
        logged = {name: value for run in silent for name, value in _logged(run, metric)}
        last = f" (the last was {show(logged.pop(metric.name))})" if metric.name in logged else ""
        others = f", but {', '.join(sorted(logged))}" if logged else ""
        return [f"{count(len(silent), 'finished run')} logged no finite {metric.name}{last}{others}"]

    def _new_id(self) -> str:
        """The next id that no run has: a hash, so that it is the same after a replay."""
        for attempt in range(len(self._runs) + 1):
            text = f"{self._namespace}/{self.seed}/{len(self._runs)}/{attempt}"
            digest = hashlib.sha256(text.encode()).digest()
            run_id = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:_ID_LENGTH])
            if run_id not in self._runs:
                return run_id
        raise AssertionError("more ids tried than there are runs")


def seed_for_sweep(sweep_id: str) -> int:
    """A seed for a sweep that gives none, the same each time."""
    return int.from_bytes(hashlib.sha256(sweep_id.encode()).digest()[:4])


def _logged(run: Run, metric: Metric) -> Iterator[tuple[str, object]]:
    """What a run has logged, and the numbers of its summary; of the metric whatever is there."""
    for row in run.history:
        yield from ((str(name), value) for name, value in row.items())
    for name, value in entries(run.summary):
        if is_number(value) or is_aggregated(value) or name == metric.name:
            yield name, value


def reaches_targets(run: Run, metrics: Sequence[Metric]) -> bool:
    """True where there are targets and the run has reached them all, each at some time."""
    aims = [metric for metric in metrics if metric.target is not None]
    values = [(metric, objective(run, metric)) for metric in aims]
    return len(aims) > 0 and all(
        value is not None and metric.reaches_target(value) for metric, value in values
    )
