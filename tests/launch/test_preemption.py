"""A run that is preempted ten times resumes each time without a trace in its history."""

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import wandb

from tests.launch.conftest import Bench, MakeBench
from tests.launch.processes import launched, runs_of, wait_until

AGENT = Path(__file__).parents[2] / "agent.py"
FIXED = {
    "data.dataset": "digits",
    "data.batch_size": 4,
    "trainer.max_epochs": 6,
    "model.dropout": 0.3,
    "model.schedule": "cosine",
    "model.learning_rate": 0.001,
    "patience": 5,
}


def make(bench: MakeBench, project: str, **changed: object) -> Bench:
    parameters = {name: {"value": value} for name, value in (FIXED | changed).items()}
    metric = {"name": "val_acc", "goal": "maximize"}
    return bench(
        project=project, program=str(AGENT), method="grid", metric=metric, parameters=parameters, run_cap=1
    )


def history(made: Bench) -> list[dict[str, Any]]:
    """Return the rows of the only run, without their times."""
    query = """query History($e: String!, $p: String!, $r: String!) { project(name: $p, entityName: $e) {
        run(name: $r) { history(samples: 100000) } } }"""
    (run,) = made.runs()
    path = made.api.path
    data = made.api._call(query, e=path.entity, p=path.project, r=run["name"])
    rows = [json.loads(row) for row in data["project"]["run"]["history"]]
    return [{k: v for k, v in row.items() if k not in ("_timestamp", "_runtime", "_wandb")} for row in rows]


def comparable(row: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in row.items() if isinstance(value, int | float)}


def preempt(made: Bench, most: int, moments: random.Random) -> int:
    """Launch, and send the run SIGTERM at random moments until it ends. Return how often it was preempted."""
    with launched(made, "1") as launcher:
        for _ in range(most):
            wait_until(lambda: launcher.poll() is not None or (made.states()["running"] and runs_of(made)))
            time.sleep(moments.uniform(0.6, 1.6))
            if not (runs := runs_of(made)):
                break
            os.kill(runs[0], signal.SIGTERM)
            wait_until(lambda gone=runs[0]: gone not in runs_of(made))  # type: ignore[misc]
        assert launcher.communicate(timeout=300)[0] == "0\n"
    log = next(made.folder.glob(f"logs/{made.api.path.id}/slot-0.log")).read_text()
    return log.count("ended with 143")


def test_a_cluster_that_signals_every_process_of_a_job_loses_no_row(bench: MakeBench) -> None:
    """Slurm signals the agent, its fork server, the run, and W&B's service, which may hold rows for 15 s."""
    small = {"data.batch_size": 32, "model.width": 4, "trainer.max_epochs": 500, "patience": 0}
    made = make(bench, "p", log_model=True, **small)
    made.environ["WANDB_X_FILE_STREAM_TRANSMIT_INTERVAL"] = "15"
    last = made.folder / "checkpoints" / made.api.path.id
    with launched(made, "1") as launcher:
        wait_until(lambda: list(last.glob("*/last.ckpt")), seconds=180)
        assert launcher.pid in made.left_over()
        for pid in made.left_over():
            os.kill(pid, signal.SIGTERM)
        assert launcher.communicate(timeout=60)[0] == "0\n"
    assert made.states() == {"preempted": 1}
    (saved,) = [torch.load(path, weights_only=False)["epoch"] for path in last.glob("*/last.ckpt")]
    rows = [row for row in history(made) if row.get("val_acc") is not None]
    assert [row["epoch"] for row in rows] == list(range(saved + 1))
    (run,) = made.runs()
    api = wandb.Api({"base_url": made.environ["WANDB_BASE_URL"]}, api_key=made.environ["WANDB_API_KEY"])
    assert api.artifact_exists(f"local/p/checkpoint-{run['name']}:latest", type="checkpoint")
    assert made.left_over() == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_preemptions_change_nothing(bench: MakeBench) -> None:
    undisturbed = make(bench, "undisturbed")
    assert undisturbed.launch(agents=1).exit_code == 0
    expected = history(undisturbed)
    moments = random.Random(0)
    preemptions = 0
    while preemptions < 10:
        made = make(bench, f"after-{preemptions}")
        new = preempt(made, 10 - preemptions, moments)
        assert new > 0
        preemptions += new
        rows = history(made)
        assert made.states() == {"finished": 1}
        assert len({row["_step"] for row in rows}) == len(rows)
        assert [row.keys() for row in rows] == [row.keys() for row in expected]
        for row, wanted in zip(rows, expected, strict=True):
            assert comparable(row) == pytest.approx(comparable(wanted), abs=1e-6)
        assert made.left_over() == []
