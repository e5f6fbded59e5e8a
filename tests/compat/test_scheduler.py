"""`wandb sweep-scheduler`: a sweep whose runs are chosen outside the server."""

import json
from pathlib import Path

import pytest

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
