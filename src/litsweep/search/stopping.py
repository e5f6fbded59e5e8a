"""Which running runs to stop, and why."""

from collections.abc import Iterable, Mapping, Sequence

from litsweep.search.curve import Curve, Verdict
from litsweep.search.hyperband import judge_hyperband
from litsweep.search.median import judge_median
from litsweep.search.predictive import PredictiveJudge
from litsweep.search.successive_halving import judge_successive_halving
from litsweep.sweep.config import SweepConfig
from litsweep.sweep.early_terminate import (
    CurveRule,
    EarlyTerminate,
    Hyperband,
    PredictiveTermination,
    SuccessiveHalving,
)
from litsweep.sweep.run import Run


class StopDecision(str):
    """The id of a run to stop, with `reason`: the rule, its bracket, the threshold there, the run's value."""

    reason: Mapping[str, object]

    def __new__(cls, run_id: str, reason: Mapping[str, object]) -> "StopDecision":
        decision = super().__new__(cls, run_id)
        decision.reason = reason
        return decision

    @property
    def id(self) -> str:
        """The run's id."""
        return str(self)


def decide(rule: CurveRule, curves: Iterable[Curve]) -> list[StopDecision]:
    """The running runs that `rule` stops, judged against all `curves` (prior and ended runs included)."""
    everyone = list(curves)
    if isinstance(rule, Hyperband):
        verdicts = judge_hyperband(rule, everyone)
    elif isinstance(rule, SuccessiveHalving):
        verdicts = judge_successive_halving(rule, everyone)
    else:
        verdicts = judge_median(rule, everyone)
    return _decisions(verdicts)


class Stopper:
    """The early termination of one sweep, by whichever rule it has."""

    def __init__(self, config: SweepConfig, rule: EarlyTerminate, seed: int) -> None:
        self._rule = PredictiveJudge(config, rule, seed) if isinstance(rule, PredictiveTermination) else rule

    def decide(self, runs: Sequence[Run], curves: Iterable[Curve]) -> list[StopDecision]:
        """The running runs to stop; `curves` are those of `runs`."""
        if isinstance(self._rule, PredictiveJudge):
            return _decisions(self._rule.judge(runs, list(curves)))
        return decide(self._rule, curves)


def _decisions(verdicts: Iterable[Verdict]) -> list[StopDecision]:
    return [StopDecision(curve.run_id, reason) for curve, reason in verdicts]
