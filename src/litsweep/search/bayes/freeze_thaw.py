"""Suggestions of freeze-thaw: a new config, or a paused run to resume."""

from collections.abc import Sequence
from dataclasses import replace

from threadpoolctl import threadpool_limits

from litsweep.errors import count
from litsweep.search.bayes import explain
from litsweep.search.bayes.design import InitialDesign
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.engine import strategy_at
from litsweep.search.bayes.model import EXPLOITATION, EXPLORATION, Model, Strategy
from litsweep.search.bayes.numerics import FitError
from litsweep.search.bayes.observations import Observations, as_tensor
from litsweep.search.bayes.paused import FreezeThawState, PausedRun
from litsweep.search.bayes.resumption import Stage, StageValues
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.freeze_thaw import FreezeThaw
from litsweep.sweep.reason import format_value
from litsweep.sweep.reasons import DesignReason, Prediction, ResumeReason
from litsweep.sweep.run import Run, Suggestion

_DESIGN_SIZE = 12  # the configs of the initial design, which are trained to the rule's `first_length`
_LIKELY = 0.1  # without new configs, a paused run is resumed if it becomes the best with this probability
_NEGLIGIBLE = 0.001  # a paused run with a smaller chance is given up


class Engine:
    """The engine of one sweep. Its answers depend on the runs alone; it keeps the last fits to save time."""

    def __init__(self, config: SweepConfig, seed: int) -> None:
        assert isinstance(config.early_terminate, FreezeThaw)
        self._config, self._seed, self._rule = config, seed, config.early_terminate
        self._encoding = Encoding(config.space)
        self._design = InitialDesign(self._encoding, seed)
        self._models: dict[str, Model] = {}

    def suggest(self, runs: Sequence[Run], n: int, most_new: int) -> list[Suggestion]:
        """Return up to `n` suggestions, at most `most_new` of them new configs."""
        known, suggestions = list(runs), list[Suggestion]()
        while len(suggestions) < n:
            new = sum(not each.is_resumed for each in suggestions)
            with threadpool_limits(limits=1):
                suggestion = self._next(known, may_start=new < most_new)
            if suggestion is None:
                break
            suggestions.append(suggestion)
            known = _with_running(known, suggestion)
        return suggestions

    def has_run_to_resume(self, runs: Sequence[Run]) -> bool:
        """Return True if a paused run is to be resumed although there are no new configs."""
        with threadpool_limits(limits=1):
            return self._last_stage(self._state(runs)) is not None

    def runs_to_give_up(self, runs: Sequence[Run]) -> list[str]:
        """Return the ids of the paused runs whose chance of becoming the best is negligible."""
        with threadpool_limits(limits=1):
            now = self._state(runs)
            chances = self._chances(now)
        return [p.id for p in now.paused if p.id != now.leader and chances.get(p.id, 1.0) < _NEGLIGIBLE]

    def _state(self, runs: Sequence[Run]) -> FreezeThawState:
        return FreezeThawState.of(self._encoding, self._config, runs)

    def _next(self, runs: Sequence[Run], may_start: bool) -> Suggestion | None:
        now = self._state(runs)
        position = len(runs)
        chosen = self._new_or_paused(now, position) if may_start else None
        return chosen or self._last_stage(now)

    def _new_or_paused(self, now: FreezeThawState, position: int) -> Suggestion | None:
        """Return a new config, or a paused run of more value; None if there is no new config."""
        if now.started < _DESIGN_SIZE or now.seen.runs_used < 2 or not self._encoding.d:
            return self._designed(now, position)
        strategy = strategy_at(self._encoding.d, position)
        try:
            found = self._model(now.seen, strategy).next_config(now.seen.pending, now.seen.tried, position)
            if found is None:
                return self._designed(now, position, "the model proposed only configs that were tried")
            x, reason = found
            reason = replace(reason, runs_outside_the_space=now.seen.outside_space or None)
            first = Suggestion(self._encoding.decode(x), reason)
            if strategy is EXPLORATION:
                return self._trained_to(first, self._rule.rungs[0], "exploring")
            if not now.seen.has_partial:
                return self._trained_to(first, self._rule.rungs[0], "no run shows a learning curve")
            return self._most_valuable(now, first, x.tolist())
        except FitError as error:
            return self._designed(now, position, f"the model could not be fitted: {error}")

    def _designed(
        self, now: FreezeThawState, position: int, fallback: str | None = None
    ) -> Suggestion | None:
        """Return a config of the initial design."""
        x = self._design.next_config(position, now.seen.tried, now.seen.ended)
        if x is None:
            return None
        reason = DesignReason(fallback=fallback, runs_outside_the_space=now.seen.outside_space or None)
        length = self._rule.first_length if fallback is None else self._rule.rungs[0]
        return self._trained_to(Suggestion(self._encoding.decode(x), reason), length, "initial design")

    def _most_valuable(self, now: FreezeThawState, new: Suggestion, row: list[float]) -> Suggestion:
        """Return the new config or the paused run with the highest expected improvement per iteration."""
        model = self._model(now.seen, EXPLOITATION)
        paused = _known(now, model)
        rows, done = [row, *(p.row for p in paused)], [0, *(p.iterations for p in paused)]
        stages = StageValues(model.surrogate.process, self._rule.rungs).best(as_tensor(rows), done)
        if model.feasibility is not None:
            success = model.feasibility.probability(as_tensor([row])).item()
            stages[0] = replace(stages[0], value=stages[0].value * success)
        best = max(range(len(stages)), key=lambda i: stages[i].value)
        if best:
            others = f"the highest of {count(len(paused), 'paused run')} and a new config"
            why = f"expected improvement per iteration {format_value(stages[best].value)}, {others}"
            return self._resumed(now, paused[best - 1], stages[best], why)
        others = f", higher than for {count(len(paused), 'paused run')}" if paused else ""
        why = f"expected improvement per iteration {format_value(stages[0].value)}{others}"
        return self._trained_to(new, stages[0].rung, why)

    def _last_stage(self, now: FreezeThawState) -> Suggestion | None:
        """Return the paused run to resume when there are no new configs: the best run so far comes first."""
        leader = next((p for p in now.paused if p.id == now.leader), None)
        end = self._rule.rungs[-1]
        if leader is not None:
            return self._resumed(now, leader, Stage(0.0, end), "it is the best so far")
        chances = self._chances(now)
        likely = [p for p in now.paused if chances.get(p.id, 0.0) >= _LIKELY]
        if not likely:
            return None
        process = self._model(now.seen, EXPLOITATION).surrogate.process
        rows, done = as_tensor([p.row for p in likely]), [p.iterations for p in likely]
        stages = StageValues(process, self._rule.rungs).best(rows, done)
        best = max(range(len(likely)), key=lambda i: stages[i].value)
        chance = format_value(chances[likely[best].id])
        return self._resumed(now, likely[best], stages[best], f"its chance of becoming the best is {chance}")

    def _chances(self, now: FreezeThawState) -> dict[str, float]:
        """Return the chance of paused runs to become the best; none if there is no fit."""
        if not now.paused or now.seen.runs_used < 2 or not self._encoding.d or not now.seen.has_partial:
            return {}
        model = self._model(now.seen, EXPLOITATION)
        try:
            _ = model.surrogate
        except FitError:
            return {}
        paused = _known(now, model)
        if not paused:
            return {}
        stages = StageValues(model.surrogate.process, self._rule.rungs)
        chances = stages.chance(as_tensor([p.row for p in paused])).tolist()
        return {p.id: chance for p, chance in zip(paused, chances, strict=True)}

    def _model(self, seen: Observations, strategy: Strategy) -> Model:
        """Return the model of these observations: the last one if they are equal."""
        known = self._models.get(strategy.name)
        if known is None or known.seen != seen:
            known = Model(self._encoding, self._config.metrics[0], seen, self._seed, strategy)
            self._models[strategy.name] = known
        return known

    def _trained_to(self, new: Suggestion, rung: int, why: str) -> Suggestion:
        """Return a new config that is trained to a rung."""
        training = f"trained to {self._until(rung)}: {why}"
        return replace(new, reason=replace(new.reason, train_to=self._pause_at(rung), training=training))

    def _resumed(self, now: FreezeThawState, paused: PausedRun, stage: Stage, why: str) -> Suggestion:
        """Return the suggestion that resumes a paused run and trains it to a stage's rung."""
        at = f"resumed at {paused.iterations} of {self._rule.max_iter}"
        reason = ResumeReason(
            train_to=self._pause_at(stage.rung),
            training=f"{at}, trains to {self._until(stage.rung)}: {why}",
            resumed_at=paused.iterations,
            predicted=self._prediction(now, paused),
            improvement_per_iteration=stage.value,
            compared=len(now.paused),
        )
        return Suggestion(dict(paused.run.parameters), reason, paused.id, is_resumed=True)

    def _prediction(self, now: FreezeThawState, paused: PausedRun) -> Prediction | None:
        """Return the prediction for a paused run's full training; None if there is no fit."""
        if now.paused and not self._chances(now):
            return None
        model = self._model(now.seen, EXPLOITATION)
        at = model.at_full_budget(as_tensor([paused.row]))
        best = max(observation.value for observation in now.seen.observed)
        return explain.prediction(model.surrogate, at, best, model.metric)

    def _until(self, rung: int) -> str:
        return "the end" if rung >= self._rule.max_iter else f"{rung} of {self._rule.max_iter}"

    def _pause_at(self, rung: int) -> int | None:
        return None if rung >= self._rule.max_iter else rung


def _with_running(runs: Sequence[Run], suggestion: Suggestion) -> list[Run]:
    """Return the runs with that of a suggestion running."""
    train_to, state = suggestion.reason.train_to, RunState.RUNNING
    if suggestion.is_resumed:
        return [replace(r, state=state, train_to=train_to) if r.id == suggestion.id else r for r in runs]
    new = f"suggestion {len(runs)}"
    return [*runs, Run(new, suggestion.parameters, state, train_to=train_to)]


def _known(now: FreezeThawState, model: Model) -> list[PausedRun]:
    """Return the paused runs whose last value the model is conditioned on. It may use only a subset."""
    last = {observation.run: index for index, observation in enumerate(now.seen.observed)}
    kept = set(model.kept.tolist())
    return [p for p in now.paused if last.get(p.id) in kept]
