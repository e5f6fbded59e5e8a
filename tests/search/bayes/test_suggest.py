"""The Bayesian searcher as the controller sees it."""

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest
import torch

from litsweep.search.bayes.engine import suggest
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.reasons import DesignReason
from litsweep.sweep.run import Run

Parameters = Mapping[str, Any]

MIXED = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
    "layers": {"distribution": "int_uniform", "min": 1, "max": 4},
    "act": {"values": ["relu", "gelu"]},
    "p": {"min": 0.0, "max": 1.0},
}


def sweep(parameters: Mapping[str, Any] = MIXED, **rest: Any) -> SweepConfig:
    metric = {"metric": {"name": "loss"}} if "metrics" not in rest else {}
    return parse_sweep({"method": "bayes", "parameters": parameters, **metric, **rest})


def bowl(p: Parameters) -> float:
    lr, layers, rest = math.log10(p["lr"]) + 3, p["layers"] - 3, p["p"] - 0.4
    return float(lr**2 + layers**2 + (p["act"] == "relu") + rest**2)


def finished(parameters: Parameters, loss: float, index: int) -> Run:
    return Run(f"run{index}", parameters, RunState.FINISHED, [{"loss": loss}])


def search(config: SweepConfig, n: int, loss: Any = bowl, seed: int = 0) -> list[Run]:
    runs: list[Run] = []
    for index in range(n):
        (proposal,) = suggest(config, runs, 1, seed)
        runs.append(finished(proposal.parameters, loss(proposal.parameters), index))
    return runs


@cache
def eight() -> tuple[Run, ...]:
    return tuple(search(sweep(), 8))


def test_finds_the_bottom_of_a_mixed_bowl() -> None:
    assert min(bowl(run.parameters) for run in search(sweep(), 25)) < 0.05


def test_same_arguments_give_the_same_answer_and_leave_torch_alone() -> None:
    runs = [*eight()]
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    assert suggest(sweep(), runs, 2, 1) == suggest(sweep(), runs, 2, 1)
    assert suggest(sweep(), runs, 1, 1) != suggest(sweep(), runs, 1, 2)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_each_config_of_a_finite_space_once_and_then_no_more() -> None:
    config = sweep({"a": {"values": [1, 2, 3, 4]}, "b": {"values": ["x", "y", "z"]}})
    runs = search(config, 12, loss=lambda p: p["a"])
    assert len({tuple(run.parameters.items()) for run in runs}) == 12
    assert suggest(config, runs, 3, 0) == []
    assert len(suggest(config, runs[:10], 24, 0)) == 2


def test_a_space_of_constants_has_one_config() -> None:
    config = sweep({"a": {"value": 3}})
    (proposal,) = suggest(config, [], 5, 0)
    assert proposal.parameters == {"a": 3}
    assert suggest(config, [finished({"a": 3}, 1.0, 0)], 1, 0) == []


def test_configs_in_flight_lie_apart() -> None:
    runs = [*eight()]
    batch = suggest(sweep(), runs, 8, 0)
    points = {(round(math.log10(p.parameters["lr"]), 1), round(p.parameters["p"], 1)) for p in batch}  # type: ignore[arg-type, call-overload]
    assert len(points) >= 6


def test_running_runs_count_as_much_as_those_just_suggested() -> None:
    runs = [*eight()]
    (first,) = suggest(sweep(), runs, 1, 0)
    alive = [*runs, Run("alive", first.parameters, RunState.RUNNING)]
    (second,) = suggest(sweep(), alive, 1, 0)
    assert second == suggest(sweep(), runs, 2, 0)[1]


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_unit_of_the_metric_does_not_matter(scale: float) -> None:
    runs = [*eight()]
    scaled = [finished(run.parameters, scale * bowl(run.parameters), i) for i, run in enumerate(runs)]
    ours, theirs = suggest(sweep(), scaled, 1, 0)[0], suggest(sweep(), runs, 1, 0)[0]
    assert ours.parameters["act"] == theirs.parameters["act"]
    for name in ("lr", "layers", "p"):
        assert ours.parameters[name] == pytest.approx(theirs.parameters[name], rel=1e-3)


def test_equal_metrics_and_a_single_run_are_no_obstacle() -> None:
    runs = [finished(run.parameters, 1.0, index) for index, run in enumerate(eight())]
    assert suggest(sweep(), runs, 1, 0)[0].reason.to_json()["method"] == "bayes"
    alone = [finished(runs[0].parameters, 1.0, 0)] + [
        Run(str(i), runs[i].parameters, RunState.FAILED) for i in range(1, 8)
    ]
    assert "fewer than two runs have logged loss" in str(
        suggest(sweep(), alone, 1, 0)[0].reason.to_json()["fallback"]
    )


def test_nan_and_infinite_metrics_are_failures_not_numbers() -> None:
    runs = [*eight()]
    for index, value in enumerate((math.nan, math.inf, -math.inf)):
        runs.append(Run(f"bad{index}", runs[index].parameters, RunState.FINISHED, [{"loss": value}]))
    (proposal,) = suggest(sweep(), runs, 1, 0)
    assert proposal.reason.to_json()["method"] == "bayes"
    assert math.isfinite(proposal.reason.to_json()["predicted_mean"])
    assert 0 < proposal.reason.to_json()["success_probability"] < 1


def test_stays_out_of_a_region_that_crashes() -> None:
    def loss(p: Parameters) -> float:
        return float((p["x"] - 0.9) ** 2 + (p["y"] - 0.5) ** 2)

    config = sweep({"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}})
    runs: list[Run] = []
    for index in range(30):
        (proposal,) = suggest(config, runs, 1, 0)
        p: Parameters = proposal.parameters
        if p["x"] > 0.6:
            runs.append(Run(str(index), p, RunState.FAILED, failure=Failure.OUT_OF_MEMORY))
        else:
            runs.append(finished(p, loss(p), index))
    assert sum(run.state is RunState.FAILED for run in runs[15:]) <= 3
    assert min(loss(run.parameters) for run in runs if run.state is RunState.FINISHED) < 0.1


def test_agents_that_start_together_get_the_design_and_no_warning() -> None:
    proposals = suggest(sweep(), [], 8, 0)
    assert [proposal.reason for proposal in proposals] == [DesignReason()] * 8


def test_with_many_agents_the_model_starts_after_the_second_result() -> None:
    started = [proposal.parameters for proposal in suggest(sweep(), [], 8, 0)]
    running = [Run(str(i), p, RunState.RUNNING) for i, p in enumerate(started)]
    one = [finished(started[0], 1.0, 0), *running[1:]]
    assert suggest(sweep(), one, 1, 0)[0].reason == DesignReason()
    two = [one[0], finished(started[1], 2.0, 1), *running[2:]]
    assert suggest(sweep(), two, 1, 0)[0].reason.to_json()["method"] == "bayes"


def test_the_model_waits_until_five_runs_are_spread_over_the_space() -> None:
    runs = [finished(proposal.parameters, 1.0, i) for i, proposal in enumerate(suggest(sweep(), [], 2, 0))]
    methods = [proposal.reason.to_json()["method"] for proposal in suggest(sweep(), runs, 4, 0)]
    assert methods == ["initial design"] * 3 + ["bayes"]


def test_a_first_failure_is_no_reason_for_a_warning() -> None:
    started = [proposal.parameters for proposal in suggest(sweep(), [], 8, 0)]
    runs = [Run(str(i), p, RunState.RUNNING) for i, p in enumerate(started)]
    runs[:2] = [
        Run("0", started[0], RunState.FAILED, failure=Failure.OUT_OF_MEMORY),
        finished(started[1], 1.0, 1),
    ]
    assert suggest(sweep(), runs, 1, 0)[0].reason == DesignReason()


def test_a_lost_machine_is_not_held_against_the_config() -> None:
    runs = [*eight()]
    lost = [*runs, Run("lost", {**runs[0].parameters, "p": 0.31}, RunState.CRASHED, failure=Failure.LOST)]
    assert "success_probability" not in suggest(sweep(), lost, 1, 0)[0].reason.to_json()


def test_stopped_runs_teach_but_are_not_taken_for_finished() -> None:
    """Half of the runs are stopped at a tenth of their training, where all curves are still similar."""
    config = sweep({"x": {"min": 0.0, "max": 1.0}}, early_terminate={"type": "hyperband", "min_iter": 3})
    runs = []
    for index in range(16):
        x = index / 15
        curve = [1 - (1 - abs(x - 0.7)) * epoch / 30 for epoch in range(1, 31)]
        is_stopped = index % 2 == 0
        rows = [{"loss": value} for value in (curve[:3] if is_stopped else curve)]
        runs.append(Run(str(index), {"x": x}, RunState.FINISHED, rows, stopped_early=is_stopped))
    (proposal,) = suggest(config, runs, 1, 0)
    assert abs(proposal.parameters["x"] - 0.7) < 0.1  # type: ignore[operator]
    assert proposal.reason.to_json()["predicted_mean"] < 0.5


def test_imputes_as_the_person_says() -> None:
    """With `impute: best` a failed run counts with its best logged value."""
    runs = [*eight()]
    failed = Run("failed", {**runs[0].parameters, "p": 0.31}, RunState.FAILED, [{"loss": 5.0}, {"loss": 9.0}])
    stated = sweep(metric={"name": "loss", "impute": "best"})
    reason = suggest(stated, [*runs, failed], 1, 0)[0].reason.to_json()
    assert "success_probability" not in reason
    assert reason["runs_used"] == 9


def explored(runs: list[Run], n: int) -> list[int]:
    """The positions among the next `n` at which the search explores."""
    strategies = [proposal.reason.to_json()["strategy"] for proposal in suggest(sweep(), runs, n, 0)]
    return [len(runs) + index for index, name in enumerate(strategies) if name == "exploration"]


def at_an_edge(state: RunState = RunState.FINISHED) -> Run:
    """A run whose three numbers are at an edge of the space."""
    return Run("edge", {"lr": 1.0, "layers": 4, "act": "relu", "p": 1.0}, state, [{"loss": -9.0}])


def test_a_young_sweep_explores_every_second_time_and_an_older_one_every_fourth() -> None:
    """The sweep is young up to four runs for each of its four parameters."""
    assert explored([*eight()[:7], at_an_edge()], 14) == [9, 11, 13, 15, 17, 21]


def test_a_sweep_with_its_best_config_inside_the_space_does_not_explore() -> None:
    """From two runs for each parameter on."""
    assert explored([*eight()], 14) == []
    assert explored([*eight()[:6]], 4) == [7]


def test_a_sweep_with_failures_explores_wherever_its_best_config_is() -> None:
    assert explored([*eight()[:7], at_an_edge(RunState.FAILED)], 4) == [9, 11]


def test_exploration_leaves_where_exploitation_stays() -> None:
    plane = sweep({"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}})
    known = [(0.0, 0.52), (0.01, 0.51), (0.02, 0.5), (0.03, 0.5), (0.04, 0.5), (0.05, 0.49), (0.06, 0.49)]
    known += [(0.4, 0.2), (0.8, 0.3)]
    runs = [finished({"x": x, "y": y}, (x - 0.03) ** 2, i) for i, (x, y) in enumerate(known)]
    proposals = suggest(plane, runs, 2, 0)
    assert [proposal.reason.to_json()["strategy"] for proposal in proposals] == [
        "exploration",
        "exploitation",
    ]
    places = [torch.tensor([*proposal.parameters.values()]) for proposal in proposals]
    away, near = (float((place - torch.tensor([0.03, 0.5])).abs().max()) for place in places)
    assert away > 0.4 > 0.2 > near


def test_a_prediction_is_near_the_metric_however_the_objective_is_warped() -> None:
    """All accuracies are similar and near the best, so the fitted transform levels off just above them."""
    space = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
    config = sweep(space, metric={"name": "acc", "goal": "maximize"})
    known = [(0.76, 0.11, 0.9514), (0.48, 0.44, 0.9549), (0.66, 0.29, 0.9688), (0.66, 0.43, 0.9549)]
    runs = [
        Run(f"run{i}", {"x": x, "y": y}, RunState.FINISHED, [{"acc": acc}])
        for i, (x, y, acc) in enumerate(known)
    ]
    failed = [
        Run("a", {"x": 0.13, "y": 0.58}, RunState.FAILED),
        Run("b", {"x": 0.6, "y": 0.97}, RunState.FAILED),
    ]
    for proposal in suggest(config, [*runs, *failed], 4, 0):
        assert 0.5 < float(str(proposal.reason.to_json()["predicted_mean"])) < 1.5
        assert float(str(proposal.reason.to_json()["predicted_deviation"])) < 0.5


def test_a_prior_run_of_another_space_is_counted_not_used() -> None:
    runs = [*eight()]
    foreign = Run("foreign", {**runs[0].parameters, "lr": 5.0}, RunState.FINISHED, [{"loss": 0.0}])
    reason = suggest(sweep(), [*runs, foreign], 1, 0)[0].reason.to_json()
    assert reason["runs_outside_the_space"] == 1
    assert reason["runs_used"] == 8


def test_the_reason_is_in_the_metrics_own_units() -> None:
    runs = [finished(run.parameters, 1000 + 100 * bowl(run.parameters), i) for i, run in enumerate(eight())]
    (proposal,) = suggest(sweep(), runs, 1, 0)
    reason: Mapping[str, Any] = proposal.reason.to_json()
    assert reason["method"] == "bayes"
    assert 900 < reason["predicted_mean"] < 3000
    assert reason["predicted_deviation"] > 0
    assert reason["expected_improvement"] >= 0
    assert reason["nearest"]["run"] in {run.id for run in runs}
    near = next(run for run in runs if run.id == reason["nearest"]["run"])
    for name, (theirs, ours) in reason["nearest"]["differs"].items():
        assert theirs == pytest.approx(near.parameters[name])
        assert ours == pytest.approx(proposal.parameters[name])


def test_a_sweep_without_a_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="metric"):
        suggest(parse_sweep({"method": "random", "parameters": MIXED}), [], 1, 0)


def test_failures_at_random_are_ignored() -> None:
    """One run in four fails whatever its config. The search continues as if none had failed."""
    config = sweep({"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}})
    runs: list[Run] = []
    for index in range(24):
        (proposal,) = suggest(config, runs, 1, 8)
        p: Any = proposal.parameters
        failed = Run(f"run{index}", p, RunState.FAILED, failure=Failure.ERROR)
        loss = (p["x"] - 0.3) ** 2 + (p["y"] - 0.7) ** 2
        runs.append(failed if index % 4 == 3 else finished(p, loss, index))
    assert proposal.reason.to_json()["failures_look_random"] is True
    assert min(run.history[0]["loss"] for run in runs if run.history) < 1e-3


def test_failures_of_a_region_are_not_taken_for_bad_luck() -> None:
    config = sweep({"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}})
    runs: list[Run] = []
    for index in range(16):
        (proposal,) = suggest(config, runs, 1, 0)
        p: Any = proposal.parameters
        failed = Run(f"run{index}", p, RunState.FAILED, failure=Failure.ERROR)
        runs.append(failed if p["x"] > 0.5 else finished(p, -p["x"], index))
    assert proposal.reason.to_json()["failures_look_random"] is False
    assert sum(run.state is RunState.FAILED for run in runs[10:]) <= 2


def test_suggestions_made_together_are_not_all_but_the_same() -> None:
    """Near an optimum in a corner, the expected improvement is small everywhere."""
    config = sweep({"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}})
    runs: list[Run] = []
    for _ in range(5):
        configs: list[Any] = [proposal.parameters for proposal in suggest(config, runs, 4, 0)]
        x = torch.tensor([[p["x"], p["y"]] for p in configs])
        assert torch.cdist(x, x, p=torch.inf).fill_diagonal_(1).min() > 9e-4
        runs += [finished(p, p["x"] + p["y"], len(runs) + i) for i, p in enumerate(configs)]
