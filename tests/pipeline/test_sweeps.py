"""Every file in sweeps/, as people use it: stock `wandb sweep` and `wandb agent`, but small data."""

import json
import subprocess
from pathlib import Path
from typing import Any

import torch
import yaml

from litsweep.pipeline.arguments import flatten
from litsweep.pipeline.datasets import SOURCES, prepared_file
from litsweep.pipeline.images import Images, Prepared
from litsweep.sweep.config import parse_sweep
from tests.compat.stock import Env, create_sweep, python, start

ROOT = Path(__file__).parents[2]
FILES = sorted(path.name for path in (ROOT / "sweeps").glob("*.yaml"))
SMALL = [
    "--trainer.limit_train_batches=2",
    "--trainer.limit_val_batches=1",
    "--trainer.limit_test_batches=1",
    "--trainer.num_sanity_val_steps=0",
    "--trainer.accelerator=cpu",
]

READ_SWEEP = """
import json, wandb
sweep = wandb.Api().sweep({path!r})
print(json.dumps([
    {{"state": run.state, "config": dict(run.config), "summary": dict(run.summary), "id": run.id,
     "rows": list(run.scan_history())}}
    for run in sweep.runs
], default=str))
"""


def small_images(name: str, cache: Path) -> None:
    """Save a data set of random pixels that has the shape and the classes of `name`."""
    source = SOURCES[name]
    labels = torch.arange(600) % source.classes
    images = Images(torch.randint(0, 256, (600, *source.shape), dtype=torch.uint8), labels)
    path = prepared_file(cache, name)
    path.parent.mkdir(parents=True)
    Prepared(images, None, images, tuple(str(label) for label in range(source.classes))).save(path)


def fast(file: str, cache: Path, folder: Path) -> str:
    """Return a sweep file's text for the same sweep on few batches and one epoch."""
    sweep = yaml.safe_load((ROOT / "sweeps" / file).read_text())
    program = str(ROOT / sweep["program"])
    sweep["parameters"]["trainer.max_epochs"]["value"] = 1
    paths = [f"--data.cache={cache}", f"--checkpoints={folder}/checkpoints"]
    sweep["command"] = ["${env}", "${interpreter}", program, "${args}", *SMALL, *paths]
    return yaml.safe_dump(sweep)


def read_runs(path: str, env: Env, folder: Path) -> list[dict[str, Any]]:
    done = python(READ_SWEEP.format(path=path), env, folder)
    assert done.returncode == 0, done.stderr
    runs: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return runs


def test_every_sweep_file_runs_with_the_stock_client(client_env: Env, tmp_path: Path) -> None:
    for name in ("cifar10", "cifar100", "fashion_mnist"):
        small_images(name, tmp_path / "cache")
    agents: dict[str, tuple[str, Path, subprocess.Popen[str]]] = {}
    for file in FILES:
        folder = tmp_path / file
        folder.mkdir()
        path = create_sweep(fast(file, tmp_path / "cache", folder), client_env, folder)
        agents[file] = path, folder, start(["-m", "wandb", "agent", "--count", "1", path], client_env, folder)
    for file, (path, folder, agent) in agents.items():
        assert agent.wait(timeout=240) == 0, (folder / "out-0").read_text()
        (run,) = read_runs(path, client_env, folder)
        assert run["state"] == "finished", (file, run, (folder / "out-0").read_text())
        check_run(run, file, folder, path.rpartition("/")[2])


def check_run(run: dict[str, Any], file: str, folder: Path, sweep_id: str) -> None:
    sweep = parse_sweep((ROOT / "sweeps" / file).read_text())
    assert sweep.metric is not None
    summary = run["summary"]
    assert {sweep.metric.name, "test_acc", "test_loss", "confusion_matrix_table"} <= summary.keys()
    assert f"best_{sweep.metric.name}" in summary
    assert summary["stop_reason"] == "completed"
    assert Path(summary["checkpoint"]) == folder / "checkpoints" / sweep_id / run["id"] / "best.ckpt"
    assert Path(summary["checkpoint"]).is_file()
    assert {parameter.name for parameter in sweep.space.parameters} <= flatten(run["config"]).keys()
    assert sum(sweep.metric.name in row for row in run["rows"]) == 1  # once per epoch: what hyperband counts
    assert any("train_loss" in row for row in run["rows"])
    assert any(name.startswith("lr-") for row in run["rows"] for name in row)
