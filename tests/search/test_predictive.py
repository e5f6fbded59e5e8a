"""Predictive termination stops the runs that are unlikely to become the best."""

import math

from litsweep import Controller, parse_sweep
from litsweep.sweep.early_termination.predictive import ForecastReason, rungs

EPOCHS = 20
SWEEP = {
    "method": "bayes",
    "metric": {"name": "score", "goal": "maximize"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
    "litsweep": {"early_terminate": {"type": "predictive", "min_iter": 4}},
}


def curve(x: float, end: int) -> list[dict[str, float]]:
    """Return a rising curve. All have the same shape; the best is at x = 0.3."""
    return [{"score": (1 - 2 * abs(x - 0.3)) * (1 - math.exp(-epoch / 5))} for epoch in range(1, end + 1)]


def controller(*complete: float) -> Controller:
    found = Controller(parse_sweep(SWEEP))
    for x in complete:
        found.add({"x": x}, curve(x, EPOCHS))
    return found


def test_a_run_that_is_behind_stops_and_one_ahead_continues() -> None:
    search = controller(0.05, 0.2, 0.45, 0.6, 0.8)
    behind, ahead = (search.add({"x": x}, curve(x, 4), "running") for x in (0.95, 0.3))
    (decision,) = search.runs_to_stop()
    assert decision.id == behind
    reason = decision.reason
    assert isinstance(reason, ForecastReason) and reason.bracket == 4
    assert reason.chance < 0.2
    assert reason.threshold == curve(0.2, EPOCHS)[-1]["score"]
    assert ahead not in search.runs_to_stop()


def test_a_decision_is_repeated_until_tell() -> None:
    search = controller(0.05, 0.2, 0.45, 0.6, 0.8)
    behind = search.add({"x": 0.95}, curve(0.95, 4), "running")
    assert search.runs_to_stop() == search.runs_to_stop() == [behind]
    search.tell(behind, stopped_early=True)
    assert search.runs_to_stop() == []


def test_no_run_is_judged_before_the_first_rung_or_while_few_runs_are_complete() -> None:
    early = controller(0.05, 0.2, 0.45, 0.6, 0.8)
    early.add({"x": 0.95}, curve(0.95, 3), "running")
    assert early.runs_to_stop() == []
    few = controller(0.05, 0.2, 0.45)
    few.add({"x": 0.95}, curve(0.95, 4), "running")
    assert few.runs_to_stop() == []


def test_a_run_that_could_not_be_judged_yet_is_judged_once_enough_are_complete() -> None:
    search = controller(0.05, 0.2, 0.45)
    behind = search.add({"x": 0.95}, curve(0.95, 4), "running")
    assert search.runs_to_stop() == []
    for x in (0.6, 0.8):
        search.add({"x": x}, curve(x, EPOCHS))
    assert [*search.runs_to_stop()] == [behind]


def test_after_eight_stopped_runs_the_next_one_continues() -> None:
    search = controller(0.05, 0.2, 0.45, 0.6, 0.8)
    for index in range(9):
        behind = search.add({"x": 0.9 + index / 100}, curve(0.9 + index / 100, 4), "running")
        assert [*search.runs_to_stop()] == ([behind] if index < 8 else [])
        search.tell(behind, stopped_early=index < 8, state="finished")


def test_rungs_lie_ever_further_apart() -> None:
    assert rungs(5, 52) == [5, 8, 15, 26, 46]
    assert rungs(1, 8) == [1, 2, 3, 6]
    assert rungs(5, 4) == []
