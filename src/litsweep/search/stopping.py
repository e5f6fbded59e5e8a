"""Which running runs to stop, and why."""

from collections.abc import Iterable, Mapping

from litsweep.search.curve import Curve
from litsweep.search.hyperband import judge_hyperband
from litsweep.search.median import judge_median
from litsweep.search.successive_halving import judge_successive_halving
from litsweep.sweep.early_terminate import EarlyTerminate, Hyperband, SuccessiveHalving


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


def decide(rule: EarlyTerminate, curves: Iterable[Curve]) -> list[StopDecision]:
    """The running runs that `rule` stops, judged against all `curves` (prior and ended runs included)."""
    everyone = list(curves)
    if isinstance(rule, Hyperband):
        verdicts = judge_hyperband(rule, everyone)
    elif isinstance(rule, SuccessiveHalving):
        verdicts = judge_successive_halving(rule, everyone)
    else:
        verdicts = judge_median(rule, everyone)
    return [StopDecision(curve.run_id, reason) for curve, reason in verdicts]
