"""Constraints on results and the cost of a run in the Bayesian search and its controller."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
import torch

from litsweep import Controller, parse_sweep
from litsweep.search.bayes.constraints import ConstraintModel, bilog, inverse_bilog
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.sampling import sobol
from litsweep.sweep.reason import format_value
from litsweep.sweep.reasons import ModelReason, ParetoReason, reason_from_json
from litsweep.sweep.run import Run, Suggestion

ACC = {"name": "acc", "goal": "maximize"}
SQUARE = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
Row = dict[str, float]


def controller(litsweep: Mapping[str, Any], seed: int = 0, **keys: Any) -> Controller:
    one = {} if "metrics" in keys else {"metric": ACC}
    config = {"method": "bayes", **one, "parameters": SQUARE, "litsweep": dict(litsweep), **keys}
    return Controller(parse_sweep(config), seed)


def hill(x: float, y: float) -> Row:
    """The best accuracy is at x = 0.8, where the latency is 24 ms."""
    return {"acc": 1 - (x - 0.8) ** 2 - (y - 0.6) ** 2, "latency": 30 * x, "size": y}


def at(suggestion: Suggestion) -> tuple[float, float]:
    x, y = suggestion.parameters["x"], suggestion.parameters["y"]
    assert isinstance(x, float) and isinstance(y, float)
    return x, y


def play(
    search: Controller, runs: int, seconds: Callable[[float, float], float | None] = lambda x, y: None
) -> list[Suggestion]:
    found = []
    for _ in range(runs):
        (suggestion,) = search.ask()
        x, y = at(suggestion)
        search.tell(suggestion.id, [hill(x, y)], state="finished", duration=seconds(x, y))
        found.append(suggestion)
    return found


@cache
def constrained() -> tuple[Controller, list[Suggestion]]:
    search = controller({"constraints": {"latency": "<= 20"}})
    return search, play(search, 13)


def test_the_search_finds_the_best_config_within_the_bound() -> None:
    search, suggestions = constrained()
    best = search.best()
    assert best is not None and 0.6 < best.parameters["x"] <= 2 / 3  # type: ignore[operator]
    assert search.objective(best.id) > 0.97  # type: ignore[operator]  # 0.982 is the best with latency <= 20
    late = [hill(*at(suggestion))["latency"] for suggestion in suggestions[5:]]
    assert sum(latency <= 20.1 for latency in late) >= 6
    assert search.warnings == ()


def test_the_reason_predicts_the_constraint() -> None:
    _, suggestions = constrained()
    reason = suggestions[-1].reason
    assert isinstance(reason, ModelReason) and reason.constraints is not None
    latency = reason.constraints["latency"]
    assert latency.predicted_mean == pytest.approx(hill(*at(suggestions[-1]))["latency"], abs=0.5)
    assert latency.limit == "<= 20"
    assert reason.constraints_probability == pytest.approx(latency.probability)
    assert f", latency {latency}, meets the constraints with probability " in reason.brief
    assert reason_from_json(json.loads(json.dumps(reason.to_json()))) == reason
    labels = dict(reason.details())
    assert labels["constraints probability"] and "latency" in dict(labels["constraints"])  # type: ignore[arg-type]
    plain = play(controller({}), 6)[-1].reason
    assert "constraints" not in plain.to_json() and plain.brief.count("±") == 1


def test_the_same_runs_give_the_same_suggestion() -> None:
    search, suggestions = constrained()
    again = controller({"constraints": {"latency": "<= 20"}})
    for run in search.runs[:-1]:
        again.add(run.parameters, run.history, run.state, run.id)
    (suggestion,) = again.ask()
    assert suggestion.parameters == suggestions[-1].parameters
    assert suggestion.reason == suggestions[-1].reason


def test_without_a_feasible_run_the_search_looks_for_one() -> None:
    search = controller({"constraints": {"latency": "<= 3", "size": "<= 0.2"}})
    corner = [(0.4, 0.5), (0.9, 0.9), (0.5, 0.3), (0.7, 0.6), (0.3, 0.8)]
    for x, y in corner:
        search.add({"x": x, "y": y}, [hill(x, y)])
    assert search.best() is None
    (warning,) = search.warnings
    assert "no run meets the constraints (latency <= 3, size <= 0.2); the nearest is " in warning
    play(search, 3)
    best = search.best()
    assert best is not None and best.history[-1]["latency"] <= 3  # the best accuracy is far away


def rational_constraint(noise: float) -> ConstraintModel:
    """Return a constraint whose slack at (x, y) is 5 - 1 / (0.05 + x y), from -15 to 4."""
    limit = {"constraints": {"m": "<= 5"}}
    config = parse_sweep({"method": "bayes", "metric": ACC, "parameters": SQUARE, "litsweep": limit})
    x = sobol(2, 24, seed=1)
    generator = torch.Generator().manual_seed(0)
    values = 1 / (0.05 + x.prod(-1)) + noise * torch.randn(24, generator=generator, dtype=torch.double)
    rows = [tuple(row) for row in x.tolist()]
    return ConstraintModel(config.constraints[0], Encoding(config.space), rows, values.tolist(), seed=0)


def test_a_bound_without_noise_is_found_precisely() -> None:
    model, x = rational_constraint(noise=0.0), sobol(2, 256, seed=2)
    with torch.no_grad():
        score = model.score(x)
    is_met = 1 / (0.05 + x.prod(-1)) <= 5
    loss = -torch.special.log_ndtr(torch.where(is_met, score, -score)).mean()
    assert loss < 0.015


def test_the_noise_of_a_constraint_is_learned() -> None:
    noises = [rational_constraint(noise).surrogate.process.noise.item() for noise in (0.0, 0.1, 1.0)]
    assert noises[0] < 1e-4 < noises[1] < 3e-3 < 1e-2 < noises[2]


def test_running_and_failed_configs_count_as_always() -> None:
    search = controller({"constraints": {"latency": "<= 20"}})
    play(search, 6)
    parallel = [at(suggestion) for suggestion in search.ask(3)]
    assert len(set(parallel)) == 3
    search.add({"x": 0.6, "y": 0.6}, [{"acc": 0.99, "latency": 18.0}], "failed", id="broken")
    best = search.best()
    assert best is not None and best.id != "broken"


def test_with_several_metrics_the_front_meets_the_constraints() -> None:
    metrics = [ACC, {"name": "size", "goal": "minimize"}]
    search = controller({"constraints": {"latency": "<= 20", "acc": ">= 0.7"}}, metrics=metrics)
    suggestions = play(search, 8)
    front = search.front()
    assert len(front) >= 3
    rows = [run.history[-1] for run in front]
    assert all(row["latency"] <= 20 and row["acc"] >= 0.7 for row in rows)
    reason = suggestions[-1].reason
    assert isinstance(reason, ParetoReason) and set(reason.constraints or {}) == {"latency", "acc"}
    assert reason_from_json(json.loads(json.dumps(reason.to_json()))) == reason


def test_a_run_reaches_the_target_only_within_the_constraints() -> None:
    search = controller({"constraints": {"latency": "<= 20"}}, metric={**ACC, "target": 0.9})
    search.add(SQUARE, [{"acc": 0.95, "latency": 25.0}], id="slow")
    search.add(SQUARE, [{"acc": 0.95}], id="unknown")
    ends = [search.done_because]
    search.tell("unknown", summary={"latency": 12})
    assert [*ends, search.done_because] == [None, "target"]
    assert search.best() is search.runs[1]


def test_early_termination_compares_with_feasible_runs() -> None:
    rule = {"type": "hyperband", "min_iter": 1, "eta": 2}
    for latency, stopped in ((25.0, []), (15.0, ["new"])):
        search = controller({"constraints": {"latency": "<= 20"}}, method="random", early_terminate=rule)
        for i in range(4):
            search.add(SQUARE, [{"acc": 0.9 + i / 100, "latency": latency}], id=f"r{i}")
        search.add(SQUARE, [{"acc": 0.5}], "running", "new")
        assert [stop.id for stop in search.runs_to_stop()] == stopped


def test_runs_that_do_not_log_the_constraint_are_named() -> None:
    search = controller({"constraints": {"latncy": "<= 20"}})
    for suggestion in play(search, 6):
        assert not isinstance(suggestion.reason, ModelReason)
    assert "6 finished runs logged no finite latncy, which a constraint is about" in search.warnings
    assert any("fewer than two runs have logged latncy" in warning for warning in search.warnings)
    assert "no run meets the constraints (latncy <= 20): no run has a value of latncy" in search.warnings


def test_the_scale_far_from_a_bound_is_logarithmic() -> None:
    y = torch.tensor([-1e6, -1.0, 0.0, 0.5, 3.0], dtype=torch.double)
    assert torch.allclose(inverse_bilog(bilog(y)), y)
    assert (bilog(y).diff() > 0).all() and bilog(y)[0] > -15


def test_the_search_prefers_the_cheaper_of_two_good_regions() -> None:
    search = controller({"cost": "duration"})
    for _ in range(13):
        (suggestion,) = search.ask()
        x, y = at(suggestion)
        score = 1 - (x - 0.8) ** 2 - (abs(y - 0.5) - 0.3) ** 2  # as good at y = 0.2 as at y = 0.8
        search.tell(suggestion.id, [{"acc": score}], state="finished", duration=10 ** (3 * y))
    best = search.best()
    assert best is not None and best.parameters["y"] == pytest.approx(0.2, abs=0.05)
    reason = search.ask()[0].reason
    assert isinstance(reason, ModelReason) and reason.predicted_duration is not None
    assert reason.brief.endswith(f", in {format_value(reason.predicted_duration)} s")


def test_a_cost_is_learned_from_complete_runs() -> None:
    search = controller({"cost": "duration"})
    play(search, 5, lambda x, y: 60.0)
    search.add({"x": 0.1, "y": 0.1}, [hill(0.1, 0.1)], stopped_early=True, duration=0.01)
    (suggestion,) = search.ask()
    assert isinstance(suggestion.reason, ModelReason)
    assert suggestion.reason.predicted_duration == pytest.approx(60.0)
    without = controller({"cost": "duration"})
    play(without, 6)
    assert without.warnings == ("6 finished runs without a duration, which `cost: duration` needs",)


@pytest.mark.parametrize("duration", [-1.0, float("nan"), "60 s"])
def test_a_wrong_duration_is_refused(duration: Any) -> None:
    search = controller({})
    search.add(SQUARE, id="r")
    with pytest.raises(ValueError, match=r"^duration: must be seconds, got "):
        search.tell("r", duration=duration)
    with pytest.raises(ValueError, match=r"^duration: must be seconds, got "):
        search.add(SQUARE, duration=duration)
    assert search.runs == (Run("r", SQUARE, search.runs[0].state),)
