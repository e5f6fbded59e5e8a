"""Runs that the stock agent starts, on a real server: their reports, stop and resumption."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.compat.stock import Env, create_sweep, python, start
from tests.live_server import LiveServer

ROOT = Path(__file__).parents[2]

READ_SWEEP = """
import json, wandb
sweep = wandb.Api().sweep({path!r})
print(json.dumps([
    {{"id": run.id, "storage_id": run.storage_id, "state": run.state, "config": dict(run.config),
      "summary": dict(run.summary), "rows": list(run.scan_history()),
      "files": [file.name for file in run.files()]}}
    for run in sweep.runs
], default=str))
"""
STOP = "mutation ($id: ID!) { stopRun(input: {id: $id}) { success } }"


@pytest.fixture
def env(client_env: dict[str, str]) -> Env:
    return client_env | {"PYTHONPATH": str(ROOT)}


def read_runs(path: str, env: Env, folder: Path) -> list[dict[str, Any]]:
    done = python(READ_SWEEP.format(path=path), env, folder)
    assert done.returncode == 0, done.stderr
    runs: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return runs


def log_of(folder: Path) -> str:
    return (folder / "out-0").read_text()


def test_a_run_of_a_sweep_reports_config_metrics_and_files(env: Env, tmp_path: Path, cache: Path) -> None:
    sweep = f"""
    program: {ROOT}/agent.py
    method: random
    metric: {{name: val_acc, goal: maximize}}
    parameters:
      data: {{parameters: {{dataset: {{value: digits}}, cache: {{value: {cache}}}}}}}
      data.batch_size: {{distribution: q_uniform, min: 32, max: 128, q: 32}}
      model.learning_rate: {{value: 1e-2}}
      model.width: {{value: 4.0}}
      trainer.max_epochs: {{value: 3}}
      trainer.limit_train_batches: {{value: 3}}
      images_every_n_epochs: {{value: 2}}
    """
    path = create_sweep(sweep, env, tmp_path)
    agent = start(["-m", "wandb", "agent", "--count", "1", path], env, tmp_path)
    assert agent.wait(timeout=180) == 0, log_of(tmp_path)
    (run,) = read_runs(path, env, tmp_path)
    assert run["state"] == "finished", log_of(tmp_path)
    config, summary, rows = run["config"], run["summary"], run["rows"]

    assert config["data.batch_size"] in (32, 64, 96, 128)
    assert (
        float(config["model.learning_rate"]) == 0.01
    )  # YAML 1.1 reads 1e-2 as text; the flag's type knows better
    assert config["model.schedule"] == "constant"  # what was not swept is in the config too

    assert [row["val_acc"] for row in rows if row.get("val_acc") is not None] == pytest.approx(
        [
            row["val_acc"]
            for row in sorted(rows, key=lambda row: row["_step"])
            if row.get("val_acc") is not None
        ]
    )
    for metric in ("train_loss", "train_acc", "val_loss", "val_acc"):
        assert sum(row.get(metric) is not None for row in rows) == 3, (
            metric
        )  # once per epoch: hyperband counts it
    assert sum(row.get("test_acc") is not None for row in rows) == 1
    assert any(row.get("lr-AdamW") is not None for row in rows)

    assert summary["best_val_acc"] == max(row["val_acc"] for row in rows if row.get("val_acc") is not None)
    assert summary["stop_reason"] == "completed"
    assert "failure" not in summary
    checkpoint = tmp_path / "checkpoints" / path.rpartition("/")[2] / run["id"] / "best.ckpt"
    assert Path(summary["checkpoint"]) == checkpoint.resolve()
    assert checkpoint.is_file()
    assert any("val_predictions" in name for name in run["files"])
    assert any("confusion_matrix" in name for name in summary)


LONG = """
program: {root}/agent.py
method: grid
metric: {{name: val_error, goal: minimize}}
parameters:
  model: {{value: tests.pipeline.own.Slow}}
  data: {{value: tests.pipeline.own.Line}}
  monitor: {{value: val_error}}
  mode: {{value: min}}
  patience: {{value: 0}}
  trainer.max_epochs: {{value: {epochs}}}
"""


@pytest.mark.slow
def test_a_stop_asked_for_by_the_server_ends_the_run_with_exit_0(
    env: Env, server: LiveServer, tmp_path: Path
) -> None:
    path = create_sweep(LONG.format(root=ROOT, epochs=100_000), env, tmp_path)
    agent = start(["-m", "wandb", "agent", "--count", "1", path], env, tmp_path)
    run = wait_for_rows(path, env, tmp_path, agent)
    server.graphql(STOP, id=run["storage_id"])
    assert agent.wait(timeout=180) == 0, log_of(tmp_path)
    (run,) = read_runs(path, env, tmp_path)
    assert run["summary"]["stop_reason"] == "requested", log_of(tmp_path)
    assert Path(run["summary"]["checkpoint"]).is_file()
    assert "exited with return code 0" in log_of(tmp_path) or run["state"] == "finished"


@pytest.mark.slow
def test_a_preempted_run_of_a_sweep_resumes_with_its_curve(env: Env, tmp_path: Path) -> None:
    """The same command runs twice with the same run id, as after the server's resume command."""
    path = create_sweep(LONG.format(root=ROOT, epochs=60), env, tmp_path)
    entity, project, sweep = path.split("/")
    ours = {
        "WANDB_RUN_ID": "again",
        "WANDB_SWEEP_ID": sweep,
        "WANDB_ENTITY": entity,
        "WANDB_PROJECT": project,
    }
    own = ["--model=tests.pipeline.own.Slow", "--data=tests.pipeline.own.Line", "--patience=0"]
    command = [str(ROOT / "agent.py"), *own, "--monitor=val_error", "--mode=min", "--trainer.max_epochs=60"]

    first = start(command, {**env, **ours}, tmp_path)
    wait_for_rows(path, env, tmp_path, first)
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=60) == 143, log_of(tmp_path)
    (preempted,) = read_runs(path, env, tmp_path)
    assert preempted["state"] in ("preempted", "preempting")
    assert preempted["summary"]["failure"] == "signal"

    second = start(command, {**env, **ours}, tmp_path)
    assert second.wait(timeout=120) == 0, (tmp_path / "out-1").read_text()
    (resumed,) = read_runs(path, env, tmp_path)
    assert resumed["state"] == "finished"
    assert resumed["summary"].get("failure") is None
    epochs = [row["epoch"] for row in resumed["rows"] if row.get("val_error") is not None]
    assert epochs == list(range(60))  # every epoch once, none lost and none twice
    steps = [row["trainer/global_step"] for row in resumed["rows"] if row.get("val_error") is not None]
    assert steps == sorted(steps)


def wait_for_rows(path: str, env: Env, folder: Path, process: "subprocess.Popen[str]") -> dict[str, Any]:
    """Return the sweep's run as soon as it has logged a validation."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None, log_of(folder)
        for run in read_runs(path, env, folder):
            if any(row.get("val_error") is not None for row in run["rows"]):
                return run
        time.sleep(1)
    raise AssertionError(f"no validation was logged:\n{log_of(folder)}")
