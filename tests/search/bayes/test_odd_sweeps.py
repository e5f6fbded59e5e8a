"""Edge cases: falsy values, few configs, few or broken runs, metrics of any size."""

import math
from collections.abc import Mapping
from typing import Any

import pytest

from litsweep import Controller, parse_sweep
from litsweep.sweep.reasons import DesignReason

FALSY = {"flag": {"values": [True, False]}, "count": {"values": [0, 1, 2]}, "name": {"values": ["", "a"]}}
LINE = {"x": {"min": 0.0, "max": 1.0}}


def controller(parameters: dict[str, Any], goal: str = "minimize") -> Controller:
    metric = {"name": "m", "goal": goal}
    return Controller(parse_sweep({"method": "bayes", "metric": metric, "parameters": parameters}))


def advance(search: Controller, n: int, objective: Any) -> list[dict[str, Any]]:
    """Return up to `n` configs, suggested one after another."""
    tried: list[dict[str, Any]] = []
    for _ in range(n):
        for suggestion in search.ask():
            tried.append(dict(suggestion.parameters))
            search.tell(suggestion.id, history=[{"m": objective(tried[-1])}], state="finished")
    return tried


def test_false_zero_and_empty_text_are_values_like_others() -> None:
    search = controller(FALSY)
    tried = advance(search, 24, lambda p: p["flag"] + p["count"] + len(p["name"]))
    assert len({repr(sorted(p.items())) for p in tried}) == len(tried) == 12
    assert search.done_because == "exhausted"
    best = search.best()
    assert best is not None
    assert best.parameters == {"flag": False, "count": 0, "name": ""}
    assert best.parameters["flag"] is False


def test_the_best_of_falsy_values_is_found_before_the_space_is_used_up() -> None:
    space = {f"flag{i}": {"values": [True, False]} for i in range(7)}
    tried = advance(controller(space), 16, lambda p: sum(p.values()))
    assert min(sum(p.values()) for p in tried) == 0


def test_twelve_configs_asked_for_at_once_are_twelve() -> None:
    suggestions = controller(FALSY).ask(24)
    assert len({repr(sorted(s.parameters.items())) for s in suggestions}) == len(suggestions) == 12


def test_one_run_is_followed_by_the_design_and_no_warning() -> None:
    search = controller(LINE)
    advance(search, 1, lambda p: 1.0)
    (second,) = search.ask()
    assert second.reason == DesignReason()
    assert search.warnings == ()


@pytest.mark.parametrize("value", [math.nan, -math.inf])
def test_runs_that_log_no_number_at_all_are_named_and_do_not_end_the_search(value: float) -> None:
    search = controller(LINE, "maximize")
    assert len(advance(search, 8, lambda p: value)) == 8
    assert any("logged no finite m" in warning for warning in search.warnings)
    assert any("fewer than two runs have logged m" in warning for warning in search.warnings)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_a_metric_from_1e_minus_30_to_1e30_in_one_sweep_is_no_obstacle(goal: str) -> None:
    """The metric spans sixty orders of magnitude over the parameter's range."""
    sign, search = 1 if goal == "minimize" else -1, controller(LINE, goal)
    tried = advance(search, 10, lambda p: sign * 10 ** (-30 + 85 * abs(p["x"] - 0.3)))
    best = search.best()
    assert best is not None
    assert best.parameters == min(tried, key=lambda p: abs(p["x"] - 0.3))
    (suggestion,) = search.ask()
    reason: Mapping[str, Any] = suggestion.reason.to_json()
    assert reason["method"] == "bayes"
    assert math.isfinite(reason["predicted_mean"])
    assert math.isfinite(reason["expected_improvement"])
    assert suggestion.parameters not in tried
    assert search.warnings == ()


@pytest.mark.parametrize("size", [1e-200, 1e300])
@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_a_prediction_has_the_size_of_the_metric_whatever_that_is(size: float, goal: str) -> None:
    search = controller(LINE, goal)
    advance(search, 6, lambda p: size * (1 + abs(p["x"] - 0.3)))
    (suggestion,) = search.ask()
    reason: Mapping[str, Any] = suggestion.reason.to_json()
    assert 0.5 < reason["predicted_mean"] / size < 2.5
    assert 0 < reason["predicted_deviation"] / size < 1
    assert 0 <= reason["expected_improvement"] / size < 1


def test_one_value_of_1e30_hides_nothing() -> None:
    tried = advance(controller(LINE), 15, lambda p: 1e30 if p["x"] > 0.8 else (p["x"] - 0.3) ** 2)
    assert min(abs(p["x"] - 0.3) for p in tried) < 0.01
