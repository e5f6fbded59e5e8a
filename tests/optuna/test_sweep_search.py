"""A sweep's search in the stock client's scheduler, without a server."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from wandb.sdk.sweeps.run_state import RunState
from wandb.sdk.sweeps.scheduler.optimizer import Run, RunSuggestion, RunWithMetrics
from wandb.sdk.sweeps.scheduler.optuna import OptunaOptimizer, build_optuna_optimizer
from wandb.sdk.sweeps.sweep_info import SweepInfo

from litsweep import Controller, parse_sweep
from litsweep.cli import main

SWEEP: dict[str, Any] = {
    "program": "train.py",
    "method": "bayes",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 0.0001, "max": 0.1},
        "width": {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 16},
        "shift": {"distribution": "normal", "mu": 1.0, "sigma": 2.0},
        "optimizer": {"values": ["adam", "sgd"]},
        "momentum": {"min": 0.5, "max": 1.0},
        "epochs": {"value": 3},
    },
    "litsweep": {"seed": 5, "conditions": {"momentum": {"optimizer": "sgd"}}},
}
SMALL = {**SWEEP, "parameters": {"a": {"values": [1, 2, 3]}}, "litsweep": {"seed": 5}}


def info(folder: Path, config: Mapping[str, Any]) -> SweepInfo:
    """Return the sweep that `litsweep scheduler` and `wandb sweep` create from a config."""
    (folder / "train.py").touch()
    (folder / "sweep.yaml").write_text(yaml.safe_dump(config))
    assert main(["scheduler", "sweep.yaml"]) == 0
    created = yaml.safe_load((folder / "sweep_scheduler.yaml").read_text())
    return SweepInfo("abc123", "name", "entity", "project", created, "controller")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    yield tmp_path


def result(suggestion: RunSuggestion, *losses: float, state: RunState = RunState.FINISHED) -> RunWithMetrics:
    history = [{"_step": step, "loss": loss} for step, loss in enumerate(losses)]
    return RunWithMetrics(suggestion.config, state, "id", history[-1] if history else {}, history)


def ask(optimizer: OptunaOptimizer) -> RunSuggestion:
    (suggestion,) = optimizer.ask_n_runs(1)
    return suggestion


def losses(config: Mapping[str, Any]) -> tuple[float, float]:
    best = config["lr"] + abs(config["shift"] - 2) + config.get("momentum", 1.5)
    return best, best + 1


def test_the_scheduler_hands_out_what_the_controller_suggests(folder: Path) -> None:
    optimizer = build_optuna_optimizer(info(folder, SWEEP))
    controller = Controller(parse_sweep(SWEEP))
    kinds = set()
    for _ in range(8):
        suggestion, (expected,) = ask(optimizer), controller.ask()
        config = suggestion.config.flat_dict()
        assert {name: repr(value) for name, value in config.items()} == {
            name: repr(value) for name, value in expected.parameters.items()
        }
        assert ("momentum" in config) == (config["optimizer"] == "sgd")
        optimizer.tell_run(suggestion.run_id, result(suggestion, *losses(config)))
        controller.tell(expected.id, [{"loss": loss} for loss in losses(config)], "finished")
        kinds.add(expected.reason.name)
    assert kinds == {"initial design", "bayes"}


def test_a_restarted_scheduler_makes_the_same_suggestions(folder: Path) -> None:
    sweep = info(folder, SWEEP)
    first, again = build_optuna_optimizer(sweep), build_optuna_optimizer(sweep)
    for _ in range(6):
        suggestion = ask(first)
        done = result(suggestion, *losses(suggestion.config.flat_dict()))
        first.tell_run(suggestion.run_id, done)
        again.tell_existing_finished_run(done)
    running = ask(first)
    again.tell_existing_active_run(Run(running.config, RunState.RUNNING, "id"))
    assert ask(again).config == ask(first).config


def test_failed_runs_are_told_as_such_and_a_seed_comes_from_the_sweeps_id(folder: Path) -> None:
    config = {**SWEEP, "litsweep": {"conditions": SWEEP["litsweep"]["conditions"]}}
    one, other = (build_optuna_optimizer(info(folder, config)) for _ in range(2))
    assert ask(one).config == ask(other).config
    assert one.study.sampler is not other.study.sampler
    for index in range(6):
        suggestion = ask(one)
        failed = index == 1
        values = () if failed else losses(suggestion.config.flat_dict())
        state = RunState.FAILED if failed else RunState.FINISHED
        one.tell_run(suggestion.run_id, result(suggestion, *values, state=state))
    ask(one)
    assert "success_probability" in one.study.trials[-1].system_attrs["litsweep:reason"]


def test_a_finite_space_ends_the_sweep(folder: Path) -> None:
    optimizer = build_optuna_optimizer(info(folder, SMALL))
    asked = optimizer.ask_n_runs(10)
    assert sorted(suggestion.config.flat_dict()["a"] for suggestion in asked) == [1, 2, 3]
    for suggestion in asked:
        optimizer.tell_run(suggestion.run_id, result(suggestion, 1.0))
    assert optimizer.ask_n_runs(10) == []


def test_a_target_ends_the_sweep(folder: Path) -> None:
    optimizer = build_optuna_optimizer(info(folder, {**SMALL, "metric": {**SWEEP["metric"], "target": 0.5}}))
    first, second = ask(optimizer), ask(optimizer)
    optimizer.tell_run(first.run_id, result(first, 0.6))
    assert not optimizer.should_terminate_sweep()
    optimizer.tell_run(second.run_id, result(second, 0.4, 0.7))
    assert optimizer.should_terminate_sweep()


def test_a_summary_of_aggregates_is_a_value(folder: Path) -> None:
    """`define_metric("loss", summary="min")` writes such a summary."""
    optimizer = build_optuna_optimizer(info(folder, {**SMALL, "metric": {**SWEEP["metric"], "target": 0.3}}))
    suggestion = ask(optimizer)
    done = replace(result(suggestion, 0.9, 0.7), summary_metrics={"loss": {"min": 0.2, "max": 0.9}})
    optimizer.tell_run(suggestion.run_id, done)
    assert optimizer.study.trials[0].values == [0.2]
    assert optimizer.should_terminate_sweep()


def test_the_summary_is_no_iteration(folder: Path) -> None:
    rule = {"type": "hyperband", "min_iter": 3, "eta": 3}
    config = {**SMALL, "parameters": {"a": {"min": 0.0, "max": 1.0}}, "early_terminate": rule}
    optimizer = build_optuna_optimizer(info(folder, config))
    for _ in range(3):
        suggestion = ask(optimizer)
        done = replace(result(suggestion, 0.1, 0.2), summary_metrics={"loss": 0.1})
        optimizer.tell_run(suggestion.run_id, done)
    suggestion = ask(optimizer)
    running = result(suggestion, 0.9, 0.9, 0.9, state=RunState.RUNNING)
    optimizer.tell_run(suggestion.run_id, running)
    assert not optimizer.prune_run(suggestion.run_id, running)


@pytest.mark.parametrize("place", ["top", "ours"])
def test_early_termination_is_carried(folder: Path, place: str) -> None:
    rule = {"type": "hyperband", "min_iter": 2, "eta": 3}
    extra = (
        {"early_terminate": rule} if place == "top" else {"litsweep": {"seed": 5, "early_terminate": rule}}
    )
    config = {**SMALL, "parameters": {"a": {"min": 0.0, "max": 1.0}}, **extra}
    optimizer, controller = build_optuna_optimizer(info(folder, config)), Controller(parse_sweep(config))
    for loss in (1.0, 2.0, 3.0, 4.0):
        suggestion, (expected,) = ask(optimizer), controller.ask()
        assert suggestion.config.flat_dict() == expected.parameters
        running = result(suggestion, loss, loss, state=RunState.RUNNING)
        optimizer.tell_run(suggestion.run_id, running)
        controller.tell(expected.id, [{"loss": loss}] * 2)
        is_stopped = optimizer.prune_run(suggestion.run_id, running)
        assert is_stopped == (controller.runs_to_stop() == [expected.id])
        controller.tell(expected.id, stopped_early=is_stopped, state="finished")
        optimizer.tell_run(suggestion.run_id, result(suggestion, loss, loss))
    first, *_, last = optimizer.study.trials
    assert "litsweep:stopped" not in first.system_attrs
    assert last.system_attrs["litsweep:stopped"]["threshold"] < 4.0


def test_several_metrics(folder: Path) -> None:
    metrics = [{"name": "loss", "goal": "minimize"}, {"name": "acc", "goal": "maximize"}]
    config = {key: value for key, value in SMALL.items() if key != "metric"} | {"metrics": metrics}
    config["parameters"] = {"a": {"min": 0.0, "max": 1.0}, "b": {"min": 0.0, "max": 1.0}}
    optimizer = build_optuna_optimizer(info(folder, config))
    for _ in range(6):
        suggestion = ask(optimizer)
        a, b = suggestion.config.flat_dict().values()
        summary = {"loss": a + b, "acc": a - b}
        optimizer.tell_run(
            suggestion.run_id, RunWithMetrics(suggestion.config, RunState.FINISHED, "id", summary, [])
        )
    assert optimizer.study.trials[-1].system_attrs["litsweep:reason"]["method"] == "bayes"


def test_a_file_that_was_changed_since_is_refused(folder: Path) -> None:
    sweep = info(folder, SMALL)
    info(folder, {**SMALL, "parameters": {"b": {"values": [1, 2]}}})
    with pytest.raises(
        wandb.Error, match=r"sweep_scheduler.yaml is not what this sweep was created from: a, b"
    ):
        build_optuna_optimizer(sweep)
