"""`wandb sweep-scheduler`: a sweep whose runs are chosen outside the server."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from litsweep import Controller, parse_sweep
from tests.compat.stock import create_sweep, python, start

pytest.importorskip("optuna", reason="the stock scheduler uses Optuna")

TRAIN = """
import wandb
with wandb.init() as run:
    run.log({"loss": (run.config["lr"] - 0.5) ** 2})
"""
SWEEP = """
program: train.py
method: custom
metric: {name: loss, goal: minimize}
scheduler: {engine: optuna}
run_cap: 3
parameters:
  lr: {min: 0.1, max: 0.9}
"""


@pytest.mark.slow
def test_stock_scheduler(client_env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    sweep = create_sweep(SWEEP, client_env, tmp_path)
    flags = ["--batch-size", "1", "--poll-interval", "1"]
    scheduler = start(["-m", "wandb", "sweep-scheduler", *flags, sweep], client_env, tmp_path)
    agent = start(["-m", "wandb", "agent", sweep], client_env, tmp_path)
    assert agent.wait(timeout=120) == 0
    assert scheduler.wait(timeout=60) == 0, (tmp_path / "out-0").read_text()
    code = f"""
    import json, wandb
    sweep = wandb.Api().sweep({sweep!r})
    print(json.dumps([sweep.state, [run.state for run in sweep.runs], len(wandb.Api().runs("local/p"))]))
    """
    state, runs, in_project = json.loads(python(code, client_env, tmp_path).stdout.splitlines()[-1])
    assert state == "FINISHED" and runs.count("finished") == 3 and set(runs) <= {"finished", "killed"}
    assert in_project == len(runs)


OURS = """
program: train.py
method: bayes
metric: {name: loss, goal: minimize}
litsweep:
  seed: 11
  conditions: {momentum: {optimizer: sgd}}
parameters:
  optimizer: {values: [adam, sgd]}
  lr: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  shift: {distribution: normal, mu: 1.0, sigma: 2.0}
  momentum: {min: 0.5, max: 1.0}
"""
TRAIN_OURS = """
import wandb
with wandb.init() as run:
    run.define_metric("loss", summary="min")
    for epoch in range(3):
        run.log({"loss": abs(run.config["shift"] - 2) + run.config.get("momentum", 1.5) + 1 / (epoch + 1)})
"""


def drive(
    config: str, batch: int, env: dict[str, str], folder: Path
) -> tuple[str, list[dict[str, Any]], str]:
    """Run a sweep the way `litsweep scheduler` says: its state at the end, its runs in order, the log."""
    (folder / "train.py").write_text(TRAIN_OURS)
    (folder / "sweep.yaml").write_text(config)
    command = [sys.executable, "-m", "litsweep", "scheduler", "sweep.yaml"]
    subprocess.run(command, cwd=folder, env=env, check=True, timeout=60)
    sweep = create_sweep((folder / "sweep_scheduler.yaml").read_text(), env, folder)
    flags = ["--batch-size", str(batch), "--poll-interval", "1"]
    scheduler = start(["-m", "wandb", "sweep-scheduler", *flags, sweep], env, folder)
    agent = start(["-m", "wandb", "agent", sweep], env, folder)
    log = folder / "out-0"
    assert agent.wait(timeout=240) == 0
    assert scheduler.wait(timeout=60) == 0, log.read_text()
    code = f"""
    import json, wandb
    sweep = wandb.Api().sweep({sweep!r})
    def described(run):
        losses = [row["loss"] for row in run.scan_history(keys=["loss"])]
        return {{"state": run.state, "config": dict(run.config), "losses": losses}}
    runs = sorted(sweep.runs, key=lambda run: run.created_at)
    print(json.dumps([sweep.state, [described(run) for run in runs]]))
    """
    state, runs = json.loads(python(code, env, folder).stdout.splitlines()[-1])
    return state, runs, log.read_text()


@pytest.mark.slow
def test_our_search_by_the_stock_scheduler(client_env: dict[str, str], tmp_path: Path) -> None:
    state, runs, log = drive(OURS + "run_cap: 8", 1, client_env, tmp_path)
    ended = [run for run in runs if run["state"] == "finished"]
    assert state == "FINISHED"
    assert len(ended) == 8, log
    controller = Controller(parse_sweep(OURS))
    for run in ended:
        (expected,) = controller.ask()
        assert run["config"] == expected.parameters
        controller.tell(expected.id, [{"loss": loss} for loss in run["losses"]], "finished")
    assert expected.reason.name == "bayes"


@pytest.mark.slow
def test_the_stock_scheduler_learns_from_an_earlier_sweep(client_env: dict[str, str], tmp_path: Path) -> None:
    before = tmp_path / "before"
    before.mkdir()
    (before / "train.py").write_text(TRAIN_OURS)
    sweep = create_sweep(OURS.replace("bayes", "random") + "run_cap: 6", client_env, before)
    agent = start(["-m", "wandb", "agent", sweep], client_env, before)
    assert agent.wait(timeout=240) == 0
    state, runs, log = drive(OURS + "run_cap: 1", 1, client_env, tmp_path)
    assert state == "FINISHED" and len(runs) == 1, log
    assert f"The search learns from {sweep.rpartition('/')[2]}" in log
    assert abs(runs[0]["config"]["shift"] - 2) < 1


@pytest.mark.slow
def test_a_finite_space_is_tried_through_by_the_stock_scheduler(
    client_env: dict[str, str], tmp_path: Path
) -> None:
    config = """
program: train.py
method: bayes
metric: {name: loss, goal: minimize}
parameters:
  shift: {values: [1, 2, 3]}
"""
    state, runs, log = drive(config, 2, client_env, tmp_path)
    assert state == "FINISHED", log
    assert sorted(run["config"]["shift"] for run in runs) == [1, 2, 3]
    assert {run["state"] for run in runs} == {"finished"}
