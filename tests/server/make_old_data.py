"""Make the data folder of an older version as a fixture: `python -m tests.server.make_old_data FOLDER`.

Run this in a work tree of the commit whose folder you want. FOLDER gets `litsweep.sql` (the dump of the
database), `blobs.tar.xz`, and `answers.json`: what that version's server answers to the stock client. The
folder in `tests/server/old_data/v1` comes from commit ba0ebe7, the last without a schema version.
"""

import json
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.compat import stock
from tests.conftest import client_environment
from tests.live_server import LiveServer

API_KEY = "0" * 40
QUIET = {
    "WANDB_X_DISABLE_META": "true",
    "WANDB_X_SAVE_REQUIREMENTS": "false",
    "WANDB_DISABLE_CODE": "true",
    "WANDB_DISABLE_GIT": "true",
    "WANDB_HOST": "here",
    "WANDB_CONSOLE": "wrap",
    "WANDB_X_STATS_SAMPLING_INTERVAL": "2",
}
SWEEP = """
program: train.py
name: old sweep
method: bayes
run_cap: 6
metric: {name: val/loss, goal: minimize}
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 1.0}
  width: {values: [8, 16, 32]}
"""
TRAIN = """
import wandb
with wandb.init() as run:
    print("trains with", run.config.width)
    number = len(wandb.Api().sweep(f"{run.entity}/{run.project}/{run.sweep_id}").runs)
    for epoch in range(5):
        run.log({"val/loss": run.config.lr + 1 / (epoch + 1), "nested": {"epoch": epoch}})
    if number == 2:
        run.finish(exit_code=1)
"""
LOG = """
import os, wandb
with wandb.init(project="p", id="parent", config={"lr": 0.1, "model": {"depth": 2}}, tags=["first", "gold"],
                notes="a note", group="g", job_type="train") as run:
    for step in (0, 1, 5, 10, 11):
        run.log({"x": step, "deep": {"er": step}}, step=step)
    with open("kept.txt", "w") as file:
        file.write("kept")
    run.save("kept.txt")
    model = wandb.Artifact("model", type="model", metadata={"layers": 3})
    with model.new_file("weights.txt") as file:
        file.write("1 2 3")
    run.log_artifact(model, aliases=["best"])
with wandb.init(project="p", fork_from="parent?_step=5") as run:
    run.use_artifact("model:best")
    run.log({"x": 99})
with wandb.init(project="p", id="crashes") as run:
    run.log({"x": 1})
    run.finish(exit_code=1)
wandb.init(project="p", id="waits", mode="online").mark_preempting()
os._exit(1)
"""
READ = """
import json, wandb

api = wandb.Api()

def read(path):
    with open(path) as file:
        return file.read()

def artifact(found):
    return {"name": found.name, "aliases": sorted(found.aliases), "metadata": found.metadata,
            "files": {file.name: read(found.get_entry(file.name).download()) for file in found.files()},
            "used by": [run.id for run in found.used_by()], "digest": found.digest}

def of(run):
    return {
        "state": run.state, "config": run.config, "tags": run.tags, "notes": run.notes, "group": run.group,
        "summary": {key: value for key, value in run.summary_metrics.items() if key != "_wandb"},
        "sweep": run.sweep_name, "rows": list(run.scan_history()), "name": run.name,
        "created": run.created_at,
        "files": {file.name: [file.size, file.md5] for file in run.files()},
        "log": [line.content for line in run.console_logs()], "system": len(run.history(stream="system")),
        "artifacts": [artifact(found) for found in run.logged_artifacts() if found.type == "model"],
    }

answers = {run.id: of(run) for run in api.runs("local/p")}
for found in api.project("p", "local").sweeps():
    found = api.sweep(f"local/p/{found.id}")
    answers[found.id] = {"state": found.state, "config": found.config, "best": found.best_run().id,
                         "order": found.order, "runs": [run.id for run in found.runs]}
with open("answers.json", "w") as file:
    json.dump(answers, file, indent=1, sort_keys=True)
"""


def read_back(env: stock.Env, folder: Path) -> dict[str, Any]:
    """Return everything that the stock client reads from a server's project local/p."""
    done = stock.python(READ, env, folder)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads((folder / "answers.json").read_text())
    return answers


def _make(target: Path, scratch: Path) -> None:
    server = LiveServer(scratch / "data")
    server.data_dir.mkdir()
    (server.data_dir / "api_key").write_text(API_KEY + "\n")
    server.start()
    env = client_environment(server, scratch) | QUIET
    (scratch / "train.py").write_text(TRAIN)
    sweep = stock.create_sweep(SWEEP, env, scratch)
    agent = stock.wandb("agent", sweep, env=env, folder=scratch, timeout=300)
    assert agent.returncode == 0, agent.stderr
    assert stock.python(LOG, env, scratch).returncode == 1
    target.mkdir(parents=True, exist_ok=True)
    answers = json.dumps(read_back(env, scratch), indent=1, sort_keys=True)
    server.stop()
    (target / "answers.json").write_text(answers + "\n")
    with closing(sqlite3.connect(server.data_dir / "litsweep.db")) as database:
        (target / "litsweep.sql").write_text("\n".join(database.iterdump()) + "\n")
    with tarfile.open(target / "blobs.tar.xz", "w:xz") as tar:
        tar.add(server.data_dir / "blobs", "blobs", filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def unpack(source: Path, data_dir: Path) -> None:
    """Write a fixture's data folder to `data_dir`."""
    data_dir.mkdir(parents=True)
    (data_dir / "api_key").write_text(API_KEY + "\n")
    with closing(sqlite3.connect(data_dir / "litsweep.db")) as database:
        database.executescript((source / "litsweep.sql").read_text())
    with tarfile.open(source / "blobs.tar.xz") as tar:
        tar.extractall(data_dir, filter="data")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        try:
            _make(Path(sys.argv[1]), Path(scratch))
        except subprocess.CalledProcessError as error:
            sys.exit(str(error.stderr))
