"""Replicates in the search: each config runs once with each seed, and counts once."""

from typing import Any

import pytest

from litsweep.search.controller import Controller
from litsweep.sweep.config import parse_sweep
from litsweep.sweep.reason import RunId
from litsweep.sweep.reasons import RepeatReason, ReplicateReason

X = {"min": 0.0, "max": 1.0}


def controller(method: str, x: dict[str, Any], **more: Any) -> Controller:
    base = {"method": method, "metric": {"name": "acc", "goal": "maximize"}, "parameters": {"x": x}}
    return Controller(parse_sweep({**base, "litsweep": {"replicates": 3}, **more}), seed=3)


def run(search: Controller, runs: int, at_once: int = 1) -> list[tuple[float, int]]:
    """Run the suggestions. Return the value of x and the seed of each."""
    found = list[tuple[float, int]]()
    while len(found) < runs and (suggestions := search.ask(at_once)):
        for each in suggestions:
            x, seed = each.parameters["x"], each.parameters["seed"]
            assert isinstance(x, float) and isinstance(seed, int)
            found.append((x, seed))
            search.tell(each.id, [{"acc": 1 - (x - 0.3) ** 2 + 0.01 * seed}], "finished")
    return found


@pytest.mark.parametrize("method", ["random", "bayes"])
@pytest.mark.parametrize("at_once", [1, 2])
def test_each_config_runs_with_each_seed(method: str, at_once: int) -> None:
    search = controller(method, X, run_cap=18)
    found = run(search, 100, at_once)
    assert search.done_because == "run_cap"
    assert [seed for _, seed in found] == [0, 1, 2] * 6
    assert [x for x, _ in found] == [x for x, seed in found if seed == 0 for _ in range(3)]
    assert len({x for x, _ in found}) == 6
    reasons = [isinstance(search_reason, ReplicateReason) for search_reason in _reasons(method)]
    assert reasons == [False, True, True] * 2


def _reasons(method: str) -> list[object]:
    return [each.reason for each in controller(method, X).ask(6)]


def test_random_configs_are_those_without_replicates() -> None:
    plain = Controller(
        parse_sweep({"method": "random", "metric": {"name": "acc"}, "parameters": {"x": X}}), seed=3
    )
    expected = [each.parameters["x"] for each in plain.ask(3)]
    assert [x for x, seed in run(controller("random", X), 9) if seed == 0] == expected


def test_a_grid_runs_every_point_with_each_seed_and_ends() -> None:
    search = controller("grid", {"values": [0.1, 0.2]})
    assert run(search, 100, at_once=4) == [(x, seed) for x in (0.1, 0.2) for seed in range(3)]
    assert search.done_because == "exhausted" and search.config.max_runs == 6


def test_a_replay_goes_on_with_the_missing_replicate() -> None:
    search, again = controller("bayes", X), controller("bayes", X)
    run(search, 8)
    for each in search.runs:
        again.add(each.parameters, each.history, each.state, id=each.id)
    assert again.ask(2) == search.ask(2)


def test_a_withdrawn_replicate_is_suggested_again() -> None:
    search = controller("grid", {"values": [0.1, 0.2]})
    first = search.ask(3)
    search.withdraw([each.id for each in first[1:]])
    assert [each.parameters for each in search.ask(2)] == [each.parameters for each in first[1:]]


def test_a_config_that_only_fails_gets_no_more_replicates() -> None:
    search = controller("grid", {"values": [0.1, 0.2]})
    (first,) = search.ask()
    search.tell(first.id, state="failed", failure="out_of_memory")
    assert [each.parameters for each in search.ask(2)] == [{"x": 0.2, "seed": 0}, {"x": 0.2, "seed": 1}]


def test_the_best_run_is_one_of_the_config_with_the_best_mean() -> None:
    search = controller("grid", {"values": [0.1, 0.2]})
    for each, value in zip(search.ask(6), [0.99, 0.1, 0.1, 0.7, 0.8, 0.75], strict=True):
        search.tell(each.id, [{"acc": value}], "finished")
    best = search.best()
    assert best is not None and best.parameters == {"x": 0.2, "seed": 1}


def test_a_repeat_is_no_config_of_its_own() -> None:
    config = {
        "method": "bayes",
        "metric": {"name": "acc", "goal": "maximize", "target": 0.9},
        "run_cap": 8,
        "parameters": {"x": X},
        "early_terminate": {"type": "hyperband", "min_iter": 1},
    }
    plain, repeated = (Controller(parse_sweep(config), seed=0) for _ in range(2))
    for search in (plain, repeated):
        for each in search.ask(7):
            search.tell(each.id, [{"acc": 0.1}], "finished")
    first = repeated.runs[0]
    reason = RepeatReason(run=RunId(first.id), parameter="seed", seed=1, leaders=(first.id,), budget=5)
    repeated.add(first.parameters, [{"acc": 0.95}], "finished", id="repeat", reason=reason)
    repeated.add(first.parameters, [{"acc": 0.0}] * 9, "running", id="running", reason=reason)
    assert repeated.done_because is None and repeated.runs_to_stop() == []
    assert len(plain.ask(5)) == len(repeated.ask(5)) == 1
