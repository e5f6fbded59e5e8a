"""The controller: ask, tell, stop, and the end of a sweep."""

import math
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from litsweep import Controller, parse_sweep
from litsweep.sweep.contract import Failure, RunState
from litsweep.sweep.reasons import DesignReason, RandomReason
from litsweep.sweep.run import unreported_warning

METRIC = {"name": "loss", "goal": "minimize"}
GRID = {"a": {"values": [1, 2, 3]}}


def controller(method: str = "random", seed: int = 0, namespace: str = "", **keys: Any) -> Controller:
    config = {"method": method, "metric": METRIC, "parameters": {"x": {"min": 0.0, "max": 1.0}}, **keys}
    return Controller(parse_sweep(config), seed, namespace)


def why_done(search: Controller) -> str | None:
    return search.done_because


def test_ask_gives_parameters_an_id_and_a_reason() -> None:
    (suggestion,) = controller().ask()
    assert re.fullmatch("[a-z0-9]{8}", suggestion.id)
    assert 0.0 <= float(str(suggestion.parameters["x"])) <= 1.0
    assert suggestion.reason == RandomReason()


def test_ids_depend_on_namespace_and_seed_the_search_on_the_seed_alone() -> None:
    def first(seed: int, namespace: str) -> tuple[str, Mapping[str, object]]:
        (suggestion,) = controller(seed=seed, namespace=namespace).ask()
        return suggestion.id, suggestion.parameters

    assert first(0, "a") == first(0, "a")
    assert first(0, "a")[0] != first(0, "b")[0]
    assert first(0, "a")[1] == first(0, "b")[1]
    assert first(0, "a")[0] != first(1, "a")[0]
    assert first(0, "a")[1] != first(1, "a")[1]


def test_the_seed_of_the_config_goes_first() -> None:
    once, again = (controller(seed=seed, litsweep={"seed": 5}).ask() for seed in (1, 2))
    assert once == again == controller(seed=5).ask()


@pytest.mark.parametrize("seed", ["a", None, 0.5, -1])
def test_what_is_no_seed_is_refused_at_once(seed: Any) -> None:
    with pytest.raises(ValueError, match=rf"^seed: must be an integer of at least 0, got {seed!r}; write"):
        controller(seed=seed)


def test_a_config_that_was_not_parsed_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match=r"^config: must be what parse_sweep returns, got .*; parse it first"):
        Controller({"method": "random"})  # type: ignore[arg-type]


def test_a_numpy_integer_is_a_seed() -> None:
    assert controller(seed=np.int64(3)).ask() == controller(seed=3).ask()  # type: ignore[arg-type]


def test_an_id_already_known_is_never_given_again() -> None:
    once = controller()
    (first,) = once.ask()
    taken = controller()
    taken.add({"x": 0.5}, id=controller().ask(2)[1].id)
    ids = [suggestion.id for suggestion in taken.ask(2)]
    assert len({*ids, first.id, *(run.id for run in taken.runs)}) == 4


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_a_replay_by_add_gives_the_same_suggestions(method: str) -> None:
    keys: dict[str, Any] = {"parameters": {"a": {"values": [1, 2, 3]}, "b": {"min": 1, "max": 4}}}
    lived = controller(method, namespace="s", **keys)
    for step in range(8):
        (suggestion,) = lived.ask()
        if step < 6:
            lived.tell(suggestion.id, history=[{"loss": step - 0.5}, {"loss": 3.0}], state="finished")
    replayed = controller(method, namespace="s", **keys)
    for run in lived.runs:
        replayed.add(run.parameters, run.history, run.state, id=run.id, failure=run.failure)
    assert replayed.runs == lived.runs
    suggestions = replayed.ask(2)
    assert suggestions == lived.ask(2)
    assert {suggestion.reason.name for suggestion in suggestions} == {method}


def test_tell_replaces_the_history_and_keeps_what_is_not_told() -> None:
    search = controller()
    (suggestion,) = search.ask()
    search.tell(suggestion.id, history=[{"loss": 3.0}, {"loss": 2.0}])
    search.tell(suggestion.id, history=[{"loss": 4.0}])
    search.tell(suggestion.id, state="crashed", failure="lost", stopped_early=True)
    (run,) = search.runs
    assert run.history == ({"loss": 4.0},)
    assert (run.state, run.failure, run.stopped_early) == (RunState.CRASHED, Failure.LOST, True)


def test_a_failure_goes_with_the_state_it_was_told_with() -> None:
    """A run was marked as lost, then it reported again."""
    search = controller()
    run = search.add({"x": 0.5}, [{"loss": 1.0}], "crashed", failure="lost")
    search.tell(run, [{"loss": 1.0}, {"loss": 0.5}])
    assert search.runs[0].failure == "lost"
    search.tell(run, state="finished")
    assert search.runs[0].failure is None


def test_an_unknown_id_is_an_error() -> None:
    search = controller()
    search.add({"x": 0.5}, id="known")
    with pytest.raises(KeyError, match="nobody"):
        search.tell("nobody", state="finished")
    with pytest.raises(ValueError, match="known"):
        search.add({"x": 0.5}, id="known")
    with pytest.raises(ValueError, match="tired"):
        search.tell("known", state="tired")


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ([0.5], "history[0]: must map metrics to numbers, got 0.5; write for example [{"),
        ([{"loss": 1.0}, None], "history[1]: must map metrics to numbers, got None"),
        ({"loss": 1.0}, "history: must be a list of rows, got {'loss': 1.0}; write for example [{"),
        (0.5, "history: must be a list of rows, got 0.5"),
        ("loss", "history[0]: must map metrics to numbers, got the text 'l'"),
    ],
)
def test_a_wrong_history_is_one_clear_error_that_leaves_no_trace(history: Any, words: str) -> None:
    search, untouched = controller("grid", parameters=GRID), controller("grid", parameters=GRID)
    (suggestion,), _ = search.ask(), untouched.ask()
    with pytest.raises(TypeError, match=re.escape(words)):
        search.tell(suggestion.id, history, "finished")
    with pytest.raises(TypeError, match=re.escape(words)):
        search.add({"a": 2}, history, is_prior=True, reason=DesignReason(fallback="no model"))
    assert (search.runs, search.warnings, search.best()) == (untouched.runs, (), None)
    assert search.ask() == untouched.ask()


def test_an_unknown_state_leaves_no_trace_either() -> None:
    search, untouched = controller("grid", parameters=GRID), controller("grid", parameters=GRID)
    with pytest.raises(ValueError, match="tired"):
        search.add({"a": 1}, state="tired", is_prior=True)
    assert search.ask() == untouched.ask()


def test_tensors_and_arrays_that_hold_one_number_are_that_number() -> None:
    search = controller(metric={"name": "loss", "target": 0.25})
    for value in (torch.tensor(0.5, requires_grad=True), torch.tensor(3), np.array(0.75), np.float32(0.5)):
        search.add({"x": 0.5}, [{"loss": value}])
    assert [run.history for run in search.runs] == [({"loss": n},) for n in (0.5, 3, 0.75, 0.5)]
    assert all(type(run.history[0]["loss"]) in (int, float) for run in search.runs)
    assert (search.warnings, why_done(search)) == ((), None)
    search.add({"x": 0.5}, [{"loss": torch.tensor(0.25, dtype=torch.bfloat16)}])
    assert why_done(search) == "target"


def test_run_cap_counts_the_runs_of_the_sweep() -> None:
    search = controller(run_cap=3)
    search.add({"x": 0.1}, is_prior=True)
    search.add({"x": 0.2})
    assert len(search.ask(10)) == 2
    assert (search.ask(), why_done(search)) == ([], "run_cap")


@pytest.mark.parametrize(("goal", "values"), [("minimize", (0.2, 0.1)), ("maximize", (0.8, 0.9))])
def test_the_sweep_ends_once_a_run_reaches_the_target(goal: str, values: tuple[float, float]) -> None:
    search = controller(metric={"name": "m", "goal": goal, "target": values[1]})
    search.add({"x": 0.1}, history=[{"m": values[1]}], is_prior=True)
    one, two = search.ask(2)
    search.tell(one.id, history=[{"m": values[0]}])
    assert why_done(search) is None
    search.tell(two.id, history=[{"m": values[1]}, {"m": values[0]}])
    assert (why_done(search), search.ask()) == ("target", [])


def test_several_targets_are_to_be_reached_by_one_run() -> None:
    metrics = [{"name": "a", "goal": "maximize", "target": 1}, {"name": "b", "target": 0}]
    space = {"x": {"min": 0.0, "max": 1.0}}
    search = Controller(parse_sweep({"method": "random", "metrics": metrics, "parameters": space}))
    search.add({"x": 0.1}, history=[{"a": 2.0, "b": 1.0}])
    search.add({"x": 0.2}, history=[{"a": 0.0, "b": -1.0}])
    assert why_done(search) is None
    search.add({"x": 0.3}, history=[{"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 0.0}])
    assert why_done(search) == "target"


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_a_finite_space_is_exhausted_once_all_of_it_has_been_asked_for(method: str) -> None:
    search = controller(method, parameters={"a": {"values": [1, 2]}, "b": {"values": [True, False]}})
    search.add({"a": 1.0, "b": True}, state="failed")
    assert len(search.ask(2)) == 2
    assert why_done(search) is None
    assert len(search.ask(1)) == 1
    assert (why_done(search), search.ask(1)) == ("exhausted", [])


def test_best_takes_the_best_value_of_a_history_in_the_goals_direction() -> None:
    search = controller(metric={"name": "acc", "goal": "maximize"})
    assert search.best() is None
    rose = search.add({"x": 0.1}, history=[{"acc": 0.5}, {"acc": 0.9}, {"acc": 0.2}])
    search.add({"x": 0.2}, history=[{"acc": 0.8}, {"acc": float("nan")}])
    search.add({"x": 0.3}, history=[{"acc": 1.0}], is_prior=True)
    search.add({"x": 0.4}, history=[{"acc": 0.95}], state="failed", failure="diverged")
    best = search.best()
    assert best is not None
    assert best.id == rose
    assert search.objective(rose) == 0.9


def test_a_broken_run_is_the_best_only_without_others() -> None:
    search = controller()
    crashed = search.add({"x": 0.1}, history=[{"loss": 0.5}], state="crashed")
    best = search.best()
    assert best is not None
    assert best.id == crashed


def test_runs_to_stop_names_each_with_its_reason_until_told() -> None:
    search = controller(early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    for loss in (1.0, 2.0):
        search.add({"x": 0.1}, history=[{"loss": 5.0}, {"loss": loss}])
    (running,) = search.ask()
    search.tell(running.id, history=[{"loss": 9.0}])
    assert search.runs_to_stop() == []
    search.tell(running.id, history=[{"loss": 9.0}, {"loss": 3.0}])
    (decision,) = search.runs_to_stop()
    assert decision == decision.id == running.id
    assert [getattr(decision.reason, key) for key in ("bracket", "threshold", "value")] == [2, 2.0, 3.0]
    search.tell(running.id, stopped_early=True)
    assert search.runs_to_stop() == []


def test_runs_that_never_log_the_metric_are_a_warning() -> None:
    search = controller()
    search.add({"x": 0.1}, history=[{"val/loss": 1.0, "epoch": 0.0}])
    search.add({"x": 0.2}, history=[{"loss": 1.0}])
    search.add({"x": 0.3}, history=[], state="failed")
    assert search.warnings == ("1 finished run logged no finite loss, only epoch, val/loss",)
    search.add({"x": 0.4}, history=[{"val/acc": 1.0}, {"epoch": 0.0}])
    assert search.warnings == ("2 finished runs logged no finite loss, only epoch, val/acc, val/loss",)


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
def test_runs_that_report_nothing_are_a_warning_and_are_not_repeated(method: str) -> None:
    metric = {"name": "loss", "goal": "minimize"}
    parameters = {"a": {"values": list(range(20))}}
    search = Controller(parse_sweep({"method": method, "metric": metric, "parameters": parameters}), seed=0)
    asked = []
    for _ in range(8):
        (suggestion,) = search.ask()
        search.tell(suggestion.id, state="finished", failure="unreported")
        asked.append(suggestion.parameters["a"])
    assert len(set(asked)) == 8 and search.best() is None
    assert search.warnings == (unreported_warning(8),)


@pytest.mark.parametrize(
    ("value", "shown"), [(math.nan, "nan"), (-math.inf, "-inf"), ("0.5", "the text '0.5'"), ([0.5], "[0.5]")]
)
def test_a_metric_that_is_never_a_finite_number_is_a_warning_that_says_what_it_is(
    value: Any, shown: str
) -> None:
    search = controller()
    search.add({"x": 0.1}, history=[{"loss": value}])
    assert search.warnings == (f"1 finished run logged no finite loss (the last was {shown})",)
    search.add({"x": 0.1}, history=[{"loss": value, "epoch": 1}, {"epoch": 2}])
    assert search.warnings == (f"2 finished runs logged no finite loss (the last was {shown}), only epoch",)


def test_fallbacks_are_counted_also_when_replayed() -> None:
    search = controller()
    for _ in range(2):
        search.add({"x": 0.1}, state="running", reason=DesignReason(fallback="the model could not be fitted"))
    assert search.warnings == ("the model could not be fitted (2 times)",)


def test_a_scheduler_makes_all_suggestions() -> None:
    search = controller("custom", scheduler={"engine": "optuna"})
    assert search.ask() == []
    assert why_done(search) is None


def test_a_scheduler_makes_all_stops() -> None:
    rule = {"early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2}}
    scheduler = {"engine": "optuna", "source": "s.py", "optimizer": "study"}
    for keys, stopped in (({"method": "custom", "scheduler": scheduler}, 0), ({}, 1)):
        search = controller(**keys, litsweep=rule)  # type: ignore[arg-type]
        for loss in (1.0, 2.0, 3.0):
            search.add({"x": 0.1}, [{"loss": loss}], "running")
        assert len(search.runs_to_stop()) == stopped


def test_thousands_of_suggestions_take_a_second_or_two() -> None:
    parameters = {"a": {"min": 1, "max": 500}, "b": {"min": 1, "max": 22}}
    for method, n in (("grid", 10_000), ("random", 3_000)):
        search = controller(method, parameters=parameters)
        began = time.process_time()
        for _ in range(n):
            assert len(search.ask()) == 1
        assert time.process_time() - began < 10


def test_stopping_among_a_thousand_runs_takes_milliseconds() -> None:
    search = controller(early_terminate={"type": "hyperband", "min_iter": 3})
    for suggestion in search.ask(1000):
        search.tell(suggestion.id, history=[{"loss": float(i)} for i in range(100)])
    began = time.process_time()
    for _ in range(10):
        search.runs_to_stop()
    assert (time.process_time() - began) / 10 < 0.2


def test_importing_the_package_loads_no_torch_until_bayes_is_asked() -> None:
    code = (
        "import sys, litsweep; assert 'numpy' not in sys.modules\n"
        "from litsweep import Controller, parse_sweep\n"
        "Controller(parse_sweep('{method: grid, parameters: {a: {value: 1}}}')).ask()\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_failed_run_ranks_last_and_a_killed_one_does_not() -> None:
    search = controller()
    search.add({"x": 0.1}, history=[{"loss": 0.1}], state="finished", failure="diverged")
    usable = search.add({"x": 0.2}, history=[{"loss": 0.5}], state="finished")
    best = search.best()
    assert best is not None
    assert best.id == usable
    assert [run.id for run in search.front()] == [usable]


def test_a_run_that_was_killed_counts_with_what_it_reached() -> None:
    search = controller()
    killed = search.add({"x": 0.1}, history=[{"loss": 0.1}], state="killed", failure="signal")
    search.add({"x": 0.2}, history=[{"loss": 0.5}], state="finished")
    best = search.best()
    assert best is not None
    assert best.id == killed


def test_the_front_of_a_sweep() -> None:
    metrics = [{"name": "acc", "goal": "maximize"}, {"name": "ms"}]
    space = {"x": {"min": 0.0, "max": 1.0}}
    search = Controller(parse_sweep({"method": "random", "metrics": metrics, "parameters": space}))
    for acc, ms, state in (
        (0.9, 5.0, "finished"),
        (0.8, 2.0, "finished"),
        (0.7, 3.0, "finished"),
        (1.0, 1.0, "failed"),
    ):
        search.add({"x": acc}, history=[{"acc": acc, "ms": ms}], state=state)
    assert [each.parameters["x"] for each in search.front()] == [0.9, 0.8]


@pytest.mark.parametrize("method", ["grid", "random", "bayes"])
@pytest.mark.parametrize("space", [GRID, {"x": {"min": 0.0, "max": 1.0}}], ids=["finite", "infinite"])
def test_withdrawn_suggestions_leave_no_trace(method: str, space: dict[str, Any]) -> None:
    if method == "grid" and "x" in space:
        return  # a grid has no ranges

    def advance(withdrawn: int) -> list[object]:
        search, seen = controller(method, parameters=space, run_cap=6), list[object]()
        for _ in range(8):
            search.withdraw([suggestion.id for _ in range(withdrawn) for suggestion in search.ask()])
            assert search.done_because is None or not search.ask()
            for suggestion in search.ask():
                loss = float(str(next(iter(suggestion.parameters.values()))))
                search.tell(suggestion.id, [{"loss": loss}], state="finished")
                seen.append(suggestion)
            seen.append((search.done_because, search.warnings, [run.id for run in search.runs]))
        return seen

    assert advance(withdrawn=3) == advance(withdrawn=0)


def test_a_withdrawn_config_that_another_run_has_stays_tried() -> None:
    search = controller("grid", parameters=GRID)
    (suggestion,) = search.ask()
    search.add(suggestion.parameters)
    search.withdraw([suggestion.id])
    assert [found.parameters for found in search.ask(5)] == [{"a": 2}, {"a": 3}]
    with pytest.raises(KeyError):
        search.withdraw([suggestion.id])
