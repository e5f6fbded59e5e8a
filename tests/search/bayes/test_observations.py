"""The observations that the models get from runs."""

import math
from collections.abc import Sequence
from typing import Any

import pytest

from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.engine import suggest
from litsweep.search.bayes.model import Model
from litsweep.search.bayes.observations import Observations, as_tensor, observe
from litsweep.sweep.config import SweepConfig, parse_sweep
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.run import Run


def sweep(**rest: Any) -> SweepConfig:
    parameters = {"x": {"min": 0.0, "max": 1.0}}
    return parse_sweep({"method": "bayes", "metric": {"name": "loss"}, "parameters": parameters, **rest})


def complete(name: str, losses: Sequence[float], x: float = 0.1) -> Run:
    return Run(name, {"x": x}, RunState.FINISHED, [{"loss": loss} for loss in losses])


def running(name: str, losses: Sequence[float], x: float = 0.5) -> Run:
    return Run(name, {"x": x}, RunState.RUNNING, [{"loss": loss} for loss in losses])


def read(config: SweepConfig, *runs: Run) -> Observations:
    return observe(Encoding(config.space), config, config.metrics[0], runs)


def points(seen: Observations) -> list[tuple[str, float, float]]:
    """Return the run, loss and budget of each observation."""
    return [(o.run, -o.value, o.budget) for o in seen.observed]


def share(iterations: int, length: int) -> float:
    return math.log1p(iterations) / math.log1p(length)


def test_a_running_run_is_observed_at_its_present_length() -> None:
    """The complete run is also observed at the same length. The running one is also pending."""
    seen = read(sweep(), complete("a", [8, 6, 4, 2]), running("b", [9, 5]))
    assert points(seen) == [("a", 6, share(2, 4)), ("a", 2, 1.0), ("b", 5, share(2, 4))]
    assert len(seen.pending) == 1


def test_the_full_length_is_known_only_from_a_complete_run() -> None:
    killed = Run("a", {"x": 0.1}, RunState.KILLED, [{"loss": 8}])
    assert points(read(sweep(), killed, running("b", [9, 5]))) == [("a", 8, 1.0)]


def test_a_killed_run_is_no_failure_of_its_config() -> None:
    killed = Run("a", {"x": 0.1}, RunState.KILLED, [{"loss": 8}], Failure.SIGNAL)
    seen = read(sweep(), killed)
    assert points(seen) == [("a", 8, 1.0)]
    assert seen.failed == ()


def test_running_runs_add_two_lengths_at_most() -> None:
    others = [running(str(n), range(20, 20 - n, -1)) for n in (1, 2, 3, 5)]
    seen = read(sweep(), complete("a", range(20, 10, -1)), *others)
    lengths = [share(1, 10), share(5, 10), 1.0]
    assert [budget for run, _, budget in points(seen) if run == "a"] == pytest.approx(lengths)


def test_with_nothing_running_a_run_is_its_best_value() -> None:
    """With one agent a sweep tries the same configs whether runs log once or at every epoch."""
    values = [(0.1, 3.0), (0.4, 1.0), (0.6, 0.5), (0.7, 0.8), (0.9, 2.0)]
    curves = [complete(f"{x}", [9.0, value, 9.5], x) for x, value in values]
    ends = [complete(f"{x}", [value], x) for x, value in values]
    assert suggest(sweep(), curves, 1, 0) == suggest(sweep(), ends, 1, 0)


def test_under_early_termination_the_stopped_runs_alone_give_the_lengths() -> None:
    stopping = sweep(early_terminate={"type": "hyperband", "min_iter": 3})
    before = read(stopping, complete("a", [8, 6, 4, 2]), running("b", [9, 5]))
    assert points(before) == [("a", 2, 1.0), ("b", 5, share(2, 4))]


def test_a_persons_rule_for_running_runs_is_followed() -> None:
    stated = sweep(metric={"name": "loss", "impute_while_running": "latest"})
    seen = read(stated, complete("a", [8, 6, 4, 2]), running("b", [5, 9]))
    assert ("b", 9, 1.0) in points(seen)
    assert seen.pending == ()


def test_a_persons_rule_for_failed_runs_counts_for_its_metric() -> None:
    metrics = [{"name": "loss", "impute": "worst"}, {"name": "ms", "impute_while_running": "best"}]
    config = parse_sweep(
        {"method": "bayes", "metrics": metrics, "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    )
    runs = [
        Run("a", {"x": 0.1}, RunState.FINISHED, [{"loss": 1.0, "ms": 20.0}]),
        Run("b", {"x": 0.2}, RunState.FAILED),
        Run("c", {"x": 0.3}, RunState.RUNNING, [{"loss": 0.5, "ms": 30.0}]),
    ]
    loss, ms = (observe(Encoding(config.space), config, metric, runs) for metric in config.metrics)
    assert [(o.run, -o.value) for o in loss.observed] == [("a", 1.0), ("b", 1.0), ("c", 0.5)]
    assert loss.failed == () and len(loss.pending) == 1
    assert [(o.run, -o.value) for o in ms.observed] == [("a", 20.0), ("c", 30.0)]
    assert len(ms.failed) == 1 and ms.pending == ()


def test_a_run_with_a_bad_start_is_predicted_to_end_badly() -> None:
    """Two runs near the expected best have completed a third of their training."""

    def curve(end: float) -> list[float]:
        return [end + (1 - epoch / 12) ** 3 for epoch in range(1, 13)]

    config = sweep()
    known = [complete(f"{x}", curve(abs(x - 0.8)), x) for x in (0.0, 0.2, 0.4, 0.5, 0.55, 0.65)]
    is_better = {}
    for end in (0.05, 0.4):
        under_way = [running(f"{x}", curve(end)[:4], x) for x in (0.75, 0.85)]
        model = Model(Encoding(config.space), config.metrics[0], read(config, *known, *under_way), 0)
        (edge, between), _ = model.predict(as_tensor([[0.65], [0.8]]))
        is_better[end] = bool(between > edge)
    assert is_better == {0.05: True, 0.4: False}
