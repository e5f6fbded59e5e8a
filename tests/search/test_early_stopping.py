"""Hyperband, successive halving and median stopping: small cases against their definitions."""

import math
from collections.abc import Sequence

import pytest

from litsweep.sweep.contract import RunState
from litsweep.sweep.early_termination.curve import LearningCurve
from litsweep.sweep.early_termination.hyperband import Hyperband, brackets
from litsweep.sweep.early_termination.median import MedianStopping
from litsweep.sweep.early_termination.rule import CurveRule, StopDecision
from litsweep.sweep.early_termination.successive_halving import SuccessiveHalving, rungs
from litsweep.sweep.metric import Goal, Metric
from litsweep.sweep.reason import StopReason
from litsweep.sweep.run import Run

LOSS = Metric("loss")


def run(
    id: str, values: Sequence[float], state: RunState = RunState.RUNNING, stopped_early: bool = False
) -> Run:
    history = [{"loss": value, "other": 0.0} for value in values]
    return Run(id, {}, state, history, stopped_early=stopped_early)


def stopped(rule: CurveRule, *runs: Run, metric: Metric = LOSS) -> list[StopDecision]:
    return list(rule.decide([LearningCurve.of(each, metric) for each in runs]))


def why(decision: StopDecision) -> StopReason:
    assert isinstance(decision.reason, StopReason)
    assert not decision.is_pause
    return decision.reason


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Hyperband(max_iter=27, s=2), [3, 9]),
        (Hyperband(max_iter=19, s=2), [2, 6]),
        (Hyperband(max_iter=100, s=10, eta=3), [1, 3, 11, 33]),
        (Hyperband(min_iter=7, max_iter=27, s=2), [3, 9]),
        (Hyperband(min_iter=3), [3, 9, 27, 81]),
        (Hyperband(min_iter=2, eta=2.5), [2, 5, 12, 31]),
        (Hyperband(min_iter=2, max_iter=9), [2, 6, 18, 54]),
    ],
)
def test_brackets(rule: Hyperband, expected: list[int]) -> None:
    assert brackets(rule)[: len(expected)] == expected
    assert (rule.max_iter is not None and rule.s is not None) == (len(brackets(rule)) == len(expected))


FINISHED = RunState.FINISHED
PEERS = (run("a", [9, 8, 1], FINISHED), run("b", [9, 8, 2], FINISHED), run("c", [9, 8, 3], RunState.CRASHED))


@pytest.mark.parametrize(("last", "stops"), [(1.5, False), (2.0, False), (2.5, True)])
def test_hyperband_keeps_those_at_or_below_the_threshold(last: float, stops: bool) -> None:
    decisions = stopped(Hyperband(min_iter=3), *PEERS, run("me", [9, 8, last]))
    assert decisions == (["me"] if stops else [])


def test_hyperband_says_why() -> None:
    (decision,) = stopped(Hyperband(min_iter=3), *PEERS, run("me", [9, 8, 7, 6]))
    assert decision.reason.to_json() == {
        "rule": "hyperband",
        "bracket": 3,
        "threshold": 2,
        "value": 7,
        "iteration": 4,
        "compared_runs": 4,
        "brackets": [3],
        "eta": 3.0,
        "strict": True,
    }


def test_strict_looks_at_the_bracket_and_not_strict_at_the_best_so_far() -> None:
    improved = run("me", [9, 8, 7, 1])
    assert stopped(Hyperband(min_iter=3), *PEERS, improved) == ["me"]
    assert stopped(Hyperband(min_iter=3, strict=False), *PEERS, improved) == []


def test_the_highest_bracket_reached_counts() -> None:
    rule = Hyperband(min_iter=1, eta=2)
    ahead_then_behind = run("me", [1, 9])
    assert stopped(rule, run("a", [5, 2], FINISHED), run("b", [6, 3], FINISHED), ahead_then_behind) == ["me"]


def test_a_run_alone_is_never_stopped() -> None:
    assert stopped(Hyperband(min_iter=1), run("me", [9] * 30)) == []


def test_only_running_runs_that_were_not_yet_asked_are_stopped() -> None:
    behind = [9, 9, 9]
    others = [run(state, behind, state) for state in RunState if state is not RunState.RUNNING]
    asked = run("asked", behind, stopped_early=True)
    assert stopped(Hyperband(min_iter=3), *PEERS * 5, *others, asked, run("me", behind)) == ["me"]


def test_maximizing_turns_the_comparison_around() -> None:
    metric = Metric("loss", Goal.MAXIMIZE)
    best, worst = run("best", [1, 2, 30]), run("worst", [1, 2, 3])
    (decision,) = stopped(Hyperband(min_iter=3), *PEERS, best, worst, run("low", [9, 9, 0]), metric=metric)
    assert decision == "low"
    assert (why(decision).threshold, why(decision).value) == (3, 0)


def test_rows_without_a_finite_value_are_no_iterations() -> None:
    gaps = run("me", [math.nan, 9, math.inf, 9, -math.inf])
    assert stopped(Hyperband(min_iter=3), *PEERS, gaps) == []
    assert stopped(Hyperband(min_iter=3), *PEERS, run("me", [math.nan, 9, math.inf, 9, 9])) == ["me"]


def test_rungs_end_below_max_iter() -> None:
    assert rungs(SuccessiveHalving(min_iter=2, max_iter=54)) == [2, 6, 18]


def test_successive_halving_waits_for_eta_runs_then_keeps_the_best_share() -> None:
    rule = SuccessiveHalving(min_iter=1, eta=3)
    runs = [run(f"r{loss}", [loss]) for loss in range(6)]
    assert stopped(rule, *runs[:2]) == []
    assert stopped(rule, *runs[:3]) == ["r1", "r2"]
    assert stopped(rule, *runs) == ["r2", "r3", "r4", "r5"]


def test_successive_halving_compares_bests_up_to_the_rung() -> None:
    rule = SuccessiveHalving(min_iter=2, eta=2)
    (decision,) = stopped(rule, run("a", [1, 5], FINISHED), run("b", [4, 3]))
    assert decision == "b"
    assert decision.reason.name == "successive_halving"
    assert (why(decision).bracket, why(decision).threshold, why(decision).value) == (2, 1, 3)


def test_median_stopping_compares_the_best_with_the_median_running_average() -> None:
    finished = [run(f"f{i}", [level, level - 2, 0], FINISHED) for i, level in enumerate((4, 6, 8))]
    rule = MedianStopping(min_iter=2, min_runs=3)
    assert stopped(rule, *finished, run("me", [9])) == [], "before min_iter"
    assert stopped(rule, *finished[:2], run("me", [9, 9])) == [], "too few finished runs"
    assert stopped(rule, *finished, run("me", [9, 5])) == [], "5 is the median of the averages 3, 5, 7"
    (decision,) = stopped(rule, *finished, run("me", [9, 5.5]))
    assert (why(decision).threshold, why(decision).value, decision.reason.to_json()["compared_runs"]) == (
        5,
        5.5,
        3,
    )


def test_median_stopping_leaves_out_what_was_stopped_early_or_is_shorter() -> None:
    rule = MedianStopping(min_iter=1, min_runs=1)
    stopped_one = run("s", [0, 0], FINISHED, stopped_early=True)
    short = run("short", [0], FINISHED)
    assert stopped(rule, stopped_one, short, run("f", [9, 9], FINISHED), run("me", [8, 8])) == []
