"""The main flows of a stock client, one a function. They run in an environment that has only `wandb`.

`python client_flows.py FLOW` runs one flow in the current folder against the server of the environment. It
exits with 0 if the flow works.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wandb

HOME = "local/clients"

TRAIN = """
import wandb
with wandb.init() as run:
    for step in range(3):
        run.log({"loss": (run.config["a"] - 2) ** 2 + 1 / (step + 1)})
"""
GRID = """
program: train.py
method: grid
metric: {name: loss, goal: minimize}
parameters: {a: {values: [1, 2]}}
"""
LOSS = {"name": "loss", "goal": "minimize"}
SWEEP = {"method": "grid", "metric": LOSS, "parameters": {"a": {"values": [1, 2]}}}
RANDOM = """
program: train.py
method: random
metric: {name: loss, goal: minimize}
parameters: {a: {min: 0.0, max: 4.0}}
"""


def cli(*args: str) -> str:
    """Return the output of a `wandb` command that exits with 0."""
    command = [sys.executable, "-m", "wandb", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, f"wandb {' '.join(args)}: exit {done.returncode}\n{output}"
    return output


def sweep_of(path: str) -> Any:
    """Return a sweep as the public API reads it."""
    return wandb.Api().sweep(path)  # type: ignore[no-untyped-call]  # wandb


def create_sweep(config: str) -> str:
    """Return the path of a new sweep, made by `wandb sweep` from a YAML file."""
    Path("train.py").write_text(TRAIN)
    Path("sweep.yaml").write_text(config)
    found = re.search(r"wandb agent (\S+)", cli("sweep", "--project", "clients", "sweep.yaml"))
    assert found
    return found[1]


def run() -> None:
    """Log rows, a summary and a file; read them back."""
    with wandb.init(project="clients", config={"lr": 0.1, "deep": {"er": 2}}, tags=["t"]) as live:
        for step in range(20):
            live.log({"loss": 1 / (step + 1)})
        live.summary["note"] = "done"
        Path("notes.txt").write_text("some text")
        live.save("notes.txt")
    read = wandb.Api().run(f"{HOME}/{live.id}")
    assert (read.state, read.config, list(read.tags)) == ("finished", {"lr": 0.1, "deep": {"er": 2}}, ["t"])
    assert read.summary["note"] == "done" and read.summary["loss"] == 0.05
    assert [row["loss"] for row in read.scan_history()] == [1 / (step + 1) for step in range(20)]
    with read.file("notes.txt").download(root="back", replace=True) as text:
        assert text.read() == "some text"


def resume() -> None:
    """Resume a run that failed, by its id."""
    with wandb.init(project="clients", id="resumed") as live:
        live.log({"row": 0})
        live.finish(exit_code=1)
    with wandb.init(project="clients", id="resumed", resume="must") as live:
        assert live.resumed
        live.log({"row": 1})
    read = wandb.Api().run(f"{HOME}/resumed")
    assert read.state == "finished" and [(row["_step"], row["row"]) for row in read.scan_history()] == [
        (0, 0),
        (1, 1),
    ], list(read.scan_history())


def artifacts() -> None:
    """Log two versions of an artifact, use one in another run, download it, and find both."""
    for text in ("one", "two"):
        Path("data.txt").write_text(text)
        made = wandb.Artifact("data", type="dataset", metadata={"text": text})
        made.add_file("data.txt")
        with wandb.init(project="clients") as live:
            live.log_artifact(made, aliases=[text]).wait()
    with wandb.init(project="clients") as live:
        used = live.use_artifact("data:one")
        assert (Path(used.download(root="got")) / "data.txt").read_text() == "one"
    latest = wandb.Api().artifact(f"{HOME}/data:latest")
    assert latest.metadata == {"text": "two"} and latest.version == "v1"
    assert [run.id for run in wandb.Api().artifact(f"{HOME}/data:one").used_by()] == [live.id]
    assert [each.name for each in wandb.Api().run(f"{HOME}/{live.id}").used_artifacts()] == ["data:v0"]
    assert {each.version for each in wandb.Api().artifacts("dataset", f"{HOME}/data")} == {"v0", "v1"}
    assert [each.name for each in wandb.Api().artifact_type("dataset", HOME).collections()] == ["data"]


def offline() -> None:
    """Log a run offline and sync it."""
    with wandb.init(project="clients", mode="offline", id="offline") as live:
        for value in range(5):
            live.log({"value": value})
    cli("sync", str(Path(live.dir).parent))
    read = wandb.Api().run(f"{HOME}/offline")
    assert read.state == "finished" and [row["value"] for row in read.scan_history()] == [0, 1, 2, 3, 4]


def edit() -> None:
    """Change a run's config, summary, tags, name and files with the public API, and delete the run."""
    with wandb.init(project="clients", id="edited", config={"a": 1}) as live:
        live.log({"loss": 1})
    run: Any = wandb.Api().run(f"{HOME}/edited")
    run.config["b"], run.name = 2, "renamed"
    run.tags.append("new")
    run.update()
    run.summary.update({"test": 0.5})
    Path("later.txt").write_text("text")
    run.upload_file("later.txt")
    read = wandb.Api().run(f"{HOME}/edited")
    assert (dict(read.config), read.name, list(read.tags)) == ({"a": 1, "b": 2}, "renamed", ["new"])
    assert read.summary["test"] == 0.5 and read.summary["loss"] == 1
    with read.file("later.txt").download(root="later", replace=True) as text:
        assert text.read() == "text"
    read.delete()
    assert "edited" not in [each.id for each in wandb.Api().runs(HOME)]


def agent() -> None:
    """Create a sweep from YAML and run it with `wandb agent` and a program."""
    sweep = create_sweep(GRID)
    cli("agent", sweep)
    read = sweep_of(sweep)
    assert read.state == "FINISHED", read.state
    assert [run.state for run in read.runs] == ["finished"] * 2
    assert [config_of(run.id) for run in read.runs] == [{"a": 1}, {"a": 2}]
    best = read.best_run()
    assert best is not None and config_of(best.id) == {"a": 2}


def config_of(run: str) -> dict[str, object]:
    """Return a run's config. In a list of runs, client 0.25.1 shows an empty one, whatever the server."""
    return dict(wandb.Api().run(f"{HOME}/{run}").config)


def function() -> None:
    """Run a sweep with `wandb.agent` and a function."""
    sweep = wandb.sweep({**SWEEP, "name": "by function"}, project="clients")

    def train() -> None:
        with wandb.init() as live:
            live.log({"loss": live.config["a"]})

    wandb.agent(sweep, function=train, project="clients", count=2)
    runs = sweep_of(f"{HOME}/{sweep}").runs
    assert [run.state for run in runs] == ["finished"] * 2


def api() -> None:
    """Read runs with filters and orders, histories, sweeps and projects."""
    for value in (1, 2, 3):
        with wandb.init(project="read", config={"a": value}, group="g") as live:
            for step in range(10):
                live.log({"loss": value / (step + 1)})
    read = wandb.Api()
    wanted = {"config.a": {"$gte": 2}}
    found = read.runs("local/read", filters=wanted, order="-summary_metrics.loss", lazy=False)
    assert [run.config["a"] for run in found] == [3, 2]
    assert len(read.runs("local/read", filters={"$and": [{"state": "finished"}, {"group": "g"}]})) == 3
    assert len(found[0].history(samples=5, pandas=False)) == 5
    rows = [row["loss"] for row in found[1].scan_history(keys=["loss"], page_size=3)]
    assert rows[:2] == [2, 1], rows
    assert [row["loss"] for row in found[1].scan_history(keys=["loss"], max_step=2)] == [2, 1]
    sweep = wandb.sweep(SWEEP, project="read")
    assert [each.id for each in read.project("read", "local").sweeps()] == [sweep]
    assert "read" in [project.name for project in read.projects("local")]


def states() -> None:
    """Pause, resume, stop and cancel sweeps."""
    stopped, canceled = create_sweep(RANDOM), create_sweep(RANDOM)
    cli("agent", "--count", "1", stopped)
    for flag, state in (("--pause", "PAUSED"), ("--resume", "RUNNING"), ("--stop", "FINISHED")):
        cli("sweep", flag, stopped)
        assert sweep_of(stopped).state == state
    cli("agent", "--count", "1", canceled)
    cli("sweep", "--cancel", canceled)
    assert sweep_of(canceled).state == "CANCELED"
    begin = time.monotonic()
    cli("agent", canceled)
    assert time.monotonic() - begin < 60 and len(sweep_of(canceled).runs) == 1


FLOWS: dict[str, Callable[[], None]] = {
    each.__name__: each for each in (run, resume, artifacts, offline, edit, agent, function, api, states)
}

if __name__ == "__main__":
    FLOWS[sys.argv[1]]()
