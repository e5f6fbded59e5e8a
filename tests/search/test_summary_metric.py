"""A metric in a run's summary, with the Python API."""

from typing import Any

import pytest
from wandb.sdk.wandb_summary import Summary

from litsweep import Controller, parse_sweep
from litsweep.search.bayes.encoding import Encoding
from litsweep.search.bayes.observations import Observations, observe
from litsweep.sweep.contract import RunState
from litsweep.sweep.run import Run

ACC = {"name": "acc", "goal": "maximize"}


def controller(method: str = "random", metric: dict[str, Any] | None = None, **keys: Any) -> Controller:
    space = {"x": {"min": 0.0, "max": 1.0}}
    return Controller(parse_sweep({"method": method, "metric": metric or ACC, "parameters": space, **keys}))


def test_the_best_run_and_its_objective() -> None:
    search = controller()
    logged = search.add({"x": 0.1}, history=[{"acc": 0.8}, {"acc": 0.2}], summary={"acc": 0.2})
    alone = search.add({"x": 0.2}, summary={"acc": {"max": 0.9}})
    failed = search.add({"x": 0.3}, summary={"acc": 1.0}, state="failed")
    assert [search.objective(run) for run in (logged, alone, failed)] == [0.8, 0.9, 1.0]
    best = search.best()
    assert best is not None and best.id == alone
    search.tell(logged, summary={"acc": 0.95})
    best = search.best()
    assert best is not None and best.id == logged and search.objective(logged) == 0.95
    assert best.history == ({"acc": 0.8}, {"acc": 0.2})
    assert search.warnings == ()


def test_several_metrics_have_a_front() -> None:
    metrics = [ACC, {"name": "val.ms"}]
    space = {"x": {"min": 0.0, "max": 1.0}}
    search = Controller(parse_sweep({"method": "random", "metrics": metrics, "parameters": space}))
    good = search.add({"x": 0.1}, history=[{"acc": 0.8}], summary={"val": {"ms": 5}})
    fast = search.add({"x": 0.2}, history=[{"acc": 0.7}], summary={"val.ms": {"min": 2}})
    search.add({"x": 0.3}, history=[{"acc": 0.6}], summary={"val.ms": 3})
    assert [run.id for run in search.front()] == [good, fast]


@pytest.mark.parametrize("summary", [{"acc": 0.9}, {"acc": {"max": 0.9}}, {"acc": {"best": 0.9, "min": 0.0}}])
def test_a_target_reached_in_the_summary(summary: dict[str, Any]) -> None:
    search = controller(metric={**ACC, "target": 0.9})
    (run,) = search.ask()
    search.tell(run.id, [{"acc": 0.1}], summary={"acc": 0.1})
    assert search.done_because is None
    search.tell(run.id, summary=summary)
    assert search.done_because == "target"


def test_the_summary_is_no_iteration() -> None:
    search = controller(early_terminate={"type": "hyperband", "min_iter": 2, "eta": 2})
    for x in (0.1, 0.2, 0.3):
        search.add({"x": x}, [{"acc": 0.9}] * 2)
    search.add({"x": 0.4}, [{"acc": 0.1}], "running", id="first", summary={"acc": 0.1})
    search.add({"x": 0.5}, (), "running", id="none", summary={"acc": 0.1})
    assert search.runs_to_stop() == []
    search.tell("first", [{"acc": 0.1}] * 2)
    assert search.runs_to_stop() == ["first"]


def seen(*runs: Run, **keys: Any) -> Observations:
    search = controller("bayes", metric={**ACC, **keys})
    return observe(Encoding(search.config.space), search.config, search.config.metrics[0], runs)


def run(name: str, *values: float, state: RunState = RunState.FINISHED, **summary: object) -> Run:
    return Run(name, {"x": 0.5}, state, [{"acc": value} for value in values], summary=summary)


def test_a_summary_that_repeats_the_last_row_teaches_nothing_new() -> None:
    others = [
        run("b", 0.1, 0.2, state=RunState.RUNNING, acc=0.2),
        run("c", 0.3, state=RunState.KILLED, acc=0.3),
    ]
    told = seen(run("a", 0.5, 0.8, 0.7, acc=0.7), *others)
    plain = [
        Run(one.id, one.parameters, one.state, one.history) for one in (run("a", 0.5, 0.8, 0.7), *others)
    ]
    assert told == seen(*plain)


def test_the_model_learns_the_summary() -> None:
    found = seen(
        run("a", 0.5, 0.7, acc=0.9), run("b", acc={"max": 0.8}), run("c", state=RunState.KILLED, acc=0.3)
    )
    assert [(o.run, o.value) for o in found.observed if o.run != "c" and o.budget == 1] == [
        ("a", 0.9),
        ("b", 0.8),
    ]
    assert [o.value for o in found.observed if o.run == "c"] == [0.3]
    assert found.failed == ()


def test_imputation_reads_the_summary() -> None:
    def imputed(rule: str, *values: float) -> float:
        failed = run("a", *values, state=RunState.FAILED, acc={"max": 0.9, "last": 0.4})
        return seen(failed, run("b", 0.2, acc=0.3), impute=rule).observed[0].value

    assert [imputed("best", 0.1), imputed("best"), imputed("worst")] == [0.9, 0.9, 0.3]
    assert [imputed("latest", 0.5, 0.1), imputed("latest")] == [0.1, 0.4]


def test_the_warning_names_the_metrics_that_runs_logged_instead() -> None:
    search = controller()
    search.add({"x": 0.1}, summary={"accuracy": {"max": 0.9}, "note": "text", "_step": 3, "val": {"f1": 1.0}})
    assert search.warnings == ("1 finished run logged no finite acc, only accuracy, val.f1",)
    search = controller()
    search.add({"x": 0.1}, summary={"acc": "0.5"})
    assert search.warnings == ("1 finished run logged no finite acc (the last was the text '0.5')",)


def test_a_summary_that_is_no_mapping_changes_nothing() -> None:
    search = controller()
    added = search.add({"x": 0.1}, summary={"acc": 0.5})
    with pytest.raises(TypeError, match=r"summary: must map metrics to numbers, got 0\.7; write for example"):
        search.tell(added, summary=0.7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="summary: must map metrics to numbers"):
        search.add({"x": 0.1}, summary=[0.7])  # type: ignore[arg-type]
    assert len(search.runs) == 1 and search.objective(added) == 0.5


def test_the_clients_own_summary_is_taken() -> None:
    items = {"acc": {"max": 0.5}, "val": {"acc": 1}}
    summary = Summary(lambda: items)
    search = controller()
    added = search.add({"x": 0.1}, summary=summary)  # type: ignore[arg-type]
    assert search.objective(added) == 0.5


def test_a_tensor_counts_as_its_number() -> None:
    torch = pytest.importorskip("torch")
    search = controller()
    added = search.add({"x": 0.1}, summary={"acc": torch.tensor(0.5), "val": {"acc": torch.tensor(1)}})
    assert search.objective(added) == 0.5
