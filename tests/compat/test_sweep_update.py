"""`wandb sweep --update`, stock, on a sweep that a stock agent works on."""

import json
import time
from pathlib import Path

from tests.compat.stock import Env, start, wandb
from tests.live_server import LiveServer
from tests.server.operations import SWEEP, UPSERT_SWEEP

TRAIN = """
import pathlib, time, wandb
with wandb.init() as run:
    run.log({"loss": run.config["lr"]})
    while not pathlib.Path("edited").exists():
        time.sleep(0.1)
"""
CONFIG = """
program: train.py
method: random
run_cap: 2
metric: {{name: {metric}, goal: minimize}}
parameters:
  lr: {{min: {low}, max: {high}}}
"""


def update(sweep: str, env: Env, folder: Path, **values: object) -> str:
    """Return what the command prints."""
    (folder / "new.yaml").write_text(CONFIG.format(**{"metric": "loss", "low": 0.0, "high": 1.0, **values}))
    done = wandb("sweep", "--update", sweep, "new.yaml", env=env, folder=folder)
    return done.stdout + done.stderr


def test_an_agent_continues_with_the_new_config(
    server: LiveServer, client_env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(TRAIN)
    config = CONFIG.format(metric="loss", low=0.0, high=1.0)
    name = server.graphql(UPSERT_SWEEP, config=config)["upsertSweep"]["sweep"]["name"]
    sweep = f"local/p/{name}"
    agent = start(["-m", "wandb", "agent", sweep], client_env, tmp_path)
    deadline = time.monotonic() + 60
    while "running" not in str(server.graphql(SWEEP, name=name)["project"]["sweep"]["runs"]):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused = update(sweep, client_env, tmp_path, metric="acc")
    assert "metric.name: cannot change, because the results so far would mean something else" in refused
    assert "Traceback" not in refused and "Updating sweep with ID" not in refused
    assert f"Updating sweep with ID: {name}" in update(sweep, client_env, tmp_path, low=10.0, high=11.0)
    (tmp_path / "edited").touch()
    assert agent.wait(timeout=100) == 0
    found = server.graphql(SWEEP.replace("id state", "state version"), name=name)["project"]["sweep"]
    runs = [edge["node"] for edge in found["runs"]["edges"]]
    values = sorted(json.loads(run["config"])["lr"]["value"] for run in runs)
    assert [value >= 10 for value in values] == [False, True] and found["version"] == 2
    assert {run["state"] for run in runs} == {"finished"} and found["state"] == "FINISHED"
